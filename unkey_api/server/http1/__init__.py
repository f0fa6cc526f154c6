"""HTTP/1.1 for an ASGI application, written for callers that mean harm.

llhttp (through httptools) parses; everything here is about what a connection may cost and when it may speak. A head, a
body, an answer and a silence are each bounded in bytes and in time, nothing is read further ahead than what a request
needs, no byte of a body is ever taken for a request, and every request gets one answer in one write. Reasons and
figures: `docs/adr/`.

`listener` opens and drains, `connections` keeps what all connections of a worker share, `connection` is one of them
with its `intake` and its `output`, `head` and `answer` are the two directions of the wire format, `request` is what an
application sees, `starting` makes its task.
"""
