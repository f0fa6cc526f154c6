"""Entry point: `python -m tools.protoc_gen_unkey_openapi`, called by buf."""

from __future__ import annotations

import json

from protobuf.plugin import Schema, run

from tools.protoc_gen_unkey_openapi.document import build_document, to_yaml

YAML_OUTPUT = "openapi.yaml"
JSON_OUTPUT = "openapi.json"


def generate(schema: Schema[None]) -> None:
    """Write the document, in both notations, for all services among the files to generate."""
    document = build_document(schema.files_to_generate, schema.all_files)
    in_yaml = schema.generate_file(YAML_OUTPUT)
    for line in to_yaml(document).splitlines():
        in_yaml.print(line)
    # The server sends both notations; deriving the second one here keeps a YAML parser out of production installs.
    in_json = schema.generate_file(JSON_OUTPUT)
    in_json.print(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    run("protoc-gen-unkey-openapi", "1", generate)
