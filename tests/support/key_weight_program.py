"""Print how much a process grows per cached key, and what each is said to weigh, as JSON by kind of key."""

from __future__ import annotations

import gc
import json
import resource
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from unkey_api.areas.keys.verification.convert import from_verdict
from unkey_api.areas.keys.verification.queries import VerifiableKeyRow
from unkey_api.areas.keys.verification.record import from_row, weight_of
from unkey_api.areas.keys.verification.types import Status, Verdict, VerifiableKey
from unkey_api.core.ids import ExternalId, IdentityId, KeyId

PAGE = resource.getpagesize()
MARK = "_number_"  # replaced, so that no two keys share a text
LIMIT: Any = ("rl_1", "requests", 10, 60_000, 1)  # as the driver brings it
TEXTS = {"id": "key_1", "key_auth_id": "ks_1", "workspace_id": "ws_1", "api_id": "api_1"}
FLAGS: dict[str, Any] = {"enabled": True, "workspace_enabled": True}
PLAIN = VerifiableKeyRow(**{**dict.fromkeys([f.name for f in fields(VerifiableKeyRow)]), **TEXTS, **FLAGS})
GRANTED = replace(
    PLAIN, ip_whitelist="10.0.0.1,10.1.0.0/16", direct_permissions=["docs.read"], role_names=["r"], key_limits=[LIMIT]
)
KINDS: dict[str, tuple[VerifiableKeyRow, int]] = {
    "plain": (PLAIN, 3_000),
    "granted": (GRANTED, 3_000),
    "identity": (
        replace(
            GRANTED, identity_id=IdentityId("id_1"), external_id=ExternalId("u"), identity_meta='{"a":[1,"_number_"]}'
        ),
        2_000,
    ),
    "text": (replace(PLAIN, meta='{"a":"_number_' + "y" * 8_000 + '"}'), 500),
    "list": (replace(PLAIN, meta='{"a":["_number_"' + ",1" * 4_000 + "]}"), 30),
    "nested": (replace(PLAIN, meta='{"a":["_number_"' + ",[]" * 2_700 + "]}"), 30),
    "object": (replace(PLAIN, meta='{"a":["_number_"' + ',{"k":1}' * 1_000 + "]}"), 50),
    "permissions": (replace(PLAIN, direct_permissions=[f"docs.read.{n}._number_" for n in range(500)]), 100),
}


def resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


def numbered(row: VerifiableKeyRow, number: int) -> VerifiableKeyRow:
    text = str(number)
    return replace(
        row,
        id=KeyId(f"key_{number:09}"),
        meta=row.meta and row.meta.replace(MARK, text),
        identity_meta=row.identity_meta and row.identity_meta.replace(MARK, text),
        direct_permissions=[each.replace(MARK, text) for each in row.direct_permissions or ()],
    )


def cached(row: VerifiableKeyRow) -> VerifiableKey:
    """Return the key with the answer that the first verification leaves behind."""
    key = from_row(row)
    answer = from_verdict(Verdict(Status.VALID, key))
    answer.json = b"x" * (len(key.meta or "") + 300)
    return key


def main() -> None:
    """Measure every kind."""
    found = {}
    kept: list[list[VerifiableKey]] = []
    for kind, (row, count) in KINDS.items():
        rows = [numbered(row, number) for number in range(count)]
        gc.collect()
        before = resident()
        kept.append([cached(each) for each in rows])
        gc.collect()
        found[kind] = ((resident() - before) / count, sum(map(weight_of, kept[-1])) / count)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
