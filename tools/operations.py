"""Every operation that is published, and whether a handler answers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protobuf import DescMethod, DescService
from unkey_proto.unkey.options.v1 import options_pb

from unkey_api.areas.shared import Area
from unkey_api.container.areas import AREAS
from unkey_api.rpc.method import MethodSpec, describe

__all__ = ["Operation", "published_operations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation."""

    area: str
    """`keys`, as in the package `unkey.keys.v2`."""
    method: str
    """`VerifyKey`."""
    python_name: str
    """`verify_key`."""
    rpc_path: str
    http_path: str
    """Empty when there is no HTTP/JSON form."""
    errors: tuple[int, ...]
    """HTTP statuses of the failures it documents, ascending."""
    built: bool
    """False: it answers 501."""


def published_operations() -> list[Operation]:
    """Return every operation, by area and then in the order of the proto file."""
    found: list[Operation] = []
    for area in sorted(AREAS, key=lambda each: str(each.protocol.__module__)):
        service: DescService = area.protocol.desc()
        specs = zip(describe(service), service.methods, strict=True)
        found += (_operation(area, spec, method) for spec, method in specs)
    return found


def _operation(area: Area[Any], spec: MethodSpec, method: DescMethod) -> Operation:
    options = method.proto.options
    policy = options[options_pb.ext_method] if options and options_pb.ext_method in options else None
    return Operation(
        area=area.protocol.__module__.split(".")[2],
        method=spec.info.name,
        python_name=spec.python_name,
        rpc_path=spec.rpc_path,
        http_path=spec.http_path,
        errors=tuple(policy.errors) if policy else (),
        # The generated Protocol's own methods answer `unimplemented`; what a handler does not override is not done.
        built=getattr(area.handler, spec.python_name) is not getattr(area.protocol, spec.python_name),
    )
