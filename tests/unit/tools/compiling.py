"""Compile small .proto sources in tests."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from grpc_tools import protoc
from protobuf import DescFile
from protobuf.wkt import FileDescriptorSet

from tools.materialise_protos import materialise

REPOSITORY = Path(__file__).resolve().parents[3]


def compile_proto(source: str, folder: Path, *, name: str = "unkey/sample/v2/sample.proto") -> list[DescFile]:
    """Return the descriptors of `source` and of all it imports, the source's own last.

    The source may import what is in proto/ and the third-party files.
    """
    third_party, sources = folder / "third_party", folder / "sources"
    materialise(third_party)
    target = sources / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(source, encoding="utf-8")
    files = _run_protoc(target, folder / "set.binpb", [sources, third_party, REPOSITORY / "proto"])
    registry = files.to_registry()
    return [found for file in files.file if (found := registry.file(file.name)) is not None]


def _run_protoc(target: Path, output: Path, roots: list[Path]) -> FileDescriptorSet:
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    paths = [f"--proto_path={root}" for root in (*roots, well_known)]
    flags = ["--include_imports", "--include_source_info", f"--descriptor_set_out={output}"]
    assert protoc.main(["protoc", *paths, *flags, str(target)]) == 0
    return FileDescriptorSet.from_binary(output.read_bytes())
