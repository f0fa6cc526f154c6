"""A JSON body to a request message, or the documented 400."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

import orjson
from protovalidate import Validator

from unkey_api.core.errors import ErrorCode, Violation
from unkey_api.rpc.bodies.admission import too_many_values
from unkey_api.rpc.bodies.json_text import NotExpressible, NotJson, read_json
from unkey_api.rpc.bodies.weight import json_holds_more
from unkey_api.rpc.errors import Fault
from unkey_api.rpc.exchange import Exchange
from unkey_api.rpc.http_json.shape import Findings, compile_shape
from unkey_api.rpc.interceptors.validation import schema_fault
from unkey_api.rpc.method import AnyMessage, MethodSpec
from unkey_api.rpc.violations import broken_rules, explain

FIX = "Ensure that the object being submitted, matches the schema correctly"


class BodyDecoder:
    """Decodes the bodies of one method."""

    def __init__(self, spec: MethodSpec, validator: Validator, *, values_max: int) -> None:
        """Take the method, and how many values a heavy body may hold; light ones were counted before."""
        self._shape = compile_shape(spec.info.input.desc())
        self._from_json: Callable[..., AnyMessage] = spec.info.input.from_json
        # Of a heavy body the text is not parsed a second time: with many escapes that is 100 ms that hold everybody up.
        self._from_value: Callable[..., AnyMessage] = spec.info.input._from_json_value  # noqa: SLF001 - the package is pinned
        self._body_field = spec.body_field
        self._validator = validator
        self._values_max = values_max

    def decode(self, exchange: Exchange, body: bytes) -> AnyMessage:
        """Return the message. Raises `Fault` naming what is wrong: nothing of a wrong body is used."""
        if not body:
            raise _refused(
                exchange,
                f"{exchange.method} request body is empty for '{exchange.path}'",
                "The request body is empty but there is a schema defined",
            )
        if exchange.share is not None and json_holds_more(body, self._values_max):
            raise too_many_values(exchange, self._values_max)
        try:
            document, body = read_json(body)
        except NotExpressible as err:
            raise schema_fault(exchange, (err.violation,)) from err
        except NotJson as err:
            detail = f"{exchange.method} request body for '{exchange.path}' failed to validate schema"
            raise _refused(exchange, detail, f"The request body cannot be decoded: {err}") from err
        if self._body_field:
            document, body = self._wrap(exchange, document)
        found = Findings()
        self._shape.check(document, "", found, (document, ""))
        if found.violations:
            raise schema_fault(
                exchange,
                self._all_violations(document, found, thorough=exchange.share is None),
                complete=found.complete,
            )
        if found.nulls or found.ignored:
            _put_as_meant(document, found)
            body = b""
        return self._message(exchange, document, body)

    def _message(self, exchange: Exchange, document: Any, body: bytes) -> AnyMessage:  # any JSON value
        """Return what a document, or the text of it if there is one, says."""
        try:
            if exchange.share is not None:
                return self._from_value(document, ignore_unknown_fields=True)
            return self._from_json(body or orjson.dumps(document), ignore_unknown_fields=True)
        except RecursionError as err:
            raise schema_fault(exchange, (Violation("requestBody", "objects or lists are nested too deeply"),)) from err
        except (ValueError, TypeError, OverflowError) as err:
            detail = "The request body is invalid. The request body was not valid JSON."
            raise Fault(
                ErrorCode.APPLICATION_INVALID_INPUT, detail, request_id=exchange.request_id, internal=str(err)
            ) from err

    def _wrap(self, exchange: Exchange, document: Any) -> tuple[dict[str, Any], bytes]:  # any JSON value
        if type(document) is not list:
            found = Findings()
            self._shape.check({self._body_field: document}, "", found, ({}, ""))
            pointer = f"/properties/{self._body_field}"
            raise schema_fault(
                exchange,
                tuple(Violation(v.location.removeprefix(pointer), v.message, v.fix) for v in found.violations),
            )
        wrapped = {self._body_field: document}
        return wrapped, orjson.dumps(wrapped)

    def _all_violations(self, document: Any, found: Findings, *, thorough: bool) -> tuple[Violation, ...]:  # any JSON
        """Add the broken value rules of whatever has the right shape, so that a caller sees everything at once."""
        listed = {(v.location, v.message): v for v in found.violations}
        if type(document) is dict and found.complete:
            for violation in self._value_violations(document, thorough=thorough):
                listed.setdefault((violation.location, violation.message), violation)
        return tuple(sorted(listed.values(), key=lambda v: (v.location, v.message)))

    def _value_violations(self, document: dict[str, Any], *, thorough: bool) -> tuple[Violation, ...]:
        sound = {}
        for name, member in document.items():
            found = Findings()
            self._shape.check({name: member}, "", found, ({}, ""))
            if all(v.location == "/required" for v in found.violations):
                sound[name] = member
        try:
            message = self._from_json(orjson.dumps(sound), ignore_unknown_fields=True)
        except (ValueError, TypeError, OverflowError, RecursionError):
            return ()
        broken = broken_rules(self._validator, message, thorough=thorough)
        if broken is None:
            return ()
        left_out = document.keys() - sound.keys()
        return tuple(v for v in explain(broken, message) if not _is_about(v.location, left_out))


def _is_about(location: str, left_out: AbstractSet[str]) -> bool:
    """Return whether a rule is only broken because members were left out."""
    member = location.removeprefix("/properties/").partition("/")[0]
    return location.endswith("/required") or member in left_out


def _put_as_meant(document: Any, found: Findings) -> None:  # any JSON value
    """List the nulls of the document in it, and take out what does not count."""
    for holder, names in found.ignored:
        for name in names:
            del holder[name]
    paths: dict[int, list[str]] = {}
    owners = {}
    for owner, path in found.nulls:
        paths.setdefault(id(owner), []).append(path)
        owners[id(owner)] = owner
    for key, owner in owners.items():
        owner["nullFields"] = ",".join(paths[key])


def _refused(exchange: Exchange, detail: str, message: str) -> Fault:
    return Fault(
        ErrorCode.APPLICATION_INVALID_INPUT,
        detail,
        request_id=exchange.request_id,
        violations=(Violation("requestBody", message, FIX),),
        plain_json=True,
    )
