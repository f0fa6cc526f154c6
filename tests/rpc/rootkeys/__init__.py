"""rootKeys.* through the whole application, on both surfaces."""
