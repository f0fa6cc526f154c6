"""One use case per file, or a few small ones that read alike."""
