"""Print the error catalogue as a Python enum that is free of protobuf.

Business code must not import generated messages, but it names errors all the time. So the catalogue in
error_code.proto is printed once more, as unkey_api/core/error_code.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from protobuf import DescEnum
from unkey_proto.unkey.common.v1.error_code_pb import ErrorCode
from unkey_proto.unkey.options.v1.options_pb import ext_error_code

__all__ = ["print_catalogue"]

PREFIX = "ERROR_CODE_"
HEADER = '''"""Stable names of every error the service can answer with.

Generated from proto/unkey/common/v1/error_code.proto by `make generate`. Do not edit.
"""

from enum import StrEnum


class ErrorCode(StrEnum):
    """The error catalogue; each value is the URN of the code."""

'''


def print_catalogue(enum: DescEnum) -> Iterator[str]:
    """Yield the text of the Python module; the unspecified code, which is never sent, is left out.

    Raises:
        ValueError: A code has no URN.
    """
    yield HEADER
    for value in enum.values:
        if value.number == 0:
            continue
        options = value.proto.options
        if options is None or ext_error_code not in options:
            msg = f"{value.name} has no URN"
            raise ValueError(msg)
        yield f'    {value.name.removeprefix(PREFIX)} = "{options[ext_error_code].urn}"\n'


if __name__ == "__main__":
    sys.stdout.writelines(print_catalogue(ErrorCode.desc()))
