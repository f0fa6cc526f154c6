"""Write docs/permissions.md from the areas' tables of requirements.

    python -m tools.permissions_table

A test fails when the page is not what this prints.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from unkey_api.container.areas import REQUIREMENTS
from unkey_api.core.permission_vocabulary import RESOURCES, TUPLE_ACTIONS

__all__ = ["PAGE", "render"]

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "permissions.md"

_INTRODUCTION = """\
# Permissions of root keys

<!-- Written by `python -m tools.permissions_table`. Edit the areas' requirements.py, not this page. -->

A root key, or a token of a person, holds permissions. Each operation takes either of two forms:

- **Tuples**, `<kind>.<id or *>.<action>`, such as `ratelimit.*.limit`. They are compared as text: `*` is the name of
  the form for all resources, not a pattern. `unkey-api root-key create --permission` grants them.
- **URNs**, `unkey:v1:<workspaceId>:<path>#<action>`. In a granted path `*` stands for one segment and `**`, at the end,
  for everything below. `unkey:v1:<workspaceId>:**#*` allows everything in a workspace. `rootKeys.createKey` grants
  URNs, as does the command line.

A key that may only count requests:

```sh
curl -X POST https://…/v2/rootKeys.createKey -H "Authorization: Bearer $ROOT_KEY" -H "Content-Type: application/json" \\
  -d '{"name": "limiter", "permissions": ["unkey:v1:<workspaceId>:ratelimits/namespaces/*#limit"]}'
```

Nobody gives away what they do not hold. What the caller holds is read from the database in the transaction that changes
a root key, so a key that was revoked or narrowed a moment ago makes no successor. To enable a root key, the caller
needs every permission that key has; to disable it or to take permissions from it, `delete` beside `write`.

A permission that means nothing is refused, with the nearest one that does. `unkey-api permissions list` prints the
table below (`--json` for programs, `--workspace` to fill in the id), and `unkey-api permissions explain <permission>`
says what a permission opens.

Where the permission is judged before the resource is looked up, a URN for one resource is accepted as well; whoever
holds none for it gets the same 403 whether the resource exists or not.

## Operations

Each line is enough by itself; `and` joins what is needed together.
"""


def render() -> str:
    """Return the page."""
    parts = [_INTRODUCTION]
    for area, operations in groupby(REQUIREMENTS, key=lambda name: name.partition(".")[0]):
        parts.append(f"\n### {area}\n")
        for operation in operations:
            parts.append(f"\n**{operation}**\n")
            for need in REQUIREMENTS[operation]:
                if need.when:
                    parts.append(f"\nNeeded {need.when}:\n")
                parts.append("\n" + "".join(f"- `{permission}`\n" for permission in need.permissions()))
    parts.append(_vocabulary())
    return "".join(parts)


def _vocabulary() -> str:
    paths = "```text\n" + "".join(f"{path}\n" for path in RESOURCES) + "```\n"
    rows = "".join(f"| `{kind}` | {', '.join(sorted(actions))} |\n" for kind, actions in TUPLE_ACTIONS.items())
    return (
        "\n## What can be granted\n\nResources in URNs, `*` for an id. What begins a path is a resource as well:\n\n"
        f"{paths}\nActions are those of the operations above, those below, and `read`, `write` and `delete` on every "
        f"resource.\n\n| kind of tuple | actions |\n|---|---|\n{rows}"
    )


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
