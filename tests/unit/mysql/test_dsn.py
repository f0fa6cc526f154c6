"""Connection strings."""

from __future__ import annotations

import pytest

from unkey_api.infra.mysql import Dsn, DsnError, TlsMode, parse_dsn


class TestUrl:
    def test_all_parts(self) -> None:
        dsn = parse_dsn("mysql://us%40er:p%40ss%3Aw%2Frd@db.example:3307/unkey?parseTime=true")
        assert dsn == Dsn(host="db.example", port=3307, user="us@er", password="p@ss:w/rd", database="unkey")

    def test_defaults(self) -> None:
        assert parse_dsn("mysql://root@/unkey") == Dsn(host="localhost", port=3306, user="root", database="unkey")

    def test_ipv6_and_socket(self) -> None:
        assert parse_dsn("mysql://u@[::1]:3306/d").host == "::1"
        socket = parse_dsn("mysql://u@localhost/d?unix_socket=/run/s.sock")
        assert (socket.host, socket.unix_socket) == ("", "/run/s.sock")


class TestGoForm:
    def test_all_parts(self) -> None:
        """Nothing is encoded in this form: a password may hold colons, slashes and at signs."""
        dsn = parse_dsn("user:p@ss:w/rd?@tcp(db.example:3307)/unkey?charset=utf8mb4&parseTime=true&loc=UTC")
        assert dsn == Dsn(host="db.example", port=3307, user="user", password="p@ss:w/rd?", database="unkey")

    @pytest.mark.parametrize(
        ("text", "host", "port", "socket"),
        [
            ("u@tcp(h)/d?parseTime=true", "h", 3306, ""),
            ("u@tcp/d?parseTime=true", "127.0.0.1", 3306, ""),
            ("u@/d?parseTime=1", "127.0.0.1", 3306, ""),
            ("u@tcp([::1]:3307)/d?parseTime=true", "::1", 3307, ""),
            ("u@unix(/run/my.sock)/d?parseTime=true", "", 3306, "/run/my.sock"),
        ],
    )
    def test_addresses(self, text: str, host: str, port: int, socket: str) -> None:
        dsn = parse_dsn(text)
        assert (dsn.host, dsn.port, dsn.unix_socket) == (host, port, socket)

    @pytest.mark.parametrize("query", ["", "?parseTime=false", "?charset=utf8mb4", "?parsetime=true"])
    def test_without_parse_time_is_refused(self, query: str) -> None:
        """Programs that share the string misread dates without it."""
        with pytest.raises(DsnError, match="parseTime=true"):
            parse_dsn(f"user:secret@tcp(h:3306)/d{query}")


class TestTls:
    @pytest.mark.parametrize(
        ("query", "mode"),
        [
            ("tls=true", TlsMode.VERIFY),
            ("tls=skip-verify", TlsMode.ENCRYPT),
            ("tls=preferred", TlsMode.ENCRYPT),
            ("tls=false", TlsMode.OFF),
            ("ssl-mode=VERIFY_CA", TlsMode.VERIFY_CA),
            ("tls-ca=/ca.pem", TlsMode.VERIFY),
            ("", TlsMode.OFF),
        ],
    )
    def test_modes(self, query: str, mode: TlsMode) -> None:
        assert parse_dsn(f"mysql://u@h/d?{query}").tls is mode
        assert parse_dsn(f"u@tcp(h)/d?parseTime=true&{query}").tls is mode

    def test_unknown_mode(self) -> None:
        with pytest.raises(DsnError, match="tls=maybe is unknown"):
            parse_dsn("mysql://u@h/d?tls=maybe")


class TestProblems:
    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("", "empty"),
            ("postgres://u:hunter2@h/d", "mysql://"),
            ("mysql://u:hunter2@h", "names no database"),
            ("mysql://h/d", "names no user"),
            ("mysql://u:hunter2@h:99999/d", "malformed"),
            ("mysql://u:hun#ter2@h/d", "#|malformed|no database"),
            ("u:hunter2@tcp(h:x)/d?parseTime=true", "port"),
            ("u:hunter2@quic(h)/d?parseTime=true", "unknown"),
            ("u:hunter2@unix(s)/d?parseTime=true", "absolute path"),
            ("u:hunter2@tcp(h:3306)", "neither known form"),
        ],
    )
    def test_says_what_to_change_and_keeps_the_password(self, text: str, hint: str) -> None:
        with pytest.raises(DsnError, match=hint) as caught:
            parse_dsn(text)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None

    def test_repr_hides_the_password(self) -> None:
        assert "hunter2" not in repr(parse_dsn("mysql://u:hunter2@h/d"))
