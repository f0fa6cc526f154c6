"""The HTTP/1.1 protocol on a transport in memory."""
