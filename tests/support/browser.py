"""A headless Chromium, driven over its own protocol; nothing but the browser is needed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any  # the protocol carries any JSON

import aiohttp
import pytest

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1400,1000",
    # Names cannot be looked up, so whatever wants to leave the machine fails, the browser's own calls home included.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
POLL_SECONDS = 0.05
MESSAGE_BYTES = 64_000_000
ATTACH = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}


def browser_program() -> str:
    """Return the path of a browser, or skip the test."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    return pytest.skip("no Chromium is installed; `make browser` installs Debian's")


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, ended: asyncio.subprocess.Process) -> None:
        self._socket = socket
        self._ended = ended
        self._numbers = itertools.count(1)
        self._session = ""
        self._below: list[str] = []
        """Sessions of frames and workers the page has just made, which wait to be listened to."""
        self.requests: list[dict[str, Any]] = []
        """What the page, its frames and its workers asked for, in order, with `url` and `headers`; not what the browser
        does."""
        self.complaints: list[str] = []
        """What went wrong in the page's scripts, and what its content security policy refused."""

    async def open(self, url: str) -> None:
        """Load a page in a new tab."""
        target = await self._call("Target.createTarget", {"url": "about:blank"})
        attached = await self._call("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        self._session = attached["sessionId"]
        for domain in ("Log", "Network", "Page", "Runtime"):
            await self._call(f"{domain}.enable", {})
        await self._call("Target.setAutoAttach", ATTACH)
        await self._call("Page.navigate", {"url": url})

    async def evaluate(self, expression: str) -> Any:  # any JSON
        """Return the value of a JavaScript expression."""
        answer = await self._call("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, expression: str, seconds: float) -> None:
        """Wait until an expression is true."""
        try:
            async with asyncio.timeout(seconds):
                while not await self.evaluate(expression):
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            text = await self.evaluate("document.body?.innerText ?? ''")
            pytest.fail(f"waited in vain for {expression}; the page says:\n{text[:3000]}")

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self._call("Input.insertText", {"text": text})

    async def names(self, *roles: str) -> set[str]:
        """Return what the elements of these roles are called, as a screen reader hears it."""
        nodes = (await self._call("Accessibility.getFullAXTree", {}))["nodes"]
        visible = [node for node in nodes if not node["ignored"] and node["role"]["value"] in roles]
        return {node["name"]["value"] for node in visible if node.get("name")}

    async def screenshot(self, file: Path) -> None:
        """Keep a picture of the window."""
        answer = await self._call("Page.captureScreenshot", {"format": "png"})
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(answer["data"]))

    async def close_browser(self) -> None:
        """End the browser and wait until it is gone."""
        self._session = ""
        await self._call("Browser.close", {})
        await self._ended.wait()

    async def _call(self, method: str, params: Mapping[str, object]) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        await self._socket.send_json(message | ({"sessionId": self._session} if self._session else {}))
        while True:
            answer: dict[str, Any] = await self._socket.receive_json(timeout=30)
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)
            while self._below:
                await self._listen(self._below.pop())

    async def _listen(self, session: str) -> None:
        """Hear what a frame or worker asks for, and let it begin. The answers are of no interest."""
        for method, params in (
            ("Network.enable", {}),
            ("Target.setAutoAttach", ATTACH),
            ("Runtime.runIfWaitingForDebugger", {}),
        ):
            message = {"id": next(self._numbers), "method": method, "params": params, "sessionId": session}
            await self._socket.send_json(message)

    def _note(self, event: dict[str, Any]) -> None:
        match event.get("method"):
            case "Target.attachedToTarget":
                self._below.append(event["params"]["sessionId"])
            case "Network.requestWillBeSent":
                self.requests.append(event["params"]["request"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(event["params"]["exceptionDetails"]))
            case "Log.entryAdded" if event["params"]["entry"]["source"] == "security":
                self.complaints.append(str(event["params"]["entry"]))


@asynccontextmanager
async def browsing(profile: Path) -> AsyncIterator[Page]:
    """Run a browser with an empty profile until the block ends."""
    command = [browser_program(), *FLAGS, f"--user-data-dir={profile}"]
    process = await asyncio.create_subprocess_exec(
        *command,
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port, path = await _address(profile / "DevToolsActivePort")
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=MESSAGE_BYTES) as socket,
        ):
            yield Page(socket, process)
    finally:
        with contextlib.suppress(ProcessLookupError):  # it was told to close and has done so
            os.killpg(process.pid, signal.SIGKILL)  # Debian's command is a script around the browser
        await process.wait()


async def _address(file: Path) -> tuple[str, str]:
    async with asyncio.timeout(30):
        while not file.exists() or len(file.read_text().splitlines()) < 2:
            await asyncio.sleep(POLL_SECONDS)
    port, path = file.read_text().splitlines()
    return port, path
