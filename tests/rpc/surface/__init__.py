"""What surrounds the operations, on both surfaces."""
