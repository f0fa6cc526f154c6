"""The OpenAPI documents as they were generated from the protos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_PACKAGED = Path(__file__).parent / "assets" / "openapi"
_IN_CHECKOUT = Path(__file__).parent.parent / "gen" / "openapi"
COMPATIBLE = "openapi"
EXTENDED = "openapi-extended"


class OpenApiDocument(NamedTuple):
    """One document in both notations, UTF-8."""

    yaml: bytes
    json: bytes


def read_document(name: str = COMPATIBLE) -> OpenApiDocument:
    """Read a document of this installation: a wheel carries a copy, a checkout has the generated one.

    `COMPATIBLE` is the interface of Unkey, `EXTENDED` has what this service adds to it as well.
    """
    folder = _PACKAGED if _PACKAGED.is_dir() else _IN_CHECKOUT
    return OpenApiDocument((folder / f"{name}.yaml").read_bytes(), (folder / f"{name}.json").read_bytes())


def document_files() -> Mapping[str, bytes]:
    """Return every document by the name of its file, `openapi.yaml` and so on."""
    found: dict[str, bytes] = {}
    for name in (COMPATIBLE, EXTENDED):
        document = read_document(name)
        found |= {f"{name}.yaml": document.yaml, f"{name}.json": document.json}
    return found
