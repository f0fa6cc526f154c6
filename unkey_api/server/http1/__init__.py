"""HTTP/1.1 for an ASGI application, written for callers that mean harm.

llhttp (through httptools) parses; everything here is about what a connection may cost and when it may speak. A head, a
body, an answer and a silence are each bounded in bytes and in time, nothing is read further ahead than what a request
needs, no byte of a body is ever taken for a request, and every request gets one answer in one write. Reasons and
figures: `docs/adr/`.

`listener` opens and drains, `connections` keeps what all connections of a worker share and sends what they have to say,
`connection` is one of them with its `intake` from bytes to requests, `head` says what a head means and what is refused,
`request` is what an application sees and how its answer is written, `starting` makes its task.
"""
