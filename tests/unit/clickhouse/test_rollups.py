"""What has been released is never made otherwise: databases that have it are left as they are."""

from __future__ import annotations

import hashlib
import re

import pytest

from unkey_api.infra.clickhouse.migrate import FAMILIES, schema_objects
from unkey_api.infra.clickhouse.steps import step_tables, step_views

RELEASED = {
    "api_requests_per_day_mv_v2": "f346017aeb604d2a",
    "api_requests_per_day_v2": "9a2ab9e35d0be6d6",
    "api_requests_per_hour_mv_v2": "1f0f45fe66974636",
    "api_requests_per_hour_v2": "0e557c61fbf75934",
    "api_requests_per_minute_mv_v2": "b4e6720a6373882b",
    "api_requests_per_minute_v2": "2aefa30103614b96",
    "api_requests_per_month_mv_v2": "fc35ec24ab3268da",
    "api_requests_per_month_v2": "96ec48550e782069",
    "frontline_requests_per_15m_mv_v1": "5bdecfe90858e2d0",
    "frontline_requests_per_15m_v1": "27c0a4446bf8fdcd",
    "frontline_requests_per_5m_mv_v1": "2f2d1f5aebd9dda4",
    "frontline_requests_per_5m_v1": "59e11a467c4e1c9f",
    "frontline_requests_per_day_mv_v1": "e5dc4374d4835885",
    "frontline_requests_per_day_v1": "0d39a9716234c37f",
    "frontline_requests_per_hour_mv_v1": "2bb09f7c794d34d3",
    "frontline_requests_per_hour_v1": "1978d7be7817f30d",
    "frontline_requests_per_minute_v1": "1683997361a263ff",
    "instance_resources_per_15s_mv_v1": "601c65eb317f93ae",
    "instance_resources_per_15s_v1": "ec144be17234a624",
    "instance_resources_per_day_mv_v1": "cbd2faf15995adac",
    "instance_resources_per_day_v1": "2c2361e80d520440",
    "instance_resources_per_hour_mv_v1": "b888e4c77105eb32",
    "instance_resources_per_hour_v1": "413a9e1b5062c5ab",
    "instance_resources_per_minute_mv_v1": "db591c61f4b536c1",
    "instance_resources_per_minute_v1": "2c03f912fe0572fb",
    "instance_resources_per_month_mv_v1": "3b79fb721ef0dbee",
    "instance_resources_per_month_v1": "c814ef790d59f444",
    "key_verifications_per_day_mv_v3": "fce2091a03fdda8c",
    "key_verifications_per_day_v3": "2b81ac87b6f96221",
    "key_verifications_per_hour_mv_v3": "c10b13ed00b9c8d8",
    "key_verifications_per_hour_v3": "194ae66e3291081b",
    "key_verifications_per_minute_mv_v3": "749082d01319d66e",
    "key_verifications_per_minute_v3": "928b505b98226a76",
    "key_verifications_per_month_mv_v3": "50da3aa84fb70304",
    "key_verifications_per_month_v3": "c728e9c47cb3c66f",
    "ratelimits_per_day_mv_v2": "3ce02bf28ffc2cba",
    "ratelimits_per_day_v2": "196130c3209f9719",
    "ratelimits_per_hour_mv_v2": "2cb45e480e85f923",
    "ratelimits_per_hour_v2": "a660b5dcdf94ea4a",
    "ratelimits_per_minute_mv_v2": "7f4ceeab256d6ba5",
    "ratelimits_per_minute_v2": "92fcfaf9284e6fb3",
    "ratelimits_per_month_mv_v2": "43a8221cfc3586c4",
    "ratelimits_per_month_v2": "955e47c82d9cc412",
    "instance_usage_per_hour_mv_v1": "0efcd28678169748",
    "instance_usage_per_hour_catchup_mv_v1": "3086ea09ebd84a52",
}
"""Digests of the statements by name. A change is a new version of a family, whose tables have names of their own."""


def made() -> dict[str, str]:
    found = [each for family in FAMILIES for each in (*family.tables(), *family.views())]
    found += [*step_tables(), *step_views()]
    assert len(found) == len(dict(found))
    return dict(found)


@pytest.mark.parametrize("name", RELEASED)
def test_released_rollup_is_as_it_was(name: str) -> None:
    assert hashlib.sha256(made()[name].encode()).hexdigest()[:16] == RELEASED[name], made()[name]


def test_every_rollup_is_among_the_released() -> None:
    assert made().keys() == RELEASED.keys()


def test_views_come_after_every_table() -> None:
    """A view cannot be created before the tables it reads and fills."""
    kinds = [
        bool(re.search(r"^CREATE (MATERIALIZED )?VIEW", item.statement, re.MULTILINE)) for item in schema_objects()
    ]
    assert kinds == sorted(kinds)
    assert {item.name for item in schema_objects()} >= RELEASED.keys()
