"""What a log line tells about an exception: enough to find the bug, and bounded whatever was raised."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from unkey_api.core.errors import ServiceUnavailable
from unkey_api.infra.telemetry.fields import FRAMES_MAX, STEPS_MAX, TEXT_MAX, describe_exception

SECRET = "hunter2"


def caught(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - whatever the work raises is what the test is about
        return error
    raise AssertionError("nothing was raised")


def described(work: Callable[[], object]) -> dict[str, Any]:  # Any: parts of different types
    return describe_exception(caught(work))


def inner() -> None:
    password = SECRET
    raise KeyError(len(password))


def outer() -> None:
    try:
        inner()
    except KeyError as error:
        raise ServiceUnavailable("try later", internal="the store is odd") from error


def test_every_frame_is_named_with_file_line_and_function() -> None:
    told = described(inner)
    assert [frame.split(" ")[1] for frame in told["frames"]] == ["caught", "inner"]
    assert all(frame.startswith("telemetry/test_exceptions.py:") for frame in told["frames"])
    assert told["location"] == told["frames"][-1]


def test_no_value_of_a_variable_is_told() -> None:
    assert SECRET not in json.dumps(described(outer))


def test_causes_are_told_with_their_frames() -> None:
    told = described(outer)
    assert (told["type"], told["message"], told["code"]) == (
        "ServiceUnavailable",
        "the store is odd",
        "err:unkey:application:service_unavailable",
    )
    assert told["steps"] == ["KeyError: 7"]
    names = [frame.split(" ")[1] for frame in told["frames"]]
    assert names == ["caught", "outer", "KeyError", "outer", "inner"]


def test_context_counts_unless_it_was_ruled_out() -> None:
    def during() -> None:
        try:
            inner()
        except KeyError:
            raise ValueError("while handling")  # noqa: B904 - the context is the point

    def ruled_out() -> None:
        try:
            inner()
        except KeyError:
            raise ValueError("by itself") from None

    assert described(during)["steps"] == ["KeyError: 7"]
    assert described(ruled_out)["steps"] == []


async def test_groups_tell_what_is_in_them_at_every_depth() -> None:
    async def broken() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(later())

    async def later() -> None:
        await asyncio.sleep(0)
        outer()

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(broken())
    except ExceptionGroup as error:
        told: dict[str, Any] = describe_exception(error)  # Any: parts of different types
    assert told["type"] == "ExceptionGroup"
    assert told["steps"][-2:] == ["ServiceUnavailable: the store is odd", "KeyError: 7"]
    assert told["frames"][-1].endswith(" inner")


def test_endless_recursion_is_cut() -> None:
    def again() -> None:
        again()

    told = described(again)
    assert len(told["frames"]) == FRAMES_MAX
    assert told["type"] == "RecursionError"


def test_crowds_and_circles_are_cut() -> None:
    crowd = ExceptionGroup("many", [ValueError(str(number)) for number in range(1_000)])
    assert len(describe_exception(crowd)["steps"]) == STEPS_MAX  # type: ignore[arg-type]  # a list
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert describe_exception(first)["steps"] == ["ValueError: second"]


def test_texts_are_cut_and_may_fail() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert len(str(describe_exception(ValueError("x" * 100_000))["message"])) == TEXT_MAX + 1
    assert describe_exception(Silent())["message"] == "<no text>"
