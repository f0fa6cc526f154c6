"""Every text a request may carry is bounded by its rules, or named here with what bounds it: columns have ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from protobuf import DescFieldValueList, DescFieldValueMessage, DescMessage, ScalarType

from unkey_api.container.areas import published_services
from unkey_api.rpc.method import describe
from unkey_api.rpc.violations import field_rules

LOOKED_UP = "looked up and never written"
UNBOUNDED = {
    "identities.v2.DeleteIdentityRequest.identity": LOOKED_UP,
    "identities.v2.GetIdentityRequest.identity": LOOKED_UP,
    "identities.v2.UpdateIdentityRequest.identity": LOOKED_UP,
    "identities.v2.ListIdentitiesRequest.cursor": LOOKED_UP,
    "apis.v2.ListKeysRequest.api_id": LOOKED_UP,
    "apis.v2.ListKeysRequest.cursor": LOOKED_UP,
    "apis.v2.ListKeysRequest.external_id": LOOKED_UP,
    "ratelimit.v2.ListOverridesRequest.cursor": LOOKED_UP,
    "keys.v2.UpdateCreditsRequest.key_id": LOOKED_UP,
    "keys.v2.VerifyKeyRequest.keyspaces": LOOKED_UP,
    **dict.fromkeys(
        (
            f"analytics.v2.{name}Request.query"
            for name in ("GetVerifications", "GetRatelimits", "GetGatewayRequests", "GetRuntimeLogs")
        ),
        "the guard, in bytes, with an error of its own",
    ),
    "keys.v2.MigrateKeysItem.hash": "the service: it names the item of the list",
}


def texts(message: DescMessage, seen: set[str]) -> Iterator[tuple[str, Any]]:  # Any: rules of a string, or None
    if message.type_name in seen or message.type_name.startswith("google."):
        return
    seen.add(message.type_name)
    for field in message.fields:
        value, rules = field.value, field_rules(field)
        kind: Any = rules.type if rules else None  # the rules of any type
        if isinstance(value, DescFieldValueList):
            element: object = value.element
            kind = kind.value.items.type if kind and kind.value.items else None
        else:
            element = value.message if isinstance(value, DescFieldValueMessage) else getattr(value, "scalar", None)
        if isinstance(element, DescMessage):
            yield from texts(element, seen)
        elif element is ScalarType.STRING:
            yield f"{message.type_name.removeprefix('unkey.')}.{field.name}", kind.value if kind else None


def test_texts_of_requests_have_a_maximum() -> None:
    seen: set[str] = set()
    found = {}
    for service in published_services():
        for method in describe(service):
            for name, rules in texts(method.info.input.desc(), seen):
                found[name] = rules is not None and (rules.has_field("max_len") or bool(getattr(rules, "in_", ())))
    assert len(found) > 60
    assert {name for name, bounded in found.items() if not bounded} == UNBOUNDED.keys()
