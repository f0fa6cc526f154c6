"""Redis package."""
