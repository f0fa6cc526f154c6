"""Rules of the rpc plumbing."""
