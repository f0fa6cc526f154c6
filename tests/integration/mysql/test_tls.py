"""Encrypted connections."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.mysql import MysqlServer, run_server, run_sql
from unkey_api.infra.mysql import Dsn, StoreUnavailable, TlsMode

pytestmark = pytest.mark.integration

CIPHER = "SHOW STATUS LIKE 'Ssl_cipher'"


@dataclass(frozen=True, slots=True)
class TlsServer:
    """A server with a certificate for 127.0.0.1."""

    server: MysqlServer
    certificate: Path


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "unkey test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    paths[1].write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return paths


@pytest.fixture(scope="module")
def tls() -> Iterator[TlsServer]:
    """Start it for these tests alone."""
    with tempfile.TemporaryDirectory(prefix="unkey-mysql-", dir="/tmp") as folder:
        certificate, key = write_certificate(Path(folder))
        with run_server(Path(folder), f"--ssl-cert={certificate}", f"--ssl-key={key}") as server:
            yield TlsServer(server, certificate)


def encrypted(tls: TlsServer, mode: TlsMode, *, host: str = "127.0.0.1", ca: bool = True) -> Dsn:
    return replace(tls.server.tcp_dsn("mysql"), host=host, tls=mode, tls_ca=str(tls.certificate) if ca else "")


async def test_verified(tls: TlsServer) -> None:
    (row,) = await run_sql(encrypted(tls, TlsMode.VERIFY), CIPHER)
    assert row[1]


def test_verified_under_uvloop(tls: TlsServer) -> None:
    """The loop the service runs on; the driver's way of starting TLS depends on the loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        (row,) = runner.run(run_sql(encrypted(tls, TlsMode.VERIFY), CIPHER))
    assert row[1]


async def test_encrypted_without_verification(tls: TlsServer) -> None:
    (row,) = await run_sql(encrypted(tls, TlsMode.ENCRYPT, ca=False), CIPHER)
    assert row[1]


async def test_unknown_authority_is_refused(tls: TlsServer) -> None:
    with pytest.raises(StoreUnavailable):
        await run_sql(encrypted(tls, TlsMode.VERIFY, ca=False), CIPHER)


async def test_other_host_name_is_refused_only_when_asked(tls: TlsServer) -> None:
    with pytest.raises(StoreUnavailable):
        await run_sql(encrypted(tls, TlsMode.VERIFY, host="localhost"), CIPHER)
    (row,) = await run_sql(encrypted(tls, TlsMode.VERIFY_CA, host="localhost"), CIPHER)
    assert row[1]


async def test_server_without_tls_is_refused(mysql_server: MysqlServer) -> None:
    """Somebody in between who strips the offer must not get the login in clear."""
    with pytest.raises(StoreUnavailable, match="does not offer TLS"):
        await run_sql(replace(mysql_server.tcp_dsn("mysql"), tls=TlsMode.ENCRYPT), CIPHER)
