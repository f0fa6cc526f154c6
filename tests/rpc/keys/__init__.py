"""Operations of keys, through the whole application."""
