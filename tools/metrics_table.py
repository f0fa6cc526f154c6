"""Write docs/metrics.md from the metric groups.

    python -m tools.metrics_table

A test fails when the page is not what this prints.
"""

from __future__ import annotations

from pathlib import Path

from unkey_api.infra.telemetry.metrics import Metrics

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"

_INTRODUCTION = """\
# Metrics

<!-- Written by `python -m tools.metrics_table`. Edit the metric groups, not this page. -->

Switched on by the section `observability.metrics`. Beside these there are the process, platform and garbage collector
metrics of the Prometheus client. A series appears when it is first used.

| name | type | labels | meaning |
| --- | --- | --- | --- |
"""


def render() -> str:
    """Return the page."""
    rows = (
        f"| `{each.name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels)} | {each.meaning} |\n"
        for each in sorted(Metrics(version="").described, key=lambda each: each.name)
    )
    return _INTRODUCTION + "".join(rows)


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
