"""Looking keys up when the database is away: an error, and counted by what the key was presented for."""

from __future__ import annotations

from typing import NoReturn

import pytest

from tests.support.clock import FixedClock
from tests.support.reads import Direct
from unkey_api.areas.keys.verification.directory import KeyDirectory, key_cache
from unkey_api.areas.keys.verification.types import KeyNotLoaded
from unkey_api.container.limit_reports import load_readings
from unkey_api.core.ids import KeyHash
from unkey_api.infra.mysql import Params, Query, StoreUnavailable
from unkey_api.infra.resilience.tasks import BackgroundJobs
from unkey_api.infra.telemetry.limit_collector import KEY_ERRORS, Reading
from unkey_api.settings.stores import CacheSettings


class Away:
    """A database that does not answer."""

    async def fetch_one(self, query: Query[object], params: Params) -> NoReturn:
        raise StoreUnavailable("away")

    fetch_all = fetch_one


async def test_look_ups_that_fail_are_counted_by_what_the_key_was_presented_for() -> None:
    jobs = BackgroundJobs("test")
    cache = key_cache(CacheSettings(), clock=FixedClock(), refreshes=jobs)
    directory = KeyDirectory(cache, Direct(Away()))  # type: ignore[arg-type]  # it never answers
    for presented in ("key", "root_key", "root_key"):
        with pytest.raises(KeyNotLoaded):
            await directory.find(KeyHash("hash"), presented)
    await jobs.close()
    errors = [reading for reading in load_readings(directory.counts) if reading.family == KEY_ERRORS]
    assert errors == [Reading(KEY_ERRORS, ("key",), 1), Reading(KEY_ERRORS, ("root_key",), 2)]
