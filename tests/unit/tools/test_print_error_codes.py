"""The printed error catalogue must be the one in error_code.proto."""

from __future__ import annotations

from pathlib import Path

import pytest
from unkey_proto.unkey.common.v1 import error_code_pb

from tests.unit.tools.compiling import REPOSITORY, compile_proto
from tools.print_error_codes import print_catalogue
from unkey_api.core.error_code import ErrorCode


def test_every_code_but_the_unspecified_one_is_printed() -> None:
    names = [value.name.removeprefix("ERROR_CODE_") for value in error_code_pb.ErrorCode.desc().values]
    assert [code.name for code in ErrorCode] == names[1:]


def test_committed_module_is_current() -> None:
    committed = (REPOSITORY / "unkey_api/core/error_code.py").read_text(encoding="utf-8")
    assert committed == "".join(print_catalogue(error_code_pb.ErrorCode.desc()))


def test_code_without_urn_is_refused(tmp_path: Path) -> None:
    source = 'syntax = "proto3"; package sample; enum Code { CODE_UNSPECIFIED = 0; CODE_LOST = 1; }'
    [file] = compile_proto(source, tmp_path)
    with pytest.raises(ValueError, match="CODE_LOST has no URN"):
        list(print_catalogue(file.enums[0]))
