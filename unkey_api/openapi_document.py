"""The OpenAPI document as it was generated from the protos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PACKAGED = Path(__file__).parent / "assets" / "openapi"
_IN_CHECKOUT = Path(__file__).parent.parent / "gen" / "openapi"


@dataclass(frozen=True, slots=True)
class OpenApiDocument:
    """One document in both notations, UTF-8."""

    yaml: bytes
    json: bytes


def read_document() -> OpenApiDocument:
    """Read the document of this installation: a wheel carries a copy, a checkout has the generated one."""
    folder = _PACKAGED if _PACKAGED.is_dir() else _IN_CHECKOUT
    return OpenApiDocument((folder / "openapi.yaml").read_bytes(), (folder / "openapi.json").read_bytes())
