"""Stored metadata and the protobuf message that carries it."""

from __future__ import annotations

import orjson
import structlog
from protobuf.wkt.google.protobuf.struct_pb import Struct

from unkey_api.core.text import canonical_json

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def struct_of(text: str | None) -> Struct | None:
    """Return stored metadata for an answer; None for none, an empty object, and text that is not a JSON object."""
    if not text or text == "{}":
        return None
    try:
        struct = Struct.from_json(text)
    except (ValueError, TypeError, RecursionError) as err:  # no JSON, no object, nested too deeply
        _log.warning("stored metadata cannot be read", error=str(err))
        return None
    return struct if struct.fields else None


def text_of(struct: Struct) -> str:
    """Return metadata in the form in which it is stored."""
    return canonical_json(orjson.loads(struct.to_json()))
