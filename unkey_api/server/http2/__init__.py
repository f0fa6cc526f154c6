"""HTTP/2 by h2 and hypercorn, for callers that mean harm and share their connection with callers that do not.

h2 keeps the state of a connection and closes the whole of it for nearly every mistake; hypercorn lets a stream that is
not read stop all others. Here a mistake costs the stream it is made on wherever the shared state allows it (RFC 9113,
5.4.2), everything a caller may send or leave unread is bounded in bytes, frames and time, and a stop tells clients to
go before anything is closed. Private parts of both are overridden, so both are pinned exactly.

`listener` opens and drains, `connection` is one socket, `heads` judges the head of a request, `frames` is h2 made
harder, `streams` are those of one connection, `stream` brings one request to the application and its answer back.
"""
