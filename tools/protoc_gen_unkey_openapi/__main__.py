"""Entry point: `python -m tools.protoc_gen_unkey_openapi`, called by buf."""

from __future__ import annotations

from protobuf.plugin import Schema, run

from tools.protoc_gen_unkey_openapi.document import build_document, to_yaml

OUTPUT = "openapi.yaml"


def generate(schema: Schema[None]) -> None:
    """Write the document for all services among the files to generate."""
    target = schema.generate_file(OUTPUT)
    for line in to_yaml(build_document(schema.files_to_generate, schema.all_files)).splitlines():
        target.print(line)


if __name__ == "__main__":
    run("protoc-gen-unkey-openapi", "1", generate)
