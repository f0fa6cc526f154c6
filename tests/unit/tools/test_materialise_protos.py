"""The printed third-party sources must mean what the installed packages mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from protobuf.wkt.google.protobuf.descriptor_pb import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from protovalidate._gen.buf.validate import validate_pb

from tests.unit.tools.compiling import compile_proto
from tools.materialise_protos import print_file

ORIGINAL = validate_pb.desc().proto
Facts = tuple[object, ...]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptorProto:
    """The descriptor of the printed source."""
    folder: Path = tmp_path_factory.mktemp("printed")
    return compile_proto(print_file(ORIGINAL), folder, name="buf/validate/validate.proto")[-1].proto


def _field(field: FieldDescriptorProto, message: DescriptorProto | None = None) -> Facts:
    oneof = message.oneof_decl[field.oneof_index].name if message and field.has_field("oneof_index") else ""
    options = field.options
    rules = b""
    if options is not None and validate_pb.ext_predefined in options:
        rules = options[validate_pb.ext_predefined].to_binary()
    return field.name, field.number, field.label, field.type, field.type_name, field.extendee, oneof, rules


def _message(message: DescriptorProto) -> Facts:
    ranges = [(item.start, item.end) for item in message.extension_range]
    ranges += [(item.start, item.end) for item in message.reserved_range]
    fields = sorted(_field(field, message) for field in message.field)
    return message.name, fields, ranges, message.reserved_name


def _enum(enum: EnumDescriptorProto) -> Facts:
    reserved = [(item.start, item.end) for item in enum.reserved_range]
    return enum.name, [(value.name, value.number) for value in enum.value], reserved, enum.reserved_name


def test_messages_keep_fields_oneofs_and_rules(printed: FileDescriptorProto) -> None:
    assert [_message(m) for m in printed.message_type] == [_message(m) for m in ORIGINAL.message_type]


def test_predefined_rules_are_not_lost(printed: FileDescriptorProto) -> None:
    """Without their expressions the rules would be accepted and never checked."""
    rules = [_field(field)[-1] for message in printed.message_type for field in message.field]
    assert sum(bool(rule) for rule in rules) > 100


def test_enums_keep_values_and_reservations(printed: FileDescriptorProto) -> None:
    assert [_enum(enum) for enum in printed.enum_type] == [_enum(enum) for enum in ORIGINAL.enum_type]


def test_extensions_keep_numbers_and_targets(printed: FileDescriptorProto) -> None:
    assert [_field(e) for e in printed.extension] == [_field(e) for e in ORIGINAL.extension]


def test_package_is_kept(printed: FileDescriptorProto) -> None:
    assert (printed.package, printed.dependency) == (ORIGINAL.package, ORIGINAL.dependency)


def test_what_the_printer_does_not_know_is_refused() -> None:
    """A newer protovalidate must not be printed wrongly in silence."""
    nested = DescriptorProto(name="Outer", nested_type=[DescriptorProto(name="Inner")])
    with pytest.raises(ValueError, match="Outer nests types"):
        print_file(FileDescriptorProto(package="p", message_type=[nested]))
    default = FieldDescriptorProto(
        name="size",
        number=1,
        label=FieldDescriptorProto.Label.OPTIONAL,
        type=FieldDescriptorProto.Type.INT32,
        default_value="3",
    )
    with pytest.raises(ValueError, match="size has a default"):
        print_file(FileDescriptorProto(package="p", message_type=[DescriptorProto(name="M", field=[default])]))
