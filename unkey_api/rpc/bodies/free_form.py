"""Free-form members: `google.protobuf.Struct` may nest and hold numbers that nothing behind us can take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from protobuf import DescFieldValueList, DescFieldValueMessage, DescMessage

from unkey_api.core.errors import Violation
from unkey_api.core.shortening import shorten
from unkey_api.rpc.bodies.json_text import NAME_CHARS_MAX
from unkey_api.rpc.bodies.limits import DEPTH_MAX
from unkey_api.rpc.method import AnyMessage

STRUCT = "google.protobuf.Struct"


class FreeForm:
    """The free-form members of one message type, compiled from its descriptor."""

    __slots__ = ("_inner", "_structs")

    def __init__(self, message: DescMessage) -> None:
        self._structs: list[tuple[str, str]] = []
        self._inner: list[tuple[str, str, bool, FreeForm]] = []
        for field in message.fields:
            value, name = field.value, f"/properties/{field.json_name}"
            is_list = isinstance(value, DescFieldValueList)
            inner = value.element if isinstance(value, DescFieldValueList) else getattr(value, "message", None)
            if not isinstance(inner, DescMessage):
                continue
            if inner.type_name == STRUCT and isinstance(value, DescFieldValueMessage):
                self._structs.append((field.local_name, name))
            elif inner.type_name != message.type_name:
                below = FreeForm(inner)
                if not below.is_empty:
                    self._inner.append((field.local_name, f"{name}/items" if is_list else name, is_list, below))

    @property
    def is_empty(self) -> bool:
        """Whether messages of this type have no free-form member anywhere."""
        return not (self._structs or self._inner)

    def refused(self, message: AnyMessage, pointer: str = "") -> Violation | None:
        """Return the first thing that is nested too deeply, or no number."""
        for name, below in self._structs:
            struct = getattr(message, name)
            if struct is not None and struct.fields:
                violation = _refused_in(struct, pointer + below)
                if violation is not None:
                    return violation
        for name, below, is_list, plan in self._inner:
            value = getattr(message, name)
            for item in value if is_list else () if value is None else (value,):
                violation = plan.refused(item, pointer + below)
                if violation is not None:
                    return violation
        return None


def _refused_in(struct: Any, pointer: str) -> Violation | None:  # a Struct
    # Without a pointer per value: it is only made, in a second pass, for what is refused.
    pending = [(struct, 1)]
    while pending:
        container, depth = pending.pop()
        if depth > DEPTH_MAX:
            return Violation(f"{pointer}/maxDepth", f"nested more than {DEPTH_MAX} levels deep")
        for key, value in _members(container):
            kind = value.kind
            if kind is None:
                continue
            if kind.field == "number_value":
                if not math.isfinite(kind.value):
                    return Violation(
                        f"{pointer}/properties/{shorten(str(key), NAME_CHARS_MAX)}/type",
                        f"got {kind.value}, want a finite number",
                    )
            elif kind.field in ("struct_value", "list_value"):
                pending.append((kind.value, depth + 1))
    return None


def _members(container: Any) -> Iterator[tuple[object, Any]]:  # a Struct or a ListValue
    fields = getattr(container, "fields", None)
    return iter(fields.items()) if fields is not None else iter(enumerate(container.values))
