"""The pages under docs/ and in the root are what the code says, and lead where they point."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import capacity, errors_table, not_built, permissions_table
from unkey_api.rpc.errors import ERRORS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(#[^)\s]+)?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ADR = re.compile(r"(\d{4})-[a-z0-9-]+\.md")


def test_errors_are_what_the_catalogue_says() -> None:
    page = errors_table.PAGE.read_text(encoding="utf-8")
    assert page == errors_table.render(), "run `make docs`"
    assert all(f"| {int(entry.number)} | {entry.status} |" in page for entry in ERRORS.values())


def test_permissions_are_what_the_areas_ask_for() -> None:
    assert permissions_table.PAGE.read_text(encoding="utf-8") == permissions_table.render(), "run `make docs`"


def test_readme_lists_what_is_not_built() -> None:
    page = not_built.PAGE.read_text(encoding="utf-8")
    assert page == not_built.rendered(page), "run `make docs`"


def test_scaling_examples_are_what_the_constants_say() -> None:
    page = capacity.PAGE.read_text(encoding="utf-8")
    assert page == capacity.rendered(page), "run `make docs`"


def test_more_workers_read_more_and_never_more_than_they_are_asked() -> None:
    loads = [capacity.Load(verifications=1_000, per_worker=each, active_keys=5_000) for each in (2_000, 200, 20)]
    reads = [
        int(dict(capacity.needs(load))["MySQL reads per second to keep keys fresh, if used evenly"]) for load in loads
    ]
    assert reads == sorted(reads)
    assert reads[-1] <= 1_000


def anchors(page: Path) -> set[str]:
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return {"#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file = (page.parent / target).resolve()
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target + anchor)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_named_in_pages_exist(page: Path) -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", page.read_text(encoding="utf-8"))
    package = ROOT / "unkey_api"
    roots = (ROOT, package, package / "areas", package / "areas" / "keys", page.parent)  # keys as an example of an area
    no_files = {".venv/", ".unkey-dev/", "build/faults.txt", "http/protobuf"}  # made by programs, or a protocol
    absent = [name for name in named if not any((root / name).exists() for root in roots)]
    assert set(absent) <= no_files


def test_decisions_are_numbered_without_gaps_and_indexed() -> None:
    folder = ROOT / "docs" / "adr"
    records = sorted(file.name for file in folder.glob("[0-9]*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    index = (folder / "README.md").read_text(encoding="utf-8")
    for name in records:
        assert ADR.fullmatch(name)
        title = (folder / name).read_text(encoding="utf-8").partition("\n")[0]
        assert title.startswith(f"# {name[:4]}: ")
        assert f"[{name[:4]}]({name}) | {title.removeprefix(f'# {name[:4]}: ')} |" in index


def test_make_targets_named_in_pages_exist() -> None:
    makefiles = [ROOT / "Makefile", *(ROOT / "make").glob("*.mk")]
    rules = r"^([a-z0-9-]+):"
    targets = {name for file in makefiles for name in re.findall(rules, file.read_text("utf-8"), re.MULTILINE)}
    named = {name for page in PAGES for name in re.findall(r"[`\n]make ([a-z][a-z0-9-]+)", page.read_text("utf-8"))}
    assert named <= targets
