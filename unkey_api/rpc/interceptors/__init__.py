"""Cross-cutting work, one interceptor per file, outermost first in the order `app.py` lists them."""
