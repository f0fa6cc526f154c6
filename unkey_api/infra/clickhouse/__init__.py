"""The analytics database: a client, a batch writer, the event rows and the schema.

ClickHouse is optional and never in the way of a request: events go through `infra.batching`, the writer retries whole
batches and gives up loudly, and no caller of `Sink.add` ever learns of it. Reads raise `ClickHouseUnavailable` when the
server cannot be reached and `ClickHouseRefused` with the server's error number when it rejects the statement.

Each statement is one HTTP exchange of its own. A cancelled one closes its connection, so an unread answer can never be
taken for the answer of the next statement.
"""
