"""Write the third-party .proto files that proto/ imports into .third_party/.

They come from installed wheels, so nothing is copied into the repository and no network is needed:
googleapis-common-protos ships its sources; protovalidate ships a compiled descriptor only, which is printed back as
source here.
"""

from __future__ import annotations

import argparse
import importlib.resources
from collections.abc import Iterator
from pathlib import Path

from protobuf.txtpb import message_to_text
from protobuf.wkt.google.protobuf.descriptor_pb import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FieldOptions,
    FileDescriptorProto,
)
from protovalidate._gen.buf.validate import validate_pb

__all__ = ["main", "materialise", "print_file"]

VERBATIM = ("google/api/annotations.proto", "google/api/http.proto")
EXTENSION_END = 1 << 29  # descriptors give the exclusive end; 2^29 is what `max` compiles to


def print_file(file: FileDescriptorProto) -> str:
    """Return proto2 source whose descriptor has the same messages, enums, extensions and rules as `file`.

    Comments and language options (java_package and the like) are not kept: no generator here reads them.
    """
    lines = ['syntax = "proto2";', f"package {file.package};"]
    lines += [f'import "{name}";' for name in file.dependency]
    for enum in file.enum_type:
        lines += _enum(enum)
    for message in file.message_type:
        lines += _message(message)
    for extension in file.extension:
        lines += [f"extend {extension.extendee} {{", _field(extension), "}"]
    return "\n".join(lines) + "\n"


def _enum(enum: EnumDescriptorProto) -> Iterator[str]:
    yield f"enum {enum.name} {{"
    yield from (f"  {value.name} = {value.number};" for value in enum.value)
    yield from (f"  reserved {item.start} to {item.end};" for item in enum.reserved_range)
    yield from (f'  reserved "{name}";' for name in enum.reserved_name)
    yield "}"


def _message(message: DescriptorProto) -> Iterator[str]:
    if message.nested_type or message.enum_type or message.extension:
        msg = f"{message.name} nests types, which the printer does not know"
        raise ValueError(msg)
    yield f"message {message.name} {{"
    yield from _fields(message)
    yield from (f"  reserved {item.start} to {item.end - 1};" for item in message.reserved_range)
    yield from (f'  reserved "{name}";' for name in message.reserved_name)
    for item in message.extension_range:
        end = "max" if item.end == EXTENSION_END else str(item.end - 1)
        yield f"  extensions {item.start} to {end};"
    yield "}"


def _fields(message: DescriptorProto) -> Iterator[str]:
    """Print the fields; members of a oneof stay together at the place of its first member."""
    printed: set[int] = set()
    for field in message.field:
        if not field.has_field("oneof_index"):
            yield _field(field)
        elif field.oneof_index not in printed:
            printed.add(field.oneof_index)
            yield f"  oneof {message.oneof_decl[field.oneof_index].name} {{"
            for member in message.field:
                if member.has_field("oneof_index") and member.oneof_index == field.oneof_index:
                    yield _field(member)
            yield "  }"


def _field(field: FieldDescriptorProto) -> str:
    if field.has_field("default_value"):
        msg = f"{field.name} has a default, which the printer does not know"
        raise ValueError(msg)
    label = "" if field.has_field("oneof_index") else field.label.name.lower() + " "
    kind = field.type_name or field.type.name.lower()
    return f"  {label}{kind} {field.name} = {field.number}{_options(field.options)};"


def _options(options: FieldOptions | None) -> str:
    """Print what generators and the validator look at: `deprecated` and the predefined rule expressions."""
    if options is None:
        return ""
    parts = ["deprecated = true"] if options.deprecated else []
    if validate_pb.ext_predefined in options:
        rules = options[validate_pb.ext_predefined]
        parts.append(f"(buf.validate.predefined) = {{ {message_to_text(rules)} }}")
    return f" [{', '.join(parts)}]" if parts else ""


def _write(root: Path, name: str, text: str) -> None:
    target = root / name
    target.parent.mkdir(parents=True, exist_ok=True)
    # What is right already stays: others may be reading it.
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")


def main() -> None:
    """Fill the folder given on the command line, `.third_party` by default. Safe to repeat."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path, nargs="?", default=Path(".third_party"))
    materialise(parser.parse_args().target)


def materialise(root: Path) -> None:
    """Write all third-party sources under `root`, replacing what is there."""
    google = importlib.resources.files("google.api")
    for name in VERBATIM:
        _write(root, name, (google / Path(name).name).read_text(encoding="utf-8"))
    _write(root, "buf/validate/validate.proto", print_file(validate_pb.desc().proto))


if __name__ == "__main__":
    main()
