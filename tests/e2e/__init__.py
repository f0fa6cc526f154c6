"""A served process and clients that are not ours."""
