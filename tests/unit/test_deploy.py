"""What is under deploy/ is well formed and speaks of the service as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import dashboard
from unkey_api.core.secret import Secret
from unkey_api.infra.telemetry.metrics import Metrics
from unkey_api.rpc.health import Health
from unkey_api.settings.load import load_settings
from unkey_api.settings.reading import describe
from unkey_api.settings.sections import GossipSettings, Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
YAML_FILES = sorted(DEPLOY.rglob("*.yaml"))
METRIC = re.compile(r"\b(?:unkey|process)_[a-z_]+[a-z]\b")
LABELS = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
PROCESS_METRICS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


def documents(name: str) -> list[Any]:  # Any: whatever YAML holds
    return [each for each in yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")) if each]


def manifests() -> Iterator[dict[str, Any]]:  # Any: whatever YAML holds
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        yield from documents(f"kubernetes/{file.name}")


def manifest(kind: str) -> dict[str, Any]:  # Any: whatever YAML holds
    return next(each for each in manifests() if each["kind"] == kind)


def shipped_environment() -> dict[str, str]:
    """Return what the manifests set, with made-up secrets."""
    secrets = manifest("Secret")["stringData"]
    return {str(name): str(value) for name, value in {**manifest("ConfigMap")["data"], **secrets}.items()}


def composed_environment() -> dict[str, str]:
    """Return what the compose file sets when nothing but the passwords is given."""
    given = documents("compose.yaml")[0]["x-service"]["environment"]
    return {name: re.sub(r"\$\{\w+:(?:-(\w*)|\?[^}]*)\}", lambda m: m[1] or "made-up", v) for name, v in given.items()}


def container() -> dict[str, Any]:  # Any: whatever YAML holds
    (found,) = manifest("Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


@pytest.fixture(scope="module")
def known_metrics() -> dict[str, set[str]]:
    """Labels by the name that queries use; histograms are queried by their buckets."""
    known = {}
    for each in Metrics(version="").described:
        name = f"{each.name}_bucket" if each.kind == "histogram" else each.name
        known[name] = set(each.labels) | ({"le"} if each.kind == "histogram" else set())
    return known


@pytest.mark.parametrize("file", YAML_FILES, ids=lambda file: file.relative_to(DEPLOY).as_posix())
def test_yaml_is_well_formed(file: Path) -> None:
    assert all(isinstance(each, dict) for each in documents(file.relative_to(DEPLOY).as_posix()))


def test_dashboard_is_what_the_tool_writes() -> None:
    text = dashboard.PAGE.read_text(encoding="utf-8")
    assert text == dashboard.render(), "run `make docs`"
    panels = json.loads(text)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)


def queries() -> list[str]:
    rules = [rule["expr"] for group in documents("prometheus/alerts.yaml")[0]["groups"] for rule in group["rules"]]
    panels = [query for row in dashboard.ROWS.values() for panel in row for query, _ in panel.queries]
    return [*rules, *panels]


@pytest.mark.parametrize("query", queries())
def test_queries_name_metrics_and_labels_there_are(query: str, known_metrics: dict[str, set[str]]) -> None:
    names = set(METRIC.findall(query)) - PROCESS_METRICS
    assert names <= known_metrics.keys()
    labels = set().union(*(known_metrics[name] for name in names)) | {"instance", "job"}
    assert set(LABELS.findall(query)) <= labels
    grouped = {word for part in re.findall(r"by \(([^)]*)\)", query) for word in re.split(r",\s*", part) if word}
    assert grouped <= labels
    assert query.count("(") == query.count(")")


def test_alerts_are_explained() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    alerts = [rule["alert"] for group in documents("prometheus/alerts.yaml")[0]["groups"] for rule in group["rules"]]
    assert sorted(alerts) == sorted(re.findall(r"^\| `(UnkeyApi\w+)` \|", page, re.MULTILINE))


def test_variables_are_known_and_make_a_configuration() -> None:
    known = {key.environment for key in describe()}
    for given in (composed_environment(), shipped_environment()):
        assert {name for name in given if name.startswith("UNKEY_")} <= known
        assert isinstance(load_settings(None, given), Settings)


def test_probes_and_ports_are_those_of_the_service() -> None:
    pod = container()
    settings = load_settings(None, shipped_environment())
    ports = {port["name"]: port["containerPort"] for port in pod["ports"]}
    metrics = settings.observability.metrics
    assert metrics is not None
    expected = {"http": settings.http_port, "http2": settings.http2_port, "metrics": metrics.prometheus_port}
    gossip = int(GossipSettings(secret_key=Secret("")).bind_addr.rpartition(":")[2])
    expected |= {"gossip": gossip, "gossip-udp": gossip}
    assert ports == expected
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert pod[probe]["httpGet"]["path"] in Health.PATHS
        assert pod[probe]["httpGet"]["port"] in ports
    targets = {port["targetPort"] for port in manifest("Service")["spec"]["ports"]}
    assert targets <= ports.keys()


def test_only_single_addresses_are_trusted_to_name_callers() -> None:
    """A pod that can claim any address walks past every IP whitelist."""
    proxies = load_settings(None, shipped_environment()).trusted_proxies
    assert proxies
    assert all(each.prefixlen == each.max_prefixlen for each in proxies)


def test_pods_are_given_time_to_drain() -> None:
    spec = manifest("Deployment")["spec"]["template"]["spec"]
    pause = int(container()["lifecycle"]["preStop"]["exec"]["command"][-1])
    drain = 2 * load_settings(None, shipped_environment()).shutdown_timeout.total_seconds() + 5
    assert spec["terminationGracePeriodSeconds"] > pause + drain
    grace = documents("compose.yaml")[0]["services"]["api"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > drain


def test_pods_are_bounded_and_unprivileged() -> None:
    for kind in ("Deployment", "Job"):
        spec = manifest(kind)["spec"]["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        for each in spec["containers"]:
            assert {"cpu", "memory"} <= each["resources"]["requests"].keys()
            assert "memory" in each["resources"]["limits"]
            assert each["securityContext"]["readOnlyRootFilesystem"]
            assert not each["securityContext"]["allowPrivilegeEscalation"]


def test_kustomization_lists_everything_but_secrets() -> None:
    listed = set(manifest("Kustomization")["resources"])
    present = {file.name for file in (DEPLOY / "kubernetes").glob("*.yaml")}
    assert listed == present - {"kustomization.yaml", "secret.example.yaml"}


def test_images_are_pinned() -> None:
    images = [each.get("image", "") for each in documents("compose.yaml")[0]["services"].values()]
    images += re.findall(r"^ARG \w+=(.+)$", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert not [image for image in images if image.endswith(":latest") or (":" not in image and "-" not in image)]


def test_image_runs_as_nobody_in_particular_and_is_checked() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    final = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    assert "/health/ready" in final
    assert "pip install" not in final
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    for source in " ".join(sources).split():
        assert (ROOT / source).exists(), source
        assert f"!{source}" in (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8")
