"""What is measured."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from unkey_proto.unkey.keys.v2.verification_pb import VerifyKeyRequest, VerifyKeyResponse

from benchmarks.load import LoadFailed, Request
from benchmarks.seeding import PLENTY, Seeded

VERIFY = "/v2/keys.verifyKey"
VERIFY_RPC = "/unkey.keys.v2.KeysService/VerifyKey"
LIMIT = "/v2/ratelimit.limit"
MULTI_LIMIT = "/v2/ratelimit.multiLimit"
IDENTIFIERS = 10_000
TOGETHER = 10  # limits in one call
LIMIT_WINDOW_MS = 60_000


class Target(StrEnum):
    """Which server a scenario loads, and how."""

    BARE = "bare"
    SERVICE = "service"
    HTTP2 = "http2"
    TWO_WORKERS = "two_workers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One row of the table."""

    name: str
    target: Target
    request: Request
    accepts: Callable[[bytes], bool]
    """Whether the body of an answer is that of a success: a fast refusal must not count."""
    once: bool = False
    """Every body may be sent only once."""
    refused: bool = False
    """Every answer is a refusal, and that is what is measured."""


def scenarios(seeded: Seeded, folder: Path) -> list[Scenario]:
    """Return the rows in the order in which they are measured; writes their bodies into `folder`."""
    return list(_Scenarios(seeded, folder).build())


class _Scenarios:
    def __init__(self, seeded: Seeded, folder: Path) -> None:
        self._seeded = seeded
        self._folder = folder
        self._json = {"Authorization": f"Bearer {seeded.root_key}", "Content-Type": "application/json"}
        self._binary = {**self._json, "Content-Type": "application/proto"}

    def build(self) -> Iterator[Scenario]:
        seeded = self._seeded
        plain = self._file("plain", [{"key": seeded.plain}])
        binary = self._folder / "plain.bin"
        binary.write_bytes(VerifyKeyRequest(key=seeded.plain).to_binary())
        verify = Request(path=VERIFY, headers=self._json, bodies=plain)
        rpc = Request(path=VERIFY_RPC, headers=self._json, bodies=plain)
        rpc_binary = Request(path=VERIFY_RPC, headers=self._binary, bodies=binary)
        echo = Scenario(
            name="bare echo",
            target=Target.BARE,
            request=Request(path="/", headers=self._json, bodies=plain),
            accepts=lambda body: body == json.dumps({"key": seeded.plain}, separators=(",", ":")).encode(),
        )
        yield echo
        yield self._verify("verify /v2 JSON", verify)
        yield self._unauthorized(plain)
        yield self._verify("verify Connect JSON", rpc)
        yield Scenario(
            name="verify Connect binary",
            target=Target.SERVICE,
            request=rpc_binary,
            accepts=lambda body: VerifyKeyResponse.from_binary(body).valid,
        )
        yield self._verify("verify, one rate limit", self._verifying("limited", seeded.limited))
        yield self._verify("verify, credits", self._verifying("counted", seeded.counted))
        yield echo
        yield self._limit("limit, one identifier", ["somebody"])
        yield self._limit("limit, 10,000 identifiers", [f"somebody-{n}" for n in range(IDENTIFIERS)])
        yield self._multi_limit("multiLimit, ten limits")
        yield self._verify("verify /v2 over HTTP/2", verify, target=Target.HTTP2)
        unseen = self._file("unseen", [{"key": key} for key in seeded.unseen])
        cold = Request(path=VERIFY, headers=self._json, bodies=unseen, each_line=True)
        yield self._verify("verify, each key new", cold, once=True)
        yield echo
        yield self._verify("verify, two workers, both cores", verify, target=Target.TWO_WORKERS)

    def _unauthorized(self, bodies: Path) -> Scenario:
        headers = {**self._json, "Authorization": "Bearer unkey_nobody_has_this_root_key"}
        return Scenario(
            name="verify, unauthorized",
            target=Target.SERVICE,
            request=Request(path=VERIFY, headers=headers, bodies=bodies),
            accepts=lambda body: b'"status":401' in body,
            refused=True,
        )

    def _verifying(self, name: str, key: str) -> Request:
        return Request(path=VERIFY, headers=self._json, bodies=self._file(name, [{"key": key}]))

    def _verify(self, name: str, request: Request, *, target: Target = Target.SERVICE, once: bool = False) -> Scenario:
        return Scenario(
            name=name, target=target, request=request, accepts=lambda body: b'"valid":true' in body, once=once
        )

    def _limit(self, name: str, identifiers: Sequence[str]) -> Scenario:
        bodies = self._file(f"limit-{len(identifiers)}", [_limit_body(each) for each in identifiers])
        request = Request(path=LIMIT, headers=self._json, bodies=bodies, each_line=len(identifiers) > 1)
        return Scenario(
            name=name, target=Target.SERVICE, request=request, accepts=lambda body: b'"success":true' in body
        )

    def _multi_limit(self, name: str) -> Scenario:
        body = [_limit_body(f"together-{number}") for number in range(TOGETHER)]
        request = Request(path=MULTI_LIMIT, headers=self._json, bodies=self._file("multi-limit", [body]))
        return Scenario(
            name=name,
            target=Target.SERVICE,
            request=request,
            accepts=lambda body: body.count(b'"passed":true') > TOGETHER,
        )

    def _file(self, name: str, bodies: Sequence[object]) -> Path:
        file = self._folder / f"{name}.json"
        file.write_text("\n".join(json.dumps(body, separators=(",", ":")) for body in bodies))
        return file


def _limit_body(identifier: str) -> dict[str, object]:
    return {"namespace": "bench", "identifier": identifier, "limit": PLENTY, "duration": LIMIT_WINDOW_MS}


async def check(scenario: Scenario, url: str) -> None:
    """Send one request as the loader will. Raises `LoadFailed` unless the answer is a success."""
    bodies = scenario.request.bodies.read_bytes()
    # The last body: by the time the loader gets there, its answer may be in a cache, and that is one of thousands.
    body = bodies.rpartition(b"\n")[2] if scenario.request.each_line else bodies
    request = urllib.request.Request(  # noqa: S310 - our own address
        url + scenario.request.path, data=body, headers=dict(scenario.request.headers)
    )
    answer = await asyncio.to_thread(_fetch, request)
    if not scenario.accepts(answer):
        raise LoadFailed(f"{scenario.name}: unexpected answer {answer[:300]!r}")


def _fetch(request: urllib.request.Request) -> bytes:
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
            body: bytes = answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            body = refused.read()
    return body
