"""`unkey-api config check` finds whatever `serve` would die of, and no command dies of it with a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner, Result

from tests.support.certificates import self_signed
from unkey_api.cli.main import app

VALID = {
    "UNKEY_REDIS_URL": "redis://localhost:6379",
    "UNKEY_DATABASE_PRIMARY": "mysql://u:p@localhost/unkey",
    "UNKEY_AUTH": '[{type = "root_key"}]',
}
COMMANDS = [
    ["config", "check"],
    ["serve"],
    ["migrate"],
    ["workspace", "list"],
    ["workspace", "create", "x"],
    ["root-key", "list"],
    ["root-key", "revoke", "key_1"],
]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep `unkey.toml` and variables of whoever runs the tests out of it."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("UNKEY_", "OTEL_"))]:
        monkeypatch.delenv(name)


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={**VALID, **environ})


def check(**environ: str) -> str:
    """Check a configuration that is not fine; return what was printed."""
    result = run("config", "check", **environ)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    return result.stderr


def test_a_good_configuration_is_fine() -> None:
    result = run("config", "check")
    assert (result.exit_code, result.stdout) == (0, "The configuration is fine.\n")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    "dsn",
    [
        "mysql://u:p#w@db/unkey",
        "mysql://u:p@db/unkey?sslmode=require",
        "mysql://u:p@db/unkey?ssl-ca=/absent.pem",
        "u:p@tcp(db)/unkey?parseTime=true&tls-ca=/absent.pem",
        "nonsense",
    ],
)
def test_no_command_ends_in_a_traceback(command: list[str], dsn: str) -> None:
    result = run(*command, UNKEY_DATABASE_PRIMARY=dsn)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "database.primary" in result.stderr


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"UNKEY_CLICKHOUSE_URL": "foo"}, "clickhouse.url must be a ClickHouse URL"),
        ({"UNKEY_CLICKHOUSE_ANALYTICS_URL": "http://"}, "clickhouse.analytics_url names no host"),
        ({"UNKEY_CLICKHOUSE_URL": "http://h:x"}, "clickhouse.url has a malformed port"),
        ({"UNKEY_REDIS_URL": "redis://h/x"}, "redis_url must end in the number of a database"),
        ({"UNKEY_REDIS_URL": "rediss://h?ssl_ca_certs=/absent"}, "redis_url names a certificate"),
        ({"UNKEY_DATABASE_READONLY_REPLICA": "mysql://u@h/d?tls-ca=/absent"}, "database.readonly_replica names a file"),
        ({"UNKEY_VAULT_URL": "http://vault:8080?x=1"}, "vault.url has the parameter x, but takes none"),
        ({"UNKEY_CONTROL_URL": "http://c:99999", "UNKEY_CONTROL_TOKEN": "t"}, "control.url has a malformed port"),
        (
            {"UNKEY_AUTH": '[{type = "jwt", issuer = "i", jwks_url = "https://i:port/keys"}]'},
            "auth[0].jwks_url has a malformed port",
        ),
        ({"UNKEY_BIND_ADDRESS": "not an address"}, "bind_address must be an IP address or a host name"),
        ({"UNKEY_HTTP2_PORT": "7070"}, "http2_port must differ from http_port"),
        ({"UNKEY_HTTP_PORTT": "1"}, "UNKEY_HTTP_PORTT is not a known variable; the nearest is UNKEY_HTTP_PORT"),
        ({"UNKEY_GOSSIP_SECRET_KEY": "x" * 24 + "AAAAAAAA", "UNKEY_GOSSIP_JOIN": "a b:1"}, "gossip.join[0]"),
    ],
)
def test_what_serve_would_die_of_is_found(environ: dict[str, str], expected: str) -> None:
    assert expected in check(**environ)


def test_variables_of_the_collector_count_once_traces_are_on() -> None:
    timeout = {"OTEL_EXPORTER_OTLP_TIMEOUT": "ten", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/absent"}
    assert run("config", "check", **timeout).exit_code == 0
    printed = check(UNKEY_OBSERVABILITY_TRACING_SAMPLE_RATE="0.1", **timeout)
    assert "OTEL_EXPORTER_OTLP_TIMEOUT must be a number of milliseconds" in printed
    timeout["OTEL_EXPORTER_OTLP_TIMEOUT"] = "1000"
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE cannot be read" in check(
        UNKEY_OBSERVABILITY_TRACING_SAMPLE_RATE="0.1", **timeout
    )


def test_files_and_packages_that_traces_need_are_looked_for(tmp_path: Path) -> None:
    on = {"UNKEY_OBSERVABILITY_TRACING_SAMPLE_RATE": "0.1"}
    printed = check(
        OTEL_PROPAGATORS="tracecontext,b4",
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="/absent",
        OTEL_EXPORTER_OTLP_CLIENT_KEY="/absent too",
        **on,
    )
    assert "OTEL_PROPAGATORS names b4, which is not installed" in printed
    assert "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE cannot be read" in printed
    assert "OTEL_EXPORTER_OTLP_CLIENT_KEY cannot be read" in printed
    cert, key = self_signed(tmp_path)
    shown = {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(cert), "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(key)}
    assert run("config", "check", **shown, **on).exit_code == 0
    assert "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is no certificate chain" in check(
        **shown | {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(key)}, **on
    )


def test_everything_is_reported_at_once(tmp_path: Path) -> None:
    """Files too: who mends one thing should not be told the next at the second start."""
    file = tmp_path / "unkey.toml"
    tls = '[tls]\ncert_file = "/no"\nkey_file = "/no"'
    file.write_text(f'regoin = "eu"\nplatform = "${{NOWHERE}}"\nrequest_timeout = "1us"\n{tls}')
    printed = check(UNKEY_CLICKHOUSE_URL="foo", UNKEY_WORKRES="2")
    assert {line.split()[0] for line in printed.splitlines()[1:]} == {
        "regoin",
        "platform",
        "request_timeout",
        "tls.cert_file",
        "tls.key_file",
        "clickhouse.url",
        "UNKEY_WORKRES",
    }


class TestTlsFiles:
    def test_a_matching_pair_is_fine(self, tmp_path: Path) -> None:
        cert, key = self_signed(tmp_path)
        assert run("config", "check", UNKEY_TLS_CERT_FILE=str(cert), UNKEY_TLS_KEY_FILE=str(key)).exit_code == 0

    def test_a_key_of_another_certificate(self, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        cert, _ = self_signed(tmp_path)
        _, other = self_signed(tmp_path / "other")
        printed = check(UNKEY_TLS_CERT_FILE=str(cert), UNKEY_TLS_KEY_FILE=str(other))
        assert "tls has a key_file that is not the key of cert_file" in printed

    def test_files_that_hold_something_else(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("hello")
        printed = check(UNKEY_TLS_CERT_FILE=str(tmp_path / "text"), UNKEY_TLS_KEY_FILE=str(tmp_path / "text"))
        assert "tls has files that are no certificate chain and key in PEM" in printed

    def test_files_that_are_not_there(self, tmp_path: Path) -> None:
        printed = check(UNKEY_TLS_CERT_FILE=str(tmp_path), UNKEY_TLS_KEY_FILE="/absent")
        assert "tls.cert_file cannot be read: Is a directory" in printed
        assert "tls.key_file cannot be read: No such file or directory" in printed

    def test_an_encrypted_key_asks_nobody_for_a_password(self, tmp_path: Path) -> None:
        cert, key = self_signed(tmp_path)
        private = ec.generate_private_key(ec.SECP256R1())
        encryption = serialization.BestAvailableEncryption(b"secret")
        key.write_bytes(
            private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        )
        printed = check(UNKEY_TLS_CERT_FILE=str(cert), UNKEY_TLS_KEY_FILE=str(key))
        assert "tls.key_file is encrypted; only keys without a password can be used" in printed


def test_no_password_is_printed() -> None:
    printed = check(
        UNKEY_DATABASE_PRIMARY="mysql://u:hun#ter2@h/d",
        UNKEY_REDIS_URL="redis://:hun/ter2@h",
        UNKEY_CLICKHOUSE_URL="http://u:hun?ter2@h",
    )
    assert "hun" not in printed
    assert "ter2" not in printed
