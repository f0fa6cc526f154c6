"""Rows as messages."""

from __future__ import annotations

from protobuf.wkt.google.protobuf.struct_pb import Struct

from unkey_api.areas.analytics.types import Rows


def structs(rows: Rows) -> list[Struct]:
    """Return a message per row."""
    return [Struct.from_json(row) for row in rows.rows]
