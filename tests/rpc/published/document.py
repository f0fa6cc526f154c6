"""The published document, as a judge of answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.support.asgi import Answer
from unkey_api.openapi_document import EXTENDED, read_document

_BASE = "urn:published"


@cache
def document() -> dict[str, Any]:
    """Return the document that `/openapi-extended.yaml` serves: every operation, those of our own included."""
    loaded: dict[str, Any] = yaml.load(read_document(EXTENDED).yaml, Loader=yaml.CSafeLoader)
    return loaded


def operations() -> dict[str, tuple[str, str]]:
    """Return method and path of every operation by its id."""
    found = {}
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            found[operation["operationId"]] = (method.upper(), path)
    return found


def statuses(name: str) -> set[int]:
    """Return the statuses that an operation documents."""
    method, path = operations()[name]
    return {int(status) for status in document()["paths"][path][method.lower()]["responses"]}


def permissions_of(name: str) -> list[str]:
    """Return the permissions that an operation documents."""
    method, path = operations()[name]
    return list(document()["paths"][path][method.lower()]["x-unkey-permissions"])


def violations(name: str, answer: Answer) -> list[str]:
    """Return how an answer differs from what the operation documents for its status and media type."""
    method, path = operations()[name]
    pointer = f"/paths/{_escaped(path)}/{method.lower()}/responses/{answer.status}"
    response = document()["paths"][path][method.lower()]["responses"].get(str(answer.status))
    return [f"status {answer.status} is not documented"] if response is None else _judged(response, pointer, answer)


def component_violations(component: str, answer: Answer) -> list[str]:
    """Return how an answer differs from a response that the document defines for all operations."""
    return _judged(document()["components"]["responses"][component], f"/components/responses/{component}", answer)


def _judged(response: Mapping[str, Any], pointer: str, answer: Answer) -> list[str]:
    if "$ref" in response:
        pointer = response["$ref"].removeprefix("#")
        response = document()["components"]["responses"][pointer.rsplit("/", 1)[-1]]
    media_type = answer.headers["content-type"].partition(";")[0]
    if media_type not in response["content"]:
        return [f"media type {media_type} is not documented for {pointer}"]
    schema = {"$ref": f"{_BASE}#{pointer}/content/{_escaped(media_type)}/schema"}
    errors = Draft202012Validator(schema, registry=_registry()).iter_errors(answer.json)
    return [f"{error.json_path}: {error.message}" for error in errors]


@cache
def _registry() -> Registry[Any]:
    empty: Registry[Any] = Registry()
    filled: Registry[Any] = empty.with_resource(_BASE, DRAFT202012.create_resource(document()))
    return filled


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
