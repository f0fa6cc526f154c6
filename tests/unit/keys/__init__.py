"""Keys, without stores."""
