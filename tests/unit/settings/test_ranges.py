"""Limits of numbers and durations, names that are nearly right, and how much CPU there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.settings.loading import Loading
from unkey_api.settings.about import about_of
from unkey_api.settings.cores import cpu_quota
from unkey_api.settings.reading import field_types, section_class
from unkey_api.settings.sections import Settings


def quantities(section: type = Settings, prefix: str = "") -> Iterator[tuple[str, Field[Any]]]:  # Any: every type
    declared = field_types(section)
    for each in fields(section):
        inner = section_class(declared[each.name])
        if inner is not None:
            yield from quantities(inner, f"{prefix}{each.name}.")
        elif declared[each.name] in {int, float, timedelta}:
            yield prefix + each.name, each


def about_default(field: Field[Any]) -> object:  # Any: every type
    return field.default if field.default_factory is MISSING else field.default_factory()


@pytest.mark.parametrize(("path", "field"), [pytest.param(*each, id=each[0]) for each in quantities()])
def test_every_quantity_has_limits_that_hold_its_default(path: str, field: Field[Any]) -> None:  # Any: every type
    said = about_of(field)
    assert said.minimum is not None
    assert said.maximum is not None
    default = about_default(field)
    assert said.allows(default)
    assert field.type == "timedelta" or said.unit or path.endswith(("port", "sample_rate", "app_id"))


@pytest.mark.parametrize(
    ("top", "tables", "problem"),
    [
        ('request_timeout = "1us"', "", "request_timeout must be between 100ms and 1h"),
        ('request_timeout = "50us"', "", "request_timeout must be between 100ms and 1h"),
        ('shutdown_timeout = "30h"', "", "shutdown_timeout must be between 100ms and 1h"),
        ("", '[limits]\nhead_timeout = "1ms"', "limits.head_timeout must be between 1s and 1h"),
        ("", '[redis]\ncommand_timeout = "0s"', "redis.command_timeout must be between 1ms and 30s"),
        ("", "[caches]\nkey_bytes = 1", "caches.key_bytes must be between 1048576 and 68719476736"),
        ("", "[failed_credentials]\nper_second = inf", "failed_credentials.per_second must be between 0.01 and 100000"),
        ("", "[failed_credentials]\nper_second = nan", "failed_credentials.per_second must be between 0.01 and 100000"),
    ],
)
def test_quantities_outside_of_their_limits_are_refused(loading: Loading, top: str, tables: str, problem: str) -> None:
    assert loading.problems(top, tables) == [problem]


def test_pools_have_sizes(loading: Loading) -> None:
    database = loading.settings(UNKEY_DATABASE_MAX_OPEN="7", UNKEY_DATABASE_MAX_IDLE="0").database
    assert (database.max_open, database.max_idle) == (7, 0)
    problems = loading.problems(UNKEY_DATABASE_MAX_OPEN="7", UNKEY_DATABASE_MAX_IDLE="8")
    assert problems == ["database.max_idle must not exceed max_open"]


class TestPorts:
    def test_metrics_need_ports_of_their_own(self, loading: Loading) -> None:
        """Each worker has the next one, so the last of them counts too."""
        problems = loading.problems(
            "workers = 4", UNKEY_OBSERVABILITY_METRICS_PROMETHEUS_PORT="7068", UNKEY_HTTP_PORT="7071",
            UNKEY_HTTP2_PORT="7070",
        )  # fmt: skip
        assert problems == [
            "observability.metrics.prometheus_port must differ from http2_port; 4 workers take 7068 to 7071"
        ]

    def test_metrics_ports_must_exist(self, loading: Loading) -> None:
        problems = loading.problems("workers = 2", UNKEY_OBSERVABILITY_METRICS_PROMETHEUS_PORT="65535")
        assert problems == [
            "observability.metrics.prometheus_port leaves no ports for 2 workers, which take one after the other"
        ]


class TestVariables:
    def test_misspelt_one_is_named_with_the_nearest(self, loading: Loading) -> None:
        assert loading.problems(UNKEY_HTTP_PROT="1", unkey_region="eu") == [
            "UNKEY_HTTP_PROT is not a known variable; the nearest is UNKEY_HTTP_PORT",
            "unkey_region is not a known variable; the nearest is UNKEY_REGION",
        ]

    def test_empty_ones_do_not_count(self, loading: Loading) -> None:
        assert loading.settings(UNKEY_HTTP_PROT="").http_port == 7070

    def test_those_the_file_refers_to_may_be_called_anything(self, loading: Loading) -> None:
        assert loading.settings('region = "${UNKEY_WHERE}"', UNKEY_WHERE="eu").region == "eu"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("UNKEY_API_SERVICE_HOST", "10.0.0.1"),
            ("UNKEY_API_SERVICE_PORT", "7070"),
            ("UNKEY_API_SERVICE_PORT_HTTP", "7070"),
            ("UNKEY_API_PORT", "tcp://10.0.0.1:7070"),
            ("UNKEY_API_PORT_7070_TCP", "tcp://10.0.0.1:7070"),
            ("UNKEY_API_PORT_7070_TCP_PROTO", "tcp"),
            ("UNKEY_API_PORT_7070_TCP_ADDR", "10.0.0.1"),
        ],
    )
    def test_those_of_kubernetes_are_let_be(self, loading: Loading, name: str, value: str) -> None:
        """Every pod beside a Service called `unkey-api` gets them."""
        assert loading.settings(**{name: value}).http_port == 7070

    def test_a_port_that_is_no_link_is_a_slip(self, loading: Loading) -> None:
        [problem] = loading.problems(UNKEY_API_PORT="7070")
        assert problem.startswith("UNKEY_API_PORT is not a known variable; the nearest is UNKEY_HTTP")

    def test_unknown_level_is_refused(self, loading: Loading) -> None:
        assert loading.problems(UNKEY_LOG_LEVEL="verbose") == [
            "UNKEY_LOG_LEVEL must be one of debug, info, warn, warning, error"
        ]
        assert loading.settings(UNKEY_LOG_LEVEL="Warn").http_port == 7070

    def test_bytes_that_are_no_text_are_refused(self, loading: Loading) -> None:
        assert loading.problems(UNKEY_REGION="\udcff") == ["region must be UTF-8 text"]

    @pytest.mark.parametrize("text", ["1_000", " 7070", "\u0667\u0660", "0x10", "1e3"])
    def test_numbers_are_plain(self, loading: Loading, text: str) -> None:
        assert loading.problems(UNKEY_HTTP_PORT=text) == ["http_port must be an integer"]


class TestQuota:
    @staticmethod
    def write(root: Path, **files: str) -> Path:
        for name, text in files.items():
            file = root / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return root

    def group(self, root: Path, text: str) -> None:
        self.write(root, proc__self__cgroup=text)

    def test_version_2_in_a_container(self, tmp_path: Path) -> None:
        self.group(tmp_path, "0::/\n")
        (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
        (tmp_path / "sys/fs/cgroup/cpu.max").write_text("150000 100000\n")
        assert cpu_quota(tmp_path) == 1.5

    def test_tightest_of_the_groups_around_counts(self, tmp_path: Path) -> None:
        self.group(tmp_path, "0::/a/b\n")
        inner = tmp_path / "sys/fs/cgroup/a/b"
        inner.mkdir(parents=True)
        (inner / "cpu.max").write_text("400000 100000\n")
        (inner.parent / "cpu.max").write_text("200000 100000\n")
        assert cpu_quota(tmp_path) == 2.0

    def test_version_1_by_a_path_outside_of_the_container(self, tmp_path: Path) -> None:
        self.group(tmp_path, "5:cpu,cpuacct:/docker/abc\n0::/docker/abc\n")
        folder = tmp_path / "sys/fs/cgroup/cpu,cpuacct"
        folder.mkdir(parents=True)
        (folder / "cpu.cfs_quota_us").write_text("50000\n")
        (folder / "cpu.cfs_period_us").write_text("100000\n")
        assert cpu_quota(tmp_path) == 0.5

    @pytest.mark.parametrize(
        ("quota", "period"), [("max", "100000"), ("-1", "100000"), ("", ""), ("x", "y"), ("0", "0")]
    )
    def test_no_quota(self, tmp_path: Path, quota: str, period: str) -> None:
        self.group(tmp_path, "0::/\n1:cpu:/\n")
        folder = tmp_path / "sys/fs/cgroup"
        (folder / "cpu").mkdir(parents=True)
        (folder / "cpu.max").write_text(f"{quota} {period}\n")
        (folder / "cpu/cpu.cfs_quota_us").write_text(quota)
        (folder / "cpu/cpu.cfs_period_us").write_text(period)
        assert cpu_quota(tmp_path) is None

    def test_where_there_are_no_groups(self, tmp_path: Path) -> None:
        assert cpu_quota(tmp_path) is None
