"""Records of an import: the largest value that is taken, the first that is not, and the sentence that says why."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any

import pytest

from unkey_api.areas.keys.schemes.salted import HashCaps
from unkey_api.areas.keys.transfer.parsing import native_hash, parse
from unkey_api.areas.keys.transfer.types import ImportRecord, RawRecord, Rejected, Target
from unkey_api.areas.keys.types import META_BYTES_MAX
from unkey_api.core.ids import KeyspaceId, MigrationId

INT64_MAX = 2**63 - 1
YEAR_2100 = 4_102_444_800_000
DIGEST = hashlib.sha256(b"secret").digest()
BCRYPT = "$2b$10$" + "a" * 53


def read(document: dict[str, Any], *, migration: str | None = None, prefixed: bool = False) -> ImportRecord:
    target = Target(
        workspace_id="ws",
        project_id="proj",
        api_id="api",
        api_name="api",
        keyspace_id=KeyspaceId("ks"),
        migration_id=MigrationId(migration) if migration else None,
        prefixed=prefixed,
        caps=HashCaps(),
    )
    return parse(RawRecord(number=1, line=7, document=document, problem=""), target)


def limit(**changed: object) -> list[dict[str, object]]:
    return [{"name": "r", "limit": 1, "duration": 1000, **changed}]


def properties(count: int) -> dict[str, int]:
    return {f"p{number}": 1 for number in range(count)}


def sized(count: int) -> dict[str, str]:
    return {"a": "x" * (count - len('{"a":""}'))}


def refill(**changed: object) -> dict[str, object]:
    return {"remaining": 1, "refill": {"interval": "monthly", "amount": 1, "refillDay": 1, **changed}}


@pytest.mark.parametrize(
    ("field", "largest", "beyond", "reason"),
    [
        ("name", "x" * 255, "x" * 256, "name is longer than 255 characters"),
        ("externalId", "x" * 255, "x" * 256, "externalId is longer than 255 characters"),
        ("start", "x" * 64, "x" * 65, "start is longer than 64 characters"),
        ("key", "x" * 512, "x" * 513, "key is longer than 512 characters"),
        ("keyId", "x" * 48, "x" * 49, "keyId is longer than 48 characters"),
        ("keyId", "xyz", "xy", "keyId holds characters that are not allowed"),
        ("roles", ["x" * 255], ["x" * 256], "roles is longer than 255 characters"),
        ("roles", [f"r{n}" for n in range(100)], [f"r{n}" for n in range(101)], "roles is not a list of at most 100"),
        ("permissions", ["x" * 128], ["x" * 129], "permissions is longer than 128 characters"),
        (
            "permissions",
            [f"p{n}" for n in range(1000)],
            [f"p{n}" for n in range(1001)],
            "permissions is not a list of at most 1000",
        ),
        ("permissions", ["a:b-c.*_9"], ["a/b"], "permissions holds characters that are not allowed"),
        ("expires", YEAR_2100, YEAR_2100 + 1, f"expires must be 0 to {YEAR_2100}"),
        ("expires", 0, -1, f"expires must be 0 to {YEAR_2100}"),
        ("createdAt", YEAR_2100, YEAR_2100 + 1, f"createdAt must be 0 to {YEAR_2100}"),
        ("createdAt", 0, -1, f"createdAt must be 0 to {YEAR_2100}"),
        ("expires", "2100-01-01T00:00:00Z", "2100-01-01T00:00:01Z", f"expires must be 0 to {YEAR_2100}"),
        ("meta", properties(100), properties(101), "meta is not an object of at most 100 properties"),
        ("meta", sized(META_BYTES_MAX), sized(META_BYTES_MAX + 1), f"meta is larger than {META_BYTES_MAX} bytes"),
        ("identityMeta", properties(100), properties(101), "identityMeta is not an object of at most 100 properties"),
        ("remaining", INT64_MAX, INT64_MAX + 1, f"remaining must be 0 to {INT64_MAX}"),
        ("remaining", "0", "-1", f"remaining must be 0 to {INT64_MAX}"),
        ("remaining", str(INT64_MAX), "9" * 20, "remaining is not a whole number"),
        ("credits", refill(amount=1), refill(amount=0), f"refillAmount must be 1 to {INT64_MAX}"),
        ("credits", refill(amount=1), refill(amount=None), "refillAmount is missing"),
        ("credits", refill(refillDay=31), refill(refillDay=32), "refillDay must be 1 to 31"),
        ("credits", refill(refillDay=1), refill(refillDay=0), "refillDay must be 1 to 31"),
        ("credits", refill(), refill(interval="x" * 10), "refillInterval is neither daily nor monthly"),
        ("credits", refill(), refill(interval="x" * 11), "refillInterval is longer than 10 characters"),
        ("credits", {"remaining": 1}, [1], "credits is not an object"),
        ("credits", {"remaining": 1}, {"remaining": 1, "refill": [1]}, "credits.refill is not an object"),
        ("ratelimits", limit() * 50, limit() * 51, "ratelimits is not a list of at most 50"),
        ("ratelimits", limit(), ["r"], "ratelimits holds something that is not an object"),
        ("ratelimits", limit(name="x" * 255), limit(name="x" * 256), "name is longer than 255 characters"),
        ("ratelimits", limit(limit=1), limit(limit=0), f"limit must be 1 to {INT64_MAX}"),
        ("ratelimits", limit(duration=1000), limit(duration=999), f"duration must be 1000 to {INT64_MAX}"),
        *(
            ("ratelimits", limit(), limit(**{name: None}), "a rate limit needs name, limit and duration")
            for name in ("name", "limit", "duration")
        ),
        ("enabled", True, 2, "enabled is neither true nor false"),
    ],
)
def test_bound_of_a_field(field: str, largest: object, beyond: object, reason: str) -> None:
    secret = {} if field == "key" else {"key": "k"}
    read({**secret, field: largest})
    with pytest.raises(Rejected) as refused:
        read({**secret, field: beyond})
    assert str(refused.value) == reason


@pytest.mark.parametrize("word", ["\x00", "a\ud800", "\udfffb"])
@pytest.mark.parametrize("field", ["key", "name", "externalId", "start"])
def test_text_that_no_table_keeps(field: str, word: str) -> None:
    with pytest.raises(Rejected, match=f"^{field} holds a NUL character or is not UTF-8$"):
        read({"key": "k", field: word})


def test_a_refill_day_counts_for_monthly_refills_only() -> None:
    monthly = read({"key": "k", "credits": refill(refillDay=31)}).key.credits
    daily = read({"key": "k", "credits": refill(interval="daily", refillDay=31)}).key.credits
    assert monthly is not None
    assert daily is not None
    assert (monthly.refill and monthly.refill.day, daily.refill and daily.refill.day) == (31, None)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *((word, True) for word in (True, 1, "TRUE", "true", "1", "Yes", None, "")),
        *((word, False) for word in (False, 0, "False", "0", "no")),
    ],
)
def test_switches_are_read_as_written(word: object, meant: bool) -> None:  # noqa: FBT001 - a parameter of the table
    assert read({"key": "k", "enabled": word}).key.enabled is meant


def test_limits_apply_on_their_own_only_when_told_to() -> None:
    [silent] = read({"key": "k", "ratelimits": limit()}).key.ratelimits
    [told] = read({"key": "k", "ratelimits": limit(autoApply=True)}).key.ratelimits
    assert (silent.auto_apply, told.auto_apply) == (False, True)


def test_times_without_a_zone_are_utc() -> None:
    assert read({"key": "k", "expires": "2030-01-01T00:00:00"}).key.expires_ms == 1_893_456_000_000
    assert read({"key": "k", "expires": "2030-01-01T01:00:00+01:00"}).key.expires_ms == 1_893_456_000_000


def test_lists_of_csv_name_each_once_and_in_order() -> None:
    assert read({"key": "k", "roles": "b; a;b"}).key.roles == ("b", "a")
    with pytest.raises(Rejected, match=r"^roles holds something that is not a text$"):
        read({"key": "k", "roles": "a;;b"})


class TestHashes:
    @pytest.mark.parametrize(
        "text", [DIGEST.hex(), DIGEST.hex().upper(), b64encode(DIGEST).decode()], ids=["hex", "HEX", "base64"]
    )
    def test_sha256_in_any_spelling_is_stored_in_one(self, text: str) -> None:
        assert native_hash(text) == b64encode(DIGEST).decode()
        record = read({"hash": text})
        assert (record.key.hash, record.pending) == (b64encode(DIGEST).decode(), False)

    @pytest.mark.parametrize(
        "text",
        [
            b64encode(DIGEST[:31]).decode(),
            b64encode(DIGEST + b"x").decode(),
            f"!{b64encode(DIGEST).decode()}",
            f"{DIGEST.hex()}0",
        ],
        ids=["short", "long", "garbage-inside", "odd-digits"],
    )
    def test_what_only_looks_like_one_is_of_no_known_kind(self, text: str) -> None:
        assert native_hash(text) is None
        with pytest.raises(Rejected, match=r"^hash is of no known kind$"):
            read({"hash": text}, migration="m")

    @pytest.mark.parametrize(("size", "reason"), [(2, "hash holds characters"), (257, "hash is longer than 256")])
    def test_size_of_a_hash(self, size: int, reason: str) -> None:
        with pytest.raises(Rejected, match=reason):
            read({"hash": "x" * size})

    def test_the_longest_and_the_shortest_text_are_judged_as_hashes(self) -> None:
        for size in (3, 256):
            with pytest.raises(Rejected, match=r"^hash is of no known kind$"):
                read({"hash": "!" * size})

    def test_foreign_digests_wait_and_are_kept_as_given(self) -> None:
        for text in (hashlib.sha512(b"s").hexdigest(), b64encode(hashlib.sha512(b"s").digest()).decode()):
            record = read({"hash": text}, migration="m")
            assert (record.key.hash, record.pending) == (text, True)

    def test_hex_digits_of_long_tokens_are_stored_in_small_letters(self) -> None:
        record = read({"hash": "AB" * 32}, migration="m", prefixed=True)
        assert (record.key.hash, record.pending) == ("ab" * 32, True)
        with pytest.raises(Rejected, match="64 hexadecimal digits"):
            read({"hash": "AB" * 31}, migration="m", prefixed=True)

    @pytest.mark.parametrize("field", ["visible", "start"])
    def test_visible_characters_find_a_salted_hash(self, field: str) -> None:
        assert read({"hash": BCRYPT, field: "abcd"}, migration="m").pending
        with pytest.raises(Rejected, match="needs `visible`: at least the first four characters"):
            read({"hash": BCRYPT, field: "abc"}, migration="m")
        with pytest.raises(Rejected, match=f"^{field} is longer than 64 characters$"):
            read({"hash": BCRYPT, field: "x" * 65}, migration="m")
        assert read({"hash": BCRYPT, field: "x" * 64}, migration="m").pending

    def test_visible_characters_outside_of_ascii_find_nothing(self) -> None:
        with pytest.raises(Rejected, match="needs `visible`"):
            read({"hash": BCRYPT, "visible": "äöüß"}, migration="m")

    def test_secrets_are_shown_by_their_first_characters_unless_told_otherwise(self) -> None:
        assert "sk_live_abcdefgh".startswith(read({"key": "sk_live_abcdefgh"}).start)
        assert read({"key": "sk_live_abcdefgh"}).start
        assert read({"key": "sk_live_abcdefgh", "start": "mine"}).start == "mine"


def test_surplus_of_an_export_is_passed_over_and_anything_else_is_not() -> None:
    ignored = ("identityId", "identityRatelimits", "keyspaceId", "lastUsedAt", "migrationId", "updatedAt")
    assert read({"key": "k", **dict.fromkeys(ignored, "x")}).line == 7
    with pytest.raises(Rejected, match=r"^unknown field a$"):
        read({"key": "k", "b": 1, "a": 1})
