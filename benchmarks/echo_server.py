"""The yardstick: an ASGI application that only decodes and encodes JSON, on the listener of the service.

Run it as `python -m benchmarks.echo_server PORT`.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import timedelta

import orjson

from unkey_api.rpc.request_state import Receive, Scope, Send
from unkey_api.server.http1.listener import Http1Listener
from unkey_api.server.http1.starting import new_event_loop
from unkey_api.server.sockets import bind_workers


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the JSON that came."""
    body = orjson.dumps(orjson.loads((await receive())["body"]))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def main(port: int) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    sockets = bind_workers("127.0.0.1", http_port=port, http2_port=0, workers=1)[0]
    listener = Http1Listener(echo, sockets.http1, budget=timedelta(seconds=1), tls=None)
    await listener.start()
    await stop.wait()
    await listener.drain()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main(int(sys.argv[1])))
