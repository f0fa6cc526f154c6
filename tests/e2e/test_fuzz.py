"""Requests made from our own OpenAPI document: whatever is sent, the answer is one the document describes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.foreign import ROOT, run_program
from tests.support.harness import Caller
from tests.support.served import Served, fetch
from unkey_api.openapi_document import read_document

SECONDS = int(os.environ.get("UNKEY_FUZZ_SECONDS", "20"))
"""How long to make requests at random; `make fuzz` gives it more."""
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(SECONDS + 240)]

SEED = "20260101"
WORKERS = "1"  # threads share caches of Hypothesis that are not made for it: a KeyError in them now and then
REQUEST_SECONDS = "60"  # beside other load an answer may take its time
CHECKS = "no_failure_of_ours,described_status,content_type_conformance,response_schema_conformance"
CREDENTIALS = {
    "none": {},
    "empty": {"authorization": ""},
    "unknown": {"authorization": "Bearer unkey_nobody_has_this_one"},
    "other scheme": {"authorization": "Basic dTpw"},
    "bare": {"authorization": "unkey_nobody_has_this_one"},
}


def fuzz(served: Served, caller: Caller, folder: Path, phase: str, *options: str) -> None:
    """Run a phase of schemathesis; fail with what it printed when an answer was wrong."""
    report = ROOT / "build" / f"fuzz-{phase}.json"
    report.parent.mkdir(exist_ok=True)
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{served.base}/openapi.json", *options),
        *("--header", f"Authorization: Bearer {caller.root_key}", "--phases", phase, "--checks", CHECKS),
        *("--seed", SEED, "--generation-database", "none", "--workers", WORKERS, "--warnings", "off", "--no-color"),
        *("--request-timeout", REQUEST_SECONDS, "--continue-on-failure"),
        *("--report", "json", "--report-json-path", str(report)),
    ]
    environment = {"SCHEMATHESIS_HOOKS": "tests.support.fuzz_checks", "PYTHONPATH": f"{ROOT}:{ROOT / 'gen'}"}
    run_program(command, folder=folder, environment=environment, seconds=SECONDS + 200)
    told = json.loads(report.read_text())
    assert told["operations"]["tested"] == told["operations"]["total"] > 40, f"{phase}: {told['operations']}"
    print(f"\n{phase}: {told['test_cases']['generated']} requests")  # noqa: T201 - a figure worth seeing


def test_every_edge_of_every_schema(served: Served, admin: Caller, tmp_path: Path) -> None:
    fuzz(served, admin, tmp_path, "coverage")


def test_requests_at_random(served: Served, admin: Caller, tmp_path: Path) -> None:
    fuzz(served, admin, tmp_path, "fuzzing", "--max-time", str(SECONDS), "--max-examples", "1000")


def protected() -> list[str]:
    """Return the paths of operations that want a credential."""
    paths = yaml.load(read_document().yaml, Loader=yaml.CSafeLoader)["paths"]
    return [path for path, verbs in paths.items() if verbs.get("post", {}).get("security")]


@pytest.mark.parametrize("credential", CREDENTIALS.values(), ids=CREDENTIALS.keys())
def test_nothing_succeeds_without_a_good_credential(credential: dict[str, str], served: Served) -> None:
    found = {path: fetch(served.base + path, {}, credential)[0] for path in protected()}
    assert len(found) > 40
    assert {path: status for path, status in found.items() if status not in {400, 401}} == {}
