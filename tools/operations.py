"""Every operation that proto/ publishes, and whether a handler answers it."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias, TypeGuard

import unkey_proto.unkey
from protobuf import DescMethod, DescService
from unkey_proto.unkey.options.v1 import options_pb

import unkey_api
from unkey_api.rpc.method import MethodSpec, describe

__all__ = ["Operation", "handler_classes", "published_operations"]

Generated: TypeAlias = type[Any]
"""A generated Protocol: they have nothing in common but `desc()`."""


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
    handlers = list(handler_classes())
    found: list[Operation] = []
    for protocol in sorted(_services(), key=lambda each: str(each.__module__)):
        handler = next((each for each in handlers if protocol in each.__mro__), None)
        service: DescService = protocol.desc()
        specs = zip(describe(service), service.methods, strict=True)
        found += (_operation(protocol, handler, spec, method) for spec, method in specs)
    return found


def _operation(protocol: Generated, handler: type | None, spec: MethodSpec, method: DescMethod) -> Operation:
    options = method.proto.options
    policy = options[options_pb.ext_method] if options and options_pb.ext_method in options else None
    # The generated Protocol's own methods answer `unimplemented`; a handler that does not override them is not done.
    built = handler is not None and getattr(handler, spec.python_name) is not getattr(protocol, spec.python_name)
    return Operation(
        area=protocol.__module__.split(".")[2],
        method=spec.info.name,
        python_name=spec.python_name,
        rpc_path=spec.rpc_path,
        http_path=spec.http_path,
        errors=tuple(policy.errors) if policy else (),
        built=built,
    )


def _services() -> Iterator[Generated]:
    for module in pkgutil.walk_packages(unkey_proto.unkey.__path__, "unkey_proto.unkey."):
        if module.name.endswith("_connect"):
            for each in vars(import_module(module.name)).values():
                # Each service has a twin for threads, which we do not serve.
                if _defined_in(each, module.name) and hasattr(each, "desc") and not each.__name__.endswith("Sync"):
                    yield each


def handler_classes() -> Iterator[type]:
    """Yield the classes of every `handler.py`."""
    for module in pkgutil.walk_packages(unkey_api.__path__, "unkey_api."):
        if module.name.endswith(".handler"):
            for each in vars(import_module(module.name)).values():
                if _defined_in(each, module.name):
                    yield each


def _defined_in(value: object, module: str) -> TypeGuard[type]:
    return isinstance(value, type) and value.__module__ == module
