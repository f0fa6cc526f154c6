"""What surrounds every answer on the HTTP/JSON surface: meta, errors, security."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from tools.protoc_gen_unkey_openapi.constraints import Json
from tools.protoc_gen_unkey_openapi.policies import AUTH_NONE, AUTH_PORTAL_SESSION, MethodPolicy
from tools.protoc_gen_unkey_openapi.schemas import reference

__all__ = ["SECURITY_SCHEMES", "error_components", "error_reference", "security", "success_schema"]

SECURITY_SCHEMES: Final[Json] = {
    "rootKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A root key, or a JWT where the server accepts them: `Authorization: Bearer <root key>`.",
    },
    "portalSession": {
        "type": "apiKey",
        "in": "cookie",
        "name": "portal_session",
        "description": "The session of an end user of a portal.",
    },
}

ERRORS: Final[dict[int, tuple[str, str]]] = {
    400: ("BadRequest", "The request breaks a documented rule. `error.errors` lists each broken rule."),
    401: ("Unauthorized", "The credential is unknown, expired or revoked."),
    403: ("Forbidden", "The caller is known and may not do this."),
    404: ("NotFound", "The thing does not exist, or the caller may not know that it does."),
    408: ("RequestTimeout", "The request took longer than a minute."),
    409: ("Conflict", "Something with the same name already exists."),
    410: ("Gone", "The thing was deleted, and its name is still taken."),
    412: ("PreconditionFailed", "The request is fine, but something it depends on is not in the needed state."),
    413: ("ContentTooLarge", "The body is larger than the server accepts."),
    422: ("UnprocessableEntity", "The query is valid but costs more than is allowed."),
    429: ("TooManyRequests", "The workspace sends more requests than it may. Slow down and try again."),
    500: ("InternalServerError", "Something went wrong on our side, or a dependency failed."),
    501: ("NotImplemented", "This version of the service does not offer the operation."),
    503: ("ServiceUnavailable", "A dependency is away. Try again later."),
}

META: Final[Json] = {
    "type": "object",
    "description": "Facts about the request itself.",
    "required": ["requestId"],
    "properties": {"requestId": {"type": "string", "description": "Identifies the request. Quote it to support."}},
    "additionalProperties": False,
}

ERROR: Final[Json] = {
    "type": "object",
    "description": "What went wrong.",
    "required": ["title", "detail", "status", "type"],
    "properties": {
        "title": {"type": "string", "description": "Kind of error, in a few words."},
        "detail": {"type": "string", "description": "What went wrong this time."},
        "status": {"type": "integer", "description": "The HTTP status again."},
        "type": {"type": "string", "description": "Address of the page that explains the error."},
    },
    "additionalProperties": False,
}

VIOLATION: Final[Json] = {
    "type": "object",
    "description": "One rule the request broke.",
    "required": ["location", "message"],
    "properties": {
        "location": {
            "type": "string",
            "description": "Where: a JSON pointer to the rule, like `/properties/name/minLength`, or `security`.",
        },
        "message": {"type": "string", "description": "What was wrong."},
        "fix": {"type": "string", "description": "What would make it right."},
    },
    "additionalProperties": False,
}


def error_components(statuses: set[int]) -> tuple[Json, Json]:
    """Return the schemas and the responses that the given error statuses need."""
    schemas: Json = {"Meta": META, "Error": ERROR, "Violation": VIOLATION, "ValidationError": _validation_error()}
    responses: Json = {}
    for status in sorted(statuses):
        name, text = ERRORS[status]
        error = reference("ValidationError" if status == HTTPStatus.BAD_REQUEST else "Error")
        schemas[f"{name}ErrorResponse"] = {
            "type": "object",
            "description": text,
            "required": ["meta", "error"],
            "properties": {"meta": reference("Meta"), "error": error},
        }
        body = {"schema": reference(f"{name}ErrorResponse")}
        responses[name] = {"description": text, "content": dict.fromkeys(_media_types(status), body)}
    return schemas, responses


def error_reference(status: int) -> Json:
    """Return a reference to the response of an error status."""
    return {"$ref": f"#/components/responses/{ERRORS[status][0]}"}


def security(policy: MethodPolicy) -> list[Json]:
    """Return the credentials that open a method; an empty list means none is needed."""
    if policy.auth == AUTH_NONE:
        return []
    return [{"portalSession" if policy.auth == AUTH_PORTAL_SESSION else "rootKey": []}]


def success_schema(data: Json | None, pagination: Json | None, *, is_open: bool) -> Json:
    """Return the body of a successful answer: meta, then data and pagination where there are any."""
    members = {"meta": reference("Meta"), "data": data, "pagination": pagination}
    properties = {name: schema for name, schema in members.items() if schema is not None}
    schema: Json = {"type": "object", "required": list(properties), "properties": properties}
    return schema if is_open else schema | {"additionalProperties": False}


def _validation_error() -> Json:
    """Return the error of status 400, which lists the broken rules."""
    errors = {
        "type": "array",
        "description": "The rules the request broke. Empty when the detail says it all.",
        "items": reference("Violation"),
    }
    properties = ERROR["properties"]
    required = ERROR["required"]
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise TypeError("the error schema is an object")
    return ERROR | {"required": [*required, "errors"], "properties": properties | {"errors": errors}}


def _media_types(status: int) -> tuple[str, ...]:
    """Return what an error is sent as: the `Accept` header decides, the first is the one clients expect."""
    both = ("application/json", "application/problem+json")
    return both[::-1] if status == HTTPStatus.TOO_MANY_REQUESTS else both
