"""How soon a worker that died is replaced."""

from __future__ import annotations

from unkey_api.server.supervisor import restart_delay


def test_delay_doubles_and_stays_bounded() -> None:
    assert [restart_delay(crashes) for crashes in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert restart_delay(10_000) == 30
