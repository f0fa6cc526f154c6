"""One chain of interceptors per method, run by both surfaces.

The generated Connect application is handed a service whose methods already carry the chain, and the HTTP/JSON surface
calls those very same methods, so nothing but encoding can differ between the two.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from protobuf import DescService

from unkey_api.rpc.method import Call, Interceptor, MethodSpec, describe

ChainFactory = Callable[[MethodSpec], Sequence[Interceptor]]
"""Returns the interceptors of a method, outermost first."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A method together with the callable that runs its whole chain."""

    spec: MethodSpec
    call: Call


@dataclass(frozen=True, slots=True)
class BoundService:
    """A service ready to be served on both surfaces."""

    bindings: tuple[Binding, ...]
    service: Any  # shaped like the generated Protocol, whose type differs per service

    @property
    def path(self) -> str:
        """Prefix of the Connect surface, `/unkey.keys.v2.KeysService`."""
        return "/" + self.bindings[0].spec.info.service_name


def bind(description: DescService, handler: object, factory: ChainFactory) -> BoundService:
    """Wrap every method of `handler` with its interceptors."""
    bindings = []
    for spec in describe(description):
        call: Call = getattr(handler, spec.python_name)
        bindings.append(Binding(spec, compose(call, factory(spec))))
    service = SimpleNamespace(**{binding.spec.python_name: binding.call for binding in bindings})
    return BoundService(tuple(bindings), service)


def compose(call: Call, interceptors: Iterable[Interceptor]) -> Call:
    """Return `call` inside `interceptors`, the first of them outermost."""
    for interceptor in reversed(list(interceptors)):
        call = cast("Call", functools.partial(interceptor.intercept_unary, call))
    return call
