"""Fetching a key set over real HTTP and HTTPS."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from tests.support.tokens import rsa_key
from unkey_api.infra.jwks import BYTES_MAX, JwksClient, JwksFetchFailed, open_jwks_session

pytestmark = pytest.mark.integration
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve on loopback and yield the address."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}/keys"
    finally:
        await runner.cleanup()


async def fetched(url: str, *, seconds: float = 5.0) -> bytes:
    """Fetch once with a session of our own."""
    async with open_jwks_session() as session:
        return await JwksClient(session, url, seconds=seconds).fetch()


def answering(status: int = 200, body: bytes = b"{}", headers: dict[str, str] | None = None) -> Handler:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=headers)

    return handler


class TestBounds:
    async def test_the_document_arrives_whole(self) -> None:
        body = b"x" * BYTES_MAX
        async with serving(answering(body=body)) as url:
            assert await fetched(url) == body

    async def test_one_byte_more_is_too_much(self) -> None:
        async with serving(answering(body=b"x" * (BYTES_MAX + 1))) as url:
            with pytest.raises(JwksFetchFailed, match="longer"):
                await fetched(url)

    async def test_a_small_answer_that_unpacks_to_a_large_one_is_too_much(self) -> None:
        packed = gzip.compress(b"x" * (BYTES_MAX * 50))
        async with serving(answering(body=packed, headers={"content-encoding": "gzip"})) as url:
            with pytest.raises(JwksFetchFailed, match="longer"):
                await fetched(url)

    @pytest.mark.parametrize("status", [301, 304, 404, 500])
    async def test_anything_but_success_is_a_failure(self, status: int) -> None:
        async with serving(answering(status, headers={"location": "http://127.0.0.1:1/"})) as url:
            with pytest.raises(JwksFetchFailed, match=str(status)):
                await fetched(url)

    async def test_a_server_that_does_not_answer_costs_no_more_than_the_time_out(self) -> None:
        async def silent(request: web.BaseRequest) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError

        async with serving(silent) as url:
            with pytest.raises(JwksFetchFailed, match="in time"):
                await fetched(url, seconds=0.05)

    async def test_a_server_that_trickles_costs_no_more_either(self) -> None:
        async def trickling(request: web.BaseRequest) -> web.StreamResponse:
            answer = web.StreamResponse()
            await answer.prepare(request)
            while True:
                await answer.write(b"x")
                await asyncio.sleep(0.01)

        async with serving(trickling) as url:
            with pytest.raises(JwksFetchFailed, match="in time"):
                await fetched(url, seconds=0.1)

    async def test_nobody_there_is_a_failure(self) -> None:
        async with serving(answering()) as url:
            pass
        with pytest.raises(JwksFetchFailed, match="could not be asked"):
            await fetched(url)


class TestEnvironment:
    async def test_a_certificate_authority_of_the_environment_is_trusted_and_no_other(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate, context = _certificate(tmp_path)
        async with serving(answering(body=b"keys"), tls=context) as url:
            with pytest.raises(JwksFetchFailed, match="could not be asked"):
                await fetched(url)
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            assert await fetched(url) == b"keys"

    async def test_a_proxy_of_the_environment_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        async def proxy(request: web.BaseRequest) -> web.StreamResponse:
            asked.append(request.raw_path)
            return web.Response(body=b"by proxy")

        async with serving(proxy) as url:
            monkeypatch.setenv("http_proxy", url.removesuffix("/keys"))
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
            assert await fetched("http://issuer.test/keys") == b"by proxy"
        assert asked == ["http://issuer.test/keys"]


def _certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a self-signed certificate for loopback."""
    key, now = rsa_key("tls"), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    return certificate, context
