"""The whole OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import yaml
from protobuf import DescFile, DescMethod, DescService

from tools.protoc_gen_unkey_openapi.comments import describe
from tools.protoc_gen_unkey_openapi.constraints import Json
from tools.protoc_gen_unkey_openapi.envelope import SECURITY_SCHEMES, error_components
from tools.protoc_gen_unkey_openapi.operations import operation, operation_id
from tools.protoc_gen_unkey_openapi.policies import Http, MethodPolicy, OptionReader
from tools.protoc_gen_unkey_openapi.schemas import SchemaBuilder

__all__ = ["build_document", "to_yaml"]

SUFFIX: Final = "Service"
INFO: Final[Json] = {
    "title": "Unkey API",
    "version": "2.0.0",
    "description": (
        "API keys, rate limits, identities and permissions.\n\n"
        "Every operation takes a JSON object and answers with an envelope: `meta` identifies the request, `data` is "
        "the result, `pagination` tells whether a listing goes on. Errors carry `error` instead of `data`. "
        "The same operations are offered over Connect, gRPC and gRPC-Web."
    ),
    "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
}


def build_document(files: Sequence[DescFile], all_files: Sequence[DescFile], *, extended: bool = False) -> Json:
    """Return the document for the services in `files`; `all_files` adds what they import.

    The compatible document leaves out methods and fields that are marked as this service's own, the extended one has
    them.

    Raises:
        ValueError: Two methods claim the same path, a method has no title, or a binding names a field that does not
            exist.
    """
    options = OptionReader.of(all_files)
    services = sorted((s for file in files for s in file.services), key=lambda service: service.type_name)
    schemas = SchemaBuilder(options, _areas(all_files), extended=extended)
    paths: dict[str, Json] = {}
    statuses: set[int] = set()
    tags: dict[str, str] = {}
    for method, http, policy in _public_methods(services, options, extended=extended):
        entry = paths.setdefault(http.path, {})
        if http.verb in entry:
            msg = f"{method.parent.type_name}/{method.name}: {http.verb} {http.path} is taken"
            raise ValueError(msg)
        entry[http.verb] = operation(method, http, policy, schemas)
        statuses.update(policy.errors)
        tags[operation_id(http).split(".")[0]] = describe(method.parent)
    error_schemas, responses = error_components(statuses)
    components = {
        "securitySchemes": SECURITY_SCHEMES,
        "responses": _sorted(responses),
        "schemas": _sorted(schemas.components | error_schemas),
    }
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": "/", "description": "The server this document comes from."}],
        "tags": [{"name": name, "description": text} for name, text in sorted(tags.items())],
        "paths": _sorted(paths),
        "components": components,
    }


def to_yaml(document: Json) -> str:
    """Return the document as YAML with a remark on top that it is derived."""
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return "# Derived from proto/ by `make generate`. Do not edit.\n" + body


def _public_methods(
    services: Sequence[DescService], options: OptionReader, *, extended: bool
) -> list[tuple[DescMethod, Http, MethodPolicy]]:
    """Return the methods that have an HTTP binding and are not internal."""
    methods = [method for service in services for method in service.methods]
    bound = [(method, options.http(method), options.method(method)) for method in methods]
    return [
        (method, http, policy)
        for method, http, policy in bound
        if http is not None and not policy.internal and (extended or not policy.extension)
    ]


def _areas(files: Sequence[DescFile]) -> dict[str, str]:
    """Return the area name of every package: that of its service, or else the package's own."""
    areas = {file.proto.package: file.proto.package.split(".")[-2].capitalize() for file in files if "." in file.name}
    for file in files:
        for service in file.services:
            areas[file.proto.package] = service.name.removesuffix(SUFFIX)
    return areas


def _sorted(entries: Mapping[str, object]) -> Json:
    return dict(sorted(entries.items()))


class _Dumper(yaml.SafeDumper):
    """Writes paragraphs as blocks, and never with anchors: shared parts are spelled out."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
