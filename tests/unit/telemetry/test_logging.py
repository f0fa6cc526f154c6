"""Log lines: form, level, guard. What a line holds is checked on the text that would be written."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest
import structlog

from tests.support.clock import FixedClock
from unkey_api.core.error_code import ErrorCode
from unkey_api.core.errors import AppError
from unkey_api.core.secret import Secret
from unkey_api.infra.telemetry.logging import ForwardingHandler, LogStyle, configure_logging

KEY = "sk_live_3ZK9uQpLdT5xVbYwRmHc7N"
ROOT_KEY = "unkey_8mTqYdJw4eVbRkZs2PxNf"
DSN = "unkey:correct-horse@tcp(db.internal:3306)/unkey?parseTime=true"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Lines:
    """What was written, as text and as parsed JSON."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def last(self) -> dict[str, Any]:  # Any: parsed JSON
        parsed: dict[str, Any] = json.loads(self.text.splitlines()[-1])  # Any: the same
        return parsed

    def configure(self, *, level: int = logging.INFO, secrets: tuple[Secret, ...] = ()) -> None:
        configure_logging(
            FixedClock(1_750_000_000_123),
            style=LogStyle(level=level),
            base={"instance": {"id": "ins_1", "region": "eu"}},
            secrets=secrets,
            stream=self.stream,
        )


@pytest.fixture
def lines() -> Iterator[Lines]:
    written = Lines()
    level = logging.getLogger().level
    written.configure()
    yield written
    structlog.reset_defaults()
    root = logging.getLogger()
    root.setLevel(level)
    for handler in [each for each in root.handlers if isinstance(each, ForwardingHandler)]:
        root.removeHandler(handler)


class TestForm:
    def test_line_has_time_level_message_source_and_base(self, lines: Lines) -> None:
        structlog.get_logger("unkey_api.areas.keys").warning("cache full", cache="keys", count=3)
        assert lines.last == {
            "time": "2025-06-15T15:06:40.123Z",
            "level": "warning",
            "message": "cache full",
            "source": lines.last["source"],
            "logger": "unkey_api.areas.keys",
            "instance": {"id": "ins_1", "region": "eu"},
            "cache": "keys",
            "count": 3,
        }
        assert lines.last["source"].startswith("test_logging.py:")

    def test_percent_signs_are_left_alone(self, lines: Lines) -> None:
        structlog.get_logger().info("100% %s")
        assert lines.last["message"] == "100% %s"

    def test_lower_levels_are_not_written(self, lines: Lines) -> None:
        lines.configure(level=logging.ERROR)
        structlog.get_logger().warning("no")
        assert lines.text == ""

    def test_loggers_of_dependencies_write_the_same_lines(self, lines: Lines) -> None:
        logging.getLogger("uvicorn.error").warning("%s connections at 100%%", 5)
        assert lines.last["logger"] == "uvicorn.error"
        assert lines.last["message"] == "5 connections at 100%"
        assert lines.last["level"] == "warning"

    def test_configuring_twice_does_not_double_lines(self, lines: Lines) -> None:
        lines.configure()
        logging.getLogger("uvicorn.error").warning("once")
        assert len(lines.text.splitlines()) == 1

    def test_error_is_expanded_with_its_causes(self, lines: Lines) -> None:
        class KeyGone(AppError):
            code = ErrorCode.DATA_KEY_NOT_FOUND

        try:
            try:
                raise ConnectionError("socket closed")  # noqa: TRY301 - the shape of a real failure
            except ConnectionError as err:
                raise KeyGone("gone", internal="row missing") from err
        except KeyGone as err:
            structlog.get_logger().error("api error", error=err)
        error = lines.last["error"]
        assert error["type"] == "KeyGone"
        assert error["message"] == "row missing"
        assert error["code"] == "err:unkey:data:key_not_found"
        assert error["steps"] == ["ConnectionError: socket closed"]
        assert "test_logging.py" in error["location"]

    def test_exception_in_flight_is_taken_along(self, lines: Lines) -> None:
        try:
            raise ValueError("odd")  # noqa: TRY301 - the shape of a real failure
        except ValueError:
            structlog.get_logger().exception("failed")
        assert lines.last["error"]["message"] == "odd"
        assert lines.last["level"] == "error"


