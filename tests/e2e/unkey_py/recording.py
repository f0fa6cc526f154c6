"""The official client, with a note of what was called; and its asynchronous twin, called like the other."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, cast

from unkey.py import Unkey

Exposed = set[str]
"""Operations by their names on the wire: `keys.createKey`."""


def exposed(areas: set[str]) -> Exposed:
    """Return every operation that the client has a method for, in these areas; asynchronous twins count once."""
    found: Exposed = set()
    for attribute in Unkey.__annotations__:
        if wire_name(attribute) not in areas:
            continue
        area = type(getattr(Unkey(root_key="unused"), attribute))
        public = {name for name, member in vars(area).items() if callable(member) and not name.startswith("_")}
        assert {name.removesuffix("_async") for name in public} == {n for n in public if not n.endswith("_async")}
        found |= {f"{wire_name(attribute)}.{wire_name(name)}" for name in public if not name.endswith("_async")}
    return found


def wire_name(python_name: str) -> str:
    """Return `createKey` for `create_key`."""
    first, *others = python_name.split("_")
    return first + "".join(word.capitalize() for word in others)


class Recorded:
    """Passes calls on to the client and notes them."""

    def __init__(self, client: Unkey) -> None:
        self.called: Exposed = set()
        self._client = client

    @property
    def client(self) -> Unkey:
        """What stands in for the client."""
        return cast("Unkey", self)

    def __getattr__(self, area: str) -> _Area:
        return _Area(getattr(self._client, area), lambda name: self._call(area, name))

    def _call(self, area: str, name: str) -> Callable[..., Any]:  # whatever the client answers
        self.called.add(f"{wire_name(area)}.{wire_name(name)}")
        method: Callable[..., Any] = getattr(getattr(self._client, area), name)
        return method


class Asynchronous(Recorded):
    """Does the same with the asynchronous methods, each run to its end."""

    def __init__(self, client: Unkey, runner: asyncio.Runner) -> None:
        super().__init__(client)
        self._runner = runner

    def _call(self, area: str, name: str) -> Callable[..., Any]:
        method = super()._call(area, f"{name}_async")
        self.called = {called.removesuffix("Async") for called in self.called}
        return lambda *args, **values: _Page.of(self._runner.run(method(*args, **values)), self._runner)


class _Area:
    def __init__(self, area: object, call: Callable[[str], Callable[..., Any]]) -> None:
        self._area = area
        self._call = call

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._call(name)


class _Page:
    """A page whose next one is awaited."""

    def __init__(self, page: Any, runner: asyncio.Runner) -> None:  # one of many generated classes
        self._page = page
        self._runner = runner
        self.result = page.result

    @classmethod
    def of(cls, answer: Any, runner: asyncio.Runner) -> Any:
        return cls(answer, runner) if hasattr(answer, "next") else answer

    def next(self) -> Any:
        # The client's asynchronous pages answer at once, or with something to await when there are no more.
        following = self._page.next()
        if inspect.isawaitable(following):
            following = self._runner.run(_awaited(following))
        return following if following is None else self.of(following, self._runner)


async def _awaited(answer: Any) -> Any:
    return await answer
