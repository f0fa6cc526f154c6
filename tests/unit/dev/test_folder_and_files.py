"""The data folder, the generated configuration and the welcome text."""

from __future__ import annotations

import secrets
import shlex
import stat
import tomllib
from contextlib import closing
from pathlib import Path
from socket import socket

import pytest

from unkey_api.core.secret import Secret
from unkey_api.dev.demo import Demo, welcome
from unkey_api.dev.folder import (
    Addresses,
    CannotStart,
    DevOptions,
    load_secrets,
    locked_folder,
    render_config,
    write_private,
)
from unkey_api.dev.ports import free_ports, is_free, remembered_ports
from unkey_api.settings.load import load_settings

ADDRESSES = Addresses(
    database=Secret("unkey:pw@tcp(127.0.0.1:1)/unkey?parseTime=true"),
    redis="redis://127.0.0.1:2/0",
    clickhouse="http://default@127.0.0.1:3/default",
    vault="http://127.0.0.1:4",
    vault_token=Secret("a-token"),
)


class TestLock:
    def test_a_second_start_is_told_who_has_the_folder(self, tmp_path: Path) -> None:
        folder = tmp_path / "data"
        with locked_folder(folder), pytest.raises(CannotStart, match=r"(?s)in use by another.*--data-dir") as caught:
            locked_folder(folder).__enter__()
        assert "process " in str(caught.value)

    def test_the_folder_is_free_again_afterwards(self, tmp_path: Path) -> None:
        for _ in range(2):
            with locked_folder(tmp_path / "data"):
                pass

    def test_the_folder_is_its_owners_alone_and_out_of_version_control(self, tmp_path: Path) -> None:
        with locked_folder(tmp_path / "data") as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert (folder / ".gitignore").read_text() == "*\n"

    def test_a_folder_that_cannot_be_made_is_explained(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(CannotStart, match="--data-dir"):
            locked_folder(tmp_path / "file" / "data").__enter__()


def test_passwords_are_invented_once_and_kept_private(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = load_secrets(file, secrets.token_bytes)
    assert load_secrets(file, secrets.token_bytes) == first
    assert first.database != first.vault
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_private_file_loses_the_permissions_it_had(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(mode=0o644)
    write_private(file, "secret")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


class TestPorts:
    def test_a_port_in_use_is_not_free(self) -> None:
        with closing(socket()) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]
            assert not is_free(port)
        assert is_free(port)

    def test_ports_stay_the_same_while_they_are_free(self, tmp_path: Path) -> None:
        file = tmp_path / "ports.json"
        first = remembered_ports(file, ("a", "b"))
        assert len(set(first.values())) == 2
        assert remembered_ports(file, ("a", "b")) == first
        with closing(socket()) as listener:
            listener.bind(("127.0.0.1", first["a"]))
            listener.listen()
            second = remembered_ports(file, ("a", "b"))
        assert second["a"] != first["a"]
        assert second["b"] == first["b"]

    def test_a_damaged_file_is_replaced(self, tmp_path: Path) -> None:
        file = tmp_path / "ports.json"
        file.write_text("{")
        assert remembered_ports(file, ("a",)) == remembered_ports(file, ("a",))

    def test_free_ports_differ(self) -> None:
        assert len(set(free_ports(20))) == 20


class TestConfig:
    def test_the_service_accepts_it(self) -> None:
        text = render_config(DevOptions(http_port=8080, http2_port=0, host="127.0.0.2"), ADDRESSES)
        settings = load_settings(text, {})
        assert (settings.http_port, settings.http2_port, settings.bind_address) == (8080, 0, "127.0.0.2")
        assert settings.database.primary == ADDRESSES.database
        assert settings.redis_url == Secret(ADDRESSES.redis)

    def test_it_is_toml_whatever_the_values_hold(self) -> None:
        text = render_config(DevOptions(host='quote"\\'), ADDRESSES)
        assert tomllib.loads(text)["bind_address"] == 'quote"\\'


class TestWelcome:
    DEMO = Demo(workspace_id="ws_1", api_id="api_1", root_key="unkey_secret")

    def text(self, options: DevOptions) -> str:
        return welcome(options, self.DEMO, seconds=1.25, first_start=True)

    def test_every_command_is_a_line_the_shell_can_read(self) -> None:
        lines = [line for line in self.text(DevOptions()).splitlines() if "curl " in line]
        assert len(lines) == 3
        for line in lines:
            words = shlex.split(line.removeprefix("KEY=$(").split("|")[0].rstrip(") "))
            assert words[:2] == ["curl", "-sS"]
            assert words[2].startswith("http://127.0.0.1:7070/v2/")
            assert words[4] == "Authorization: Bearer $ROOT_KEY"

    def test_it_names_the_key_the_api_and_the_documentation(self) -> None:
        text = self.text(DevOptions(http_port=81, http2_port=82))
        assert "export ROOT_KEY=unkey_secret" in text
        assert '"apiId":"api_1"' in text
        assert "http://127.0.0.1:81/reference" in text
        assert "127.0.0.1:82" in text
        assert "@" not in text

    def test_addresses_that_mean_everywhere_are_shown_as_one_that_can_be_called(self) -> None:
        assert "http://127.0.0.1:7070/" in self.text(DevOptions(host="0.0.0.0"))  # noqa: S104 - not bound
        assert "http://[::1]:7070/" in self.text(DevOptions(host="::1"))
