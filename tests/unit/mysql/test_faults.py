"""What driver errors become, when they are tried again, and the tags on statements."""

from __future__ import annotations

import pytest
from pymysql.err import IntegrityError, InternalError, OperationalError

from unkey_api.core.errors import AppError, ServiceUnavailable
from unkey_api.infra.mysql import BeginFailed, CommitFailed, DuplicateKey, StoreUnavailable
from unkey_api.infra.mysql.errors import translate
from unkey_api.infra.mysql.execution import is_transient, is_undone, replaying
from unkey_api.infra.mysql.sql_text import ROUTES_MAX, Tagger


class TestTranslation:
    @pytest.mark.parametrize("key", ["keys_id_unique", "keys.keys_id_unique", "unkey.keys.keys_id_unique"])
    def test_duplicate_names_the_index_and_hides_the_value(self, key: str) -> None:
        """MySQL puts the table in front, MariaDB does not; the value may be the hash of a secret."""
        fault, healthy = translate(IntegrityError(1062, f"Duplicate entry 's3cr'et' for key '{key}'"), sent=True)
        assert isinstance(fault, DuplicateKey)
        assert fault.index == "keys_id_unique"
        assert healthy
        assert "s3cr" not in fault.internal + fault.public

    @pytest.mark.parametrize("errno", [1213, 1205, 1040, 2006, 2013, 2003])
    def test_transient(self, errno: int) -> None:
        fault, _ = translate(OperationalError(errno, "x"), sent=True)
        assert isinstance(fault, StoreUnavailable)
        assert fault.transient

    @pytest.mark.parametrize("errno", [1064, 1146, 1045, 1969, 1452])
    def test_not_transient(self, errno: int) -> None:
        fault, healthy = translate(OperationalError(errno, "x"), sent=True)
        assert isinstance(fault, StoreUnavailable)
        assert (fault.transient, fault.outcome_unknown, healthy) == (False, False, True)

    @pytest.mark.parametrize(
        "err", [OperationalError(2013, "lost"), ConnectionResetError(), InternalError("packet out of order")]
    )
    def test_broken_connection_leaves_the_outcome_open(self, err: Exception) -> None:
        fault, healthy = translate(err, sent=True)
        assert isinstance(fault, StoreUnavailable)
        assert (fault.outcome_unknown, healthy) == (True, False)

    def test_syntax_error_does_not_quote_the_statement(self) -> None:
        fault, _ = translate(OperationalError(1064, "near 'secret'"), sent=True)
        assert "secret" not in fault.internal
        assert "1064" in fault.internal

    def test_public_sentences(self) -> None:
        assert BeginFailed("x").public == "Unable to start database transaction."
        assert CommitFailed("x").public == "Unable to commit database transaction."


class Flaky:
    """Fails with the given errors, one per call, then answers."""

    def __init__(self, *errors: AppError) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


DEADLOCK = StoreUnavailable("deadlock", errno=1213, transient=True)


class TestReplay:
    async def test_third_attempt_succeeds(self) -> None:
        flaky = Flaky(DEADLOCK, DEADLOCK)
        assert await replaying(flaky, is_transient) == "done"
        assert flaky.calls == 3

    async def test_there_is_no_fourth(self) -> None:
        flaky = Flaky(DEADLOCK, DEADLOCK, DEADLOCK)
        with pytest.raises(StoreUnavailable):
            await replaying(flaky, is_transient)
        assert flaky.calls == 3

    @pytest.mark.parametrize("error", [DuplicateKey("i"), StoreUnavailable("syntax", errno=1064)])
    async def test_other_errors_are_final(self, error: AppError) -> None:
        flaky = Flaky(error)
        with pytest.raises(type(error)):
            await replaying(flaky, is_transient)
        assert flaky.calls == 1

    async def test_wrapped_failure_still_counts(self) -> None:
        """A use case that gives the failure a better sentence must not lose the replay."""
        wrapped = ServiceUnavailable("Failed to insert audit logs")
        wrapped.__cause__ = DEADLOCK
        assert await replaying(Flaky(wrapped), is_transient) == "done"

    async def test_write_of_unknown_outcome_is_not_repeated(self) -> None:
        """It may have been done; doing it twice could spend credits twice."""
        flaky = Flaky(StoreUnavailable("lost", errno=2013, transient=True, outcome_unknown=True))
        with pytest.raises(StoreUnavailable):
            await replaying(flaky, is_undone)
        assert flaky.calls == 1


class TestTags:
    def test_order_and_encoding(self) -> None:
        tagger = Tagger(region="eu west", release_sha="0123456789", route=lambda: "POST /v2/keys.createKey")
        assert tagger("SELECT 1", "key_find", "rw_tx") == (
            "SELECT 1 /*application='unkey',service='api',region='eu%20west',release_sha='0123456',"
            "operation='key_find',route='POST%20%2Fv2%2Fkeys.createKey',source='http',mode='rw_tx'*/"
        )

    def test_empty_ones_are_left_out(self) -> None:
        assert Tagger()("X", "n", "ro") == "X /*application='unkey',service='api',operation='n',mode='ro'*/"

    def test_a_value_cannot_end_the_comment(self) -> None:
        tagged = Tagger(route=lambda: "GET /*/ '; DROP")("X", "n", "ro")
        assert tagged == (
            "X /*application='unkey',service='api',operation='n',route='GET%20%2F%2A%2F%20%27%3B%20DROP',source='http',"
            "mode='ro'*/"
        )

    def test_each_statement_names_the_route_of_its_own_request(self) -> None:
        routes = iter([f"POST /v2/{number}" for number in range(3 * ROUTES_MAX)])
        tagger = Tagger(route=lambda: next(routes))
        tagged = [tagger("X", "n", "ro") for _ in range(3 * ROUTES_MAX)]
        assert all(f"route='POST%20%2Fv2%2F{number}'," in text for number, text in enumerate(tagged))
