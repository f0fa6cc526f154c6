"""What the descriptors say about methods and fields, read once at start, and the one chain that runs a method.

The generated Connect application is handed a service whose methods already carry the chain of interceptors, and the
HTTP/JSON surface calls those very same methods, so nothing but encoding can differ between the two.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol, cast

from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.request import RequestContext
from protobuf import DescField, DescFieldValueList, DescFieldValueMessage, DescMessage, DescMethod, DescService, Message
from unkey_proto.google.api import annotations_pb, http_pb
from unkey_proto.unkey.options.v1 import options_pb

from unkey_api.core.redaction import ITEM

# Messages of any type pass through the chain; each method's own stub fixes them.
AnyMessage = Message[Any]
Context = RequestContext[Any, Any]
Call = Callable[[AnyMessage, Context], Awaitable[AnyMessage]]


class Interceptor(Protocol):
    """Cross-cutting work around a call: connectrpc's `UnaryInterceptor` with the types our chain uses."""

    async def intercept_unary(self, call_next: Call, request: AnyMessage, ctx: Context, /) -> AnyMessage:
        """Run the rest of the chain through `call_next`, or raise."""
        ...


_NO_POLICY = options_pb.FieldPolicy()
_HTTP_VERBS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """One method as published."""

    info: MethodInfo[Any, Any]
    python_name: str
    """Name of the handler's method."""
    rpc_path: str
    """`/unkey.keys.v2.KeysService/VerifyKey`."""
    http_verb: str
    http_path: str
    """`/v2/keys.verifyKey`; empty when the method has no HTTP/JSON form."""
    body_field: str
    """Request field that is the whole JSON body; empty when the body is the message."""
    response_field: str
    """Answer field that becomes `data`; empty when the whole message does."""
    success_status: int
    no_data: bool
    """The HTTP/JSON answer has no `data` member."""
    auth: options_pb.AuthKind
    takes_body: bool


def describe(service: DescService) -> list[MethodSpec]:
    """Return the methods of a generated service, in declaration order."""
    return [_describe_method(method) for method in service.methods]


def _describe_method(method: DescMethod) -> MethodSpec:
    options = method.proto.options
    rule = options[annotations_pb.ext_http] if options and annotations_pb.ext_http in options else None
    policy = (
        options[options_pb.ext_method] if options and options_pb.ext_method in options else options_pb.MethodPolicy()
    )
    verb, path = _route(rule)
    auth = policy.auth
    if auth == options_pb.AuthKind.UNSPECIFIED:
        auth = options_pb.AuthKind.ROOT_KEY
    body = rule.body if rule else ""
    return MethodSpec(
        info=MethodInfo(
            name=method.name,
            service_name=method.parent.type_name,
            input=method.input.type,
            output=method.output.type,
            idempotency_level=IdempotencyLevel.UNKNOWN,
            stream_type=StreamType.UNARY,
        ),
        python_name=_snake(method.name),
        rpc_path=f"/{method.parent.type_name}/{method.name}",
        http_verb=verb,
        http_path=path,
        body_field="" if body == "*" else body,
        response_field=rule.response_body if rule else "",
        success_status=policy.success_status or 200,
        no_data=policy.no_data,
        auth=auth,
        takes_body=bool(body),
    )


def _route(rule: http_pb.HttpRule | None) -> tuple[str, str]:
    if rule is None or rule.pattern is None or rule.pattern.field not in _HTTP_VERBS:
        return "POST", ""
    return str(rule.pattern.field).upper(), str(rule.pattern.value)


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


def field_policy(field: DescField) -> options_pb.FieldPolicy:
    """Return what the field promises beyond its type and rules."""
    options = field.proto.options
    if options is None or options_pb.ext_field not in options:
        return _NO_POLICY
    policy: options_pb.FieldPolicy = options[options_pb.ext_field]
    return policy


ChainFactory = Callable[[MethodSpec], Sequence[Interceptor]]
"""Returns the interceptors of a method, outermost first."""


class Binding(NamedTuple):
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


def redaction_paths(methods: Iterable[MethodSpec]) -> frozenset[str]:
    """Return the paths of all secret members, for all bodies alike. Raises ValueError when there are none."""
    found: set[str] = set()
    for method in methods:
        found.update(_paths_in(method.info.input.desc(), method.body_field, ""))
        found.update(_paths_in(method.info.output.desc(), method.response_field, "data"))
    if not found:
        msg = "no field is marked as secret: the options are missing from the descriptors"
        raise ValueError(msg)
    return frozenset(found)


def _paths_in(message: DescMessage, member: str, prefix: str) -> Iterator[str]:
    """Yield the paths of a body that is a message, or one member of it where the route names one."""
    if not member:
        yield from _below(message, f"{prefix}." if prefix else "", ())
        return
    field = next(each for each in message.fields if each.name == member)
    yield from _inside(field, prefix, ())


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
