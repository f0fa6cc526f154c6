"""Every attack for a moment, beside a victim that must be served all the same. `make attack` is the long form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack import bodies, heads, http2  # noqa: F401 - they register their attacks
from tests.attack.registry import ATTACKS, Target
from tests.attack.run import Bounds, besiege
from tests.attack.victim import Victim
from tests.support.redis import RedisServer
from tests.support.served import Served, ServeOptions, fetch, served_by, serving
from unkey_api.infra.mysql import Database

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

SECONDS = 0.5
# A build machine may be busy with other things; what these attacks once did was seconds of silence and gigabytes.
BOUNDS = Bounds(p99_ms=3_000.0, memory_factor=1.5, memory_mib=100.0)
SERIES_BYTES = 3_000_000


@pytest.fixture
def besieged(served_database: str, redis_server: RedisServer, database: Database, tmp_path: Path) -> Iterator[Served]:
    """A service of this test alone."""
    options = ServeOptions(database=served_database, redis=redis_server.url, max_body_bytes=10_485_760)
    with serving(options, tmp_path) as service:
        yield served_by(service, database)


async def test_a_victim_is_served_beside_every_attack(besieged: Served) -> None:
    service = besieged.service
    hostile, mine = await besieged.admin(), await besieged.admin()
    own = {"authorization": f"Bearer {mine.root_key}"}
    made = []
    for caller in (hostile, mine):
        headers = {"authorization": f"Bearer {caller.root_key}"}
        status, answer = fetch(f"{besieged.base}/v2/apis.createApi", {"name": "attacked"}, headers)
        assert status == 200
        made.append(answer.split('"apiId":"')[1].split('"')[0])
    status, answer = fetch(f"{besieged.base}/v2/keys.createKey", {"apiId": made[1]}, own)
    assert status == 200
    key = answer.split('"key":"')[1].split('"')[0]
    options = service.options
    target = Target(options.http_port, options.http2_port, hostile.root_key, made[0])
    victim = Victim(options.http_port, options.http2_port, root_key=mine.root_key, key=key)
    before = service.workers()
    rows = await besiege(target, victim, service.workers, seconds=SECONDS)
    broken = {row.name: row.broken(BOUNDS) for row in rows if row.broken(BOUNDS)}
    assert not broken
    assert service.workers() == before, "a worker was lost"
    assert len(service.metrics()) < SERIES_BYTES
    assert len(rows) == len(ATTACKS) >= 40
