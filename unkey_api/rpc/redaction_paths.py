"""Where secrets are in the bodies of the HTTP/JSON surface, read from the `redact` options of the protos."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from protobuf import DescField, DescFieldValueList, DescFieldValueMessage, DescMessage

from unkey_api.core.redaction import ITEM
from unkey_api.rpc.method import MethodSpec, field_policy


def redaction_paths(methods: Iterable[MethodSpec]) -> frozenset[str]:
    """Return the paths of all secret members, for all bodies alike. Raises ValueError when there are none."""
    found: set[str] = set()
    for method in methods:
        found.update(_request_paths(method))
        found.update(_answer_paths(method))
    if not found:
        msg = "no field is marked as secret: the options are missing from the descriptors"
        raise ValueError(msg)
    return frozenset(found)


def _request_paths(method: MethodSpec) -> Iterator[str]:
    message = method.info.input.desc()
    if not method.body_field:
        yield from _below(message, "", ())
        return
    field = next(f for f in message.fields if f.name == method.body_field)
    yield from _inside(field, "", ())


def _answer_paths(method: MethodSpec) -> Iterator[str]:
    message = method.info.output.desc()
    if not method.response_field:
        yield from _below(message, "data.", ())
        return
    field = next(f for f in message.fields if f.name == method.response_field)
    yield from _inside(field, "data", ())


def _below(message: DescMessage, prefix: str, above: tuple[str, ...]) -> Iterator[str]:
    if message.type_name in above:
        return
    for field in message.fields:
        policy = field_policy(field)
        if policy.hidden:
            continue
        path = prefix + field.json_name
        if policy.redact:
            yield path
        else:
            yield from _inside(field, path, (*above, message.type_name))


def _inside(field: DescField, path: str, above: tuple[str, ...]) -> Iterator[str]:
    value = field.value
    if isinstance(value, DescFieldValueMessage):
        yield from _below(value.message, f"{path}." if path else "", above)
    elif isinstance(value, DescFieldValueList) and isinstance(value.element, DescMessage):
        yield from _below(value.element, f"{path}{ITEM}.", above)
