"""A million keys: how fast they are imported, what a kill half-way leaves, and what operations cost among them."""
