"""Dev package."""
