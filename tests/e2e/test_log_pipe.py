"""Standard error is a pipe, as under Docker and systemd, and whoever reads it has stopped."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import threading
from pathlib import Path

import pytest

from tests.support.redis import RedisServer
from tests.support.served import ServeOptions, fetch, launch, processes_of, status_of, until
from unkey_api.infra.telemetry.line_writer import BYTES_MAX, LINES_MAX

pytestmark = pytest.mark.e2e

OPERATIONS = (
    "apis.createApi", "apis.deleteApi", "apis.getApi", "keys.createKey", "keys.deleteKey", "keys.getKey",
    "keys.verifyKey", "permissions.getRole", "permissions.listRoles", "identities.getIdentity",
)  # fmt: skip
EACH = 40  # so many lines of one kind are written at once


def drained(reading: int) -> bytes:
    """Return everything until nobody can write any more."""
    parts = []
    while part := os.read(reading, 65536):
        parts.append(part)
    return b"".join(parts)


def test_a_reader_that_hangs_holds_up_neither_requests_nor_the_stop(
    served_database: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    room = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    options = ServeOptions(database=served_database, redis=redis_server.url)
    base = f"http://127.0.0.1:{options.http_port}"
    process = launch(options.toml(), tmp_path / "serve.log", options.environment(), errors=writing)
    os.close(writing)
    try:
        until(lambda: status_of(f"{base}/health/ready") == 200, 30)
        refused = [
            fetch(f"{base}/v2/{operation}", {"key": "k"}, {"authorization": "Basic x"})[0]
            for operation in OPERATIONS
            for _ in range(EACH)
        ]
        assert set(refused) == {400}
        assert status_of(f"{base}/health/ready") == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert processes_of(process.pid) == []
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        written = drained(reading)
        os.close(reading)
    # Nobody read, so no more than the pipe holds arrived, and far more was to be written.
    assert 0 < len(written) <= room < len(OPERATIONS) * EACH * 300


def test_lines_wait_for_a_reader_that_comes_late(
    served_database: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    options = ServeOptions(database=served_database, redis=redis_server.url, workers=1)
    base = f"http://127.0.0.1:{options.http_port}"
    process = launch(options.toml(), tmp_path / "serve.log", options.environment(), errors=writing)
    os.close(writing)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(drained(reading)))
    try:
        until(lambda: status_of(f"{base}/health/ready") == 200, 30)
        ids = set()
        for operation in OPERATIONS:
            for _ in range(EACH):
                _, body = fetch(f"{base}/v2/{operation}", {"key": "k"}, {"authorization": "Basic x"})
                ids.add(json.loads(body)["meta"]["requestId"])
        assert len(ids) < LINES_MAX
        assert len(ids) * 1_000 < BYTES_MAX
        reader.start()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join(30)
        os.close(reading)
    lines = [json.loads(line) for line in read[0].splitlines() if line.startswith(b"{")]
    assert {line["http"]["request_id"] for line in lines if "http" in line} == ids
