"""Our own field options, read from descriptors."""

from __future__ import annotations

from protobuf import DescField
from unkey_proto.unkey.options.v1 import options_pb

_NONE = options_pb.FieldPolicy()


def field_policy(field: DescField) -> options_pb.FieldPolicy:
    """Return what the field promises beyond its type and rules."""
    options = field.proto.options
    if options is None or options_pb.ext_field not in options:
        return _NONE
    policy: options_pb.FieldPolicy = options[options_pb.ext_field]
    return policy
