"""The HTTP/JSON surface: `/v2/<area>.<method>` with its envelope, on top of the same chain as the Connect surface."""
