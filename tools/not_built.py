"""Write what is not built yet into README.md: operations that answer 501 and settings nobody reads.

    python -m tools.not_built

A test fails when the section between the markers is not what this prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tools.operations import Operation, published_operations
from unkey_api.settings.reading import describe

__all__ = ["PAGE", "rendered"]

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "README.md"
BEGIN = "<!-- Written by `python -m tools.not_built`. Do not edit by hand. -->\n"
END = "<!-- End of what the tool writes. -->\n"
WITHOUT_EFFECT = "without effect"
AREAS_OF_THE_ORIGINAL = (
    "analytics",
    "apps",
    "deploy",
    "deployments",
    "domains",
    "environments",
    "gateway",
    "github",
    "portal",
    "projects",
    "workspace",
)
"""Areas that Unkey's own service has and that are to come here too; one with a proto package is published."""


def rendered(page: str) -> str:
    """Return `page` with the section between the markers brought up to date."""
    head, _, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE.name} has lost its markers")
    return head + BEGIN + section(published_operations(), unread_settings()) + END + tail


def section(operations: list[Operation], unread: list[str]) -> str:
    """Return the text between the markers."""
    missing = [each for each in operations if not each.built]
    parts = []
    if missing:
        built = len(operations) - len(missing)
        parts.append(
            f"{built} of the {len(operations)} published operations are built. The others are in the documents and in\n"
            "the clients, and answer 501 `not_implemented` on HTTP/JSON, `unimplemented` on Connect and gRPC:\n\n"
            + "".join(_line(area, list(each)) for area, each in groupby(missing, key=lambda one: one.area))
        )
    else:
        parts.append(f"All {len(operations)} published operations are built.\n")
    unpublished = sorted(set(AREAS_OF_THE_ORIGINAL) - {each.area for each in operations})
    if unpublished:
        listed = ", ".join(unpublished)
        parts.append(f"Not published yet, so that every call is a 404, are the areas {listed}.\n")
    if unread:
        listed = ", ".join(f"`{name}`" for name in unread)
        parts.append(f"Checked at start, and read by nothing yet, are these parts of the configuration: {listed}.\n")
    return "\n" + "\n".join(parts) + "\n"


def unread_settings() -> list[str]:
    """Return the keys and sections that no module outside of the settings mentions."""
    sources = "\n".join(
        file.read_text(encoding="utf-8")
        for file in sorted((ROOT / "unkey_api").rglob("*.py"))
        if "settings" not in file.relative_to(ROOT / "unkey_api").parts
    )
    return [
        name for name in _settings() if not re.search(rf"(settings|observability)\.{name.split('.')[-1]}\b", sources)
    ]


def _settings() -> Iterator[str]:
    """Yield each top-level key and each section once; those kept for compatibility have no reader on purpose."""
    seen = set()
    for key in describe():
        parts = key.path.split(".")
        name = ".".join(parts[:2] if parts[0] == "observability" else parts[:1])
        if name not in seen and WITHOUT_EFFECT not in key.meaning:
            seen.add(name)
            yield name


def _line(area: str, operations: list[Operation]) -> str:
    names = ", ".join(f"`{(each.http_path or each.rpc_path).rsplit('.', 1)[-1]}`" for each in operations)
    return f"- {area}: {names}\n"


def main() -> None:
    """Write the section."""
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
