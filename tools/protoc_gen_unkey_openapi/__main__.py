"""Entry point: `python -m tools.protoc_gen_unkey_openapi`, called by buf."""

from __future__ import annotations

import json

from protobuf.plugin import Schema, run

from tools.protoc_gen_unkey_openapi.document import build_document, to_yaml

COMPATIBLE = "openapi"
EXTENDED = "openapi-extended"


def generate(schema: Schema[None]) -> None:
    """Write both documents, each in both notations, for all services among the files to generate."""
    for name, extended in ((COMPATIBLE, False), (EXTENDED, True)):
        document = build_document(schema.files_to_generate, schema.all_files, extended=extended)
        in_yaml = schema.generate_file(f"{name}.yaml")
        for line in to_yaml(document).splitlines():
            in_yaml.print(line)
        # The server sends both notations; deriving the second one here keeps a YAML parser out of production installs.
        in_json = schema.generate_file(f"{name}.json")
        in_json.print(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    run("protoc-gen-unkey-openapi", "1", generate)