class TestGuard:
    @pytest.mark.parametrize("secret", [KEY, ROOT_KEY, DSN, "correct-horse"])
    def test_secrets_reach_no_part_of_a_line(self, lines: Lines, secret: str) -> None:
        lines.configure(secrets=(Secret(DSN), Secret("correct-horse")))
        logger = structlog.get_logger()
        sentence = f"cannot use {secret} now"
        logger.warning(sentence, reason=f"bad {secret}", http={"path": f"/v2/{secret}"})
        logger.warning("nested", errors=[{"internal": f"x {secret}"}], steps=(secret, {"reason": secret}))
        logger.warning("unlisted", plaintext=secret, body={"key": secret}, **{secret: 1})
        logger.warning("wrapped", reason=Secret(secret))
        try:
            raise RuntimeError(f"no {secret}")  # noqa: TRY301 - the shape of a real failure
        except RuntimeError as err:
            logger.exception("failed")
            logger.warning("failed", error=err)
        logging.getLogger("aiomysql").warning("cannot connect to %s", secret)
        assert len(lines.text.splitlines()) == 7
        assert secret not in lines.text

    @pytest.mark.parametrize("secret", [KEY, ROOT_KEY])
    def test_keys_are_recognised_without_being_known(self, lines: Lines, secret: str) -> None:
        structlog.get_logger().info("hello " + secret, reason=secret)
        assert secret not in lines.text

    def test_password_of_a_dsn_is_recognised_without_being_known(self, lines: Lines) -> None:
        structlog.get_logger().info("opening", reason=DSN, url="mysql://unkey:correct-horse@db/unkey")
        assert "correct-horse" not in lines.text

    def test_unlisted_fields_are_dropped_and_named(self, lines: Lines) -> None:
        structlog.get_logger().info("request", body="x", http={"method": "POST", "headers": {}})
        assert lines.last["http"] == {"method": "POST"}
        assert lines.last["dropped_fields"] == ["body", "headers"]

    def test_objects_are_named_not_printed(self, lines: Lines) -> None:
        class Row:
            def __repr__(self) -> str:
                return KEY

        structlog.get_logger().info("row", reason=Row())
        assert lines.last["reason"] == "<Row>"

    def test_words_of_an_enum_are_written(self, lines: Lines) -> None:
        class State(StrEnum):
            OPEN = "open"

        structlog.get_logger().info("breaker", state=State.OPEN)
        assert lines.last["state"] == "open"

    def test_endless_nesting_is_cut(self, lines: Lines) -> None:
        steps: list[object] = []
        steps.append(steps)
        structlog.get_logger().info("loop", steps=steps)
        assert "<list>" in lines.text


class TestStyle:
    @pytest.mark.parametrize(
        ("word", "level"),
        [
            ("debug", logging.DEBUG),
            ("INFO", logging.INFO),
            ("warn", logging.WARNING),
            ("warning", logging.WARNING),
            ("error", logging.ERROR),
            ("", logging.INFO),
            ("loud", logging.INFO),
        ],
    )
    def test_level_comes_from_the_environment(self, word: str, level: int) -> None:
        assert LogStyle.of({"UNKEY_LOG_LEVEL": word}, io.StringIO()).level == level

    def test_pretty_only_on_a_terminal_without_no_color(self) -> None:
        assert LogStyle.of({}, Terminal()).pretty
        assert not LogStyle.of({"NO_COLOR": "1"}, Terminal()).pretty
        assert not LogStyle.of({}, io.StringIO()).pretty

    def test_pretty_lines_are_guarded_too(self, lines: Lines) -> None:
        stream = Terminal()
        configure_logging(FixedClock(), style=LogStyle(pretty=True), stream=stream)
        structlog.get_logger("mod").info("hello", reason=KEY, plaintext="nothing-that-looks-secret")
        assert "hello" in stream.getvalue()
        assert KEY not in stream.getvalue()
        assert "nothing-that-looks-secret" not in stream.getvalue()
