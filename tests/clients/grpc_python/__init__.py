"""grpcio, in a process of its own."""
