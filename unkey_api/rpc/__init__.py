"""Both published surfaces: the edge, the chain every call runs through, and the encodings."""
