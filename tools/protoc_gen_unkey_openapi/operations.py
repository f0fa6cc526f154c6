"""Methods as path items."""

from __future__ import annotations

from typing import Final

from protobuf import DescField, DescMessage, DescMethod

from tools.protoc_gen_unkey_openapi.comments import describe
from tools.protoc_gen_unkey_openapi.constraints import Json
from tools.protoc_gen_unkey_openapi.envelope import error_reference, security, success_schema
from tools.protoc_gen_unkey_openapi.policies import Http, MethodPolicy
from tools.protoc_gen_unkey_openapi.schemas import SchemaBuilder, reference

__all__ = ["operation", "operation_id"]

JSON: Final = "application/json"
PAGINATION: Final = "pagination"


def operation_id(http: Http) -> str:
    """Return the name of an operation: the last segment of its path."""
    return http.path.rsplit("/", 1)[-1]


def operation(method: DescMethod, http: Http, policy: MethodPolicy, schemas: SchemaBuilder) -> Json:
    """Return the path item entry of one method.

    Raises:
        ValueError: The method has no title, or its HTTP binding names a field that does not exist.
    """
    if not policy.title:
        msg = f"{method.parent.type_name}/{method.name} has no title, which the document shows it under"
        raise ValueError(msg)
    found: Json = {
        "operationId": operation_id(http),
        "tags": [operation_id(http).split(".")[0]],
        "summary": policy.title,
        "description": describe(method) + _permission_text(policy),
        "security": security(policy),
    }
    if policy.permissions:
        found["x-unkey-permissions"] = list(policy.permissions)
    if policy.extension:
        found["x-unkey-extension"] = True
    if method.deprecated:
        found["deprecated"] = True
    if http.body:
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": _request(method, http, schemas)}}}
    found["responses"] = {str(policy.success_status or 200): _success(method, http, policy, schemas)} | {
        str(status): error_reference(status) for status in policy.errors
    }
    return found


def _permission_text(policy: MethodPolicy) -> str:
    if not policy.permissions:
        return ""
    lines = "\n".join(f"- `{permission}`" for permission in policy.permissions)
    return f"\n\nNeeds one of these permissions:\n\n{lines}"


def _request(method: DescMethod, http: Http, schemas: SchemaBuilder) -> Json:
    if http.body == "*":
        return schemas.message(method.input)
    return schemas.field(_field(method.input, http.body))


def _success(method: DescMethod, http: Http, policy: MethodPolicy, schemas: SchemaBuilder) -> Json:
    """Return the successful response; its body becomes a component of its own, named after the message."""
    output = method.output
    pages = [field for field in output.fields if field.name == PAGINATION]
    data = None if policy.no_data else _data(output, http, schemas)
    # With `response_body` the message is only the envelope, so it says itself whether the envelope is open.
    is_open = policy.open_envelope or (bool(http.response_body) and schemas.options.ignores_unknown(output))
    name = schemas.name(output) + "Body"
    schemas.components[name] = success_schema(data, schemas.field(pages[0]) if pages else None, is_open=is_open)
    return {"description": describe(output), "content": {JSON: {"schema": reference(name)}}}


def _data(output: DescMessage, http: Http, schemas: SchemaBuilder) -> Json:
    if http.response_body:
        return schemas.field(_field(output, http.response_body))
    return schemas.message(output)


def _field(message: DescMessage, name: str) -> DescField:
    for field in message.fields:
        if field.name == name:
            return field
    msg = f"{message.type_name} has no field {name}, which its HTTP binding names"
    raise ValueError(msg)
