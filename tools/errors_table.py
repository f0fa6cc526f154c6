"""Write docs/errors.md from the error catalogue in proto/.

    python -m tools.errors_table

A test fails when the page is not what this prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from unkey_api.rpc.errors import DOCS, ERRORS, ErrorEntry

__all__ = ["PAGE", "render"]

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "errors.md"
CATALOGUE = ROOT / "proto" / "unkey" / "common" / "v1" / "error_code.proto"

_INTRODUCTION = f"""\
# Errors

<!-- Written by `python -m tools.errors_table`. Edit proto/unkey/common/v1/error_code.proto, not this page. -->

Every error has a code that never changes its meaning: a URN such as `err:unkey:data:key_not_found`, and a number on the
RPC surfaces. Texts are for people and may change; compare codes.

On HTTP/JSON an error is a body with the status of the table. `type` is the URN behind `{DOCS}` with
slashes for colons. `errors` names each broken rule and is there for statuses 400, 408, 413 and 499:

```json
{{
  "meta": {{"requestId": "req_…"}},
  "error": {{
    "title": "Not Found",
    "detail": "The requested API does not exist or has been deleted.",
    "status": 404,
    "type": "{DOCS}unkey/data/api_not_found"
  }}
}}
```

On Connect, gRPC and gRPC-Web it is a status with the code of the last column and an `unkey.common.v1.ErrorDetail` that
carries the number, the URN, the request id and the broken rules. A caller without any credential gets
`unauthenticated` there, although the code is `invalid_input`.

Worth trying again: `unavailable`, `deadline_exceeded`, and `resource_exhausted` with status 429, after the seconds that
`Retry-After` says where it is sent. Everything else fails the same way until something changes.
"""


def render() -> str:
    """Return the page."""
    meanings = _meanings(CATALOGUE.read_text(encoding="utf-8"))
    entries = sorted(ERRORS.values(), key=lambda each: each.number)
    parts = [_INTRODUCTION]
    for category, group in groupby(entries, key=lambda each: each.code.value.rpartition(":")[0]):
        parts.append(f"## `{category}:…`\n")
        parts.append(_table(group, meanings))
    return "\n".join(parts)


def _meanings(proto: str) -> dict[int, str]:
    """Return the comment above each value. Generated descriptors carry no comments, so the source is read."""
    values = re.finditer(r"((?:^  //.*\n)+)  ERROR_CODE_\w+ = (\d+)", proto, re.MULTILINE)
    return {int(each[2]): " ".join(line.strip("/ ") for line in each[1].splitlines()) for each in values}


def _table(entries: Iterable[ErrorEntry], meanings: dict[int, str]) -> str:
    head = "| code | number | status | meaning | on RPC surfaces |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(
        f"| `{each.code.value.rpartition(':')[2]}` | {int(each.number)} | {each.status} "
        f"| {meanings[int(each.number)]} | `{each.connect_code.value}` |\n"
        for each in entries
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
