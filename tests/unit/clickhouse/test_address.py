"""Reading ClickHouse URLs."""

from __future__ import annotations

import pytest

from unkey_api.settings.addresses.clickhouse import InvalidClickHouseUrl, parse_clickhouse_url


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        ("http://ch", ("http://ch:8123/",)),
        ("https://ch", ("https://ch:8443/",)),
        ("http://ch:80/db", ("http://ch:80/",)),
        ("http://a:1,b:2/db", ("http://a:1/", "http://b:2/")),
        ("clickhouse://ch:9000/db", ("http://ch:8123/",)),
        ("clickhouse://ch:9440/db", ("https://ch:8443/",)),
        ("clickhouse://ch:9000?secure=true", ("https://ch:8123/",)),
        ("clickhouse://ch", ("http://ch:8123/",)),
        ("tcp://ch:18123", ("http://ch:18123/",)),
        ("http://[::1]:8123/", ("http://[::1]:8123/",)),
    ],
)
def test_hosts_ports_and_schemes(url: str, urls: tuple[str, ...]) -> None:
    assert parse_clickhouse_url(url).urls == urls


def test_login_and_database() -> None:
    address = parse_clickhouse_url("http://us%3Aer:p%40ss@ch:1/events")
    assert (address.user, address.password, address.database) == ("us:er", "p@ss", "events")
    assert "p@ss" not in repr(address)


def test_login_and_database_from_the_query() -> None:
    address = parse_clickhouse_url("clickhouse://ch:9000?username=u&password=p&database=d")
    assert (address.user, address.password, address.database) == ("u", "p", "d")


def test_defaults() -> None:
    address = parse_clickhouse_url("http://ch")
    assert (address.user, address.password, address.database) == ("", "", "default")


@pytest.mark.parametrize("url", ["", "ch:8123", "mysql://ch", "http://", "http://ch:port/", "http://u:secret@:1/"])
def test_unusable_urls_are_refused_without_naming_the_password(url: str) -> None:
    with pytest.raises(InvalidClickHouseUrl) as caught:
        parse_clickhouse_url(url)
    assert "secret" not in str(caught.value)
