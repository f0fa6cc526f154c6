"""The rules of the SQL guard, each with its sentence. What it lets through is run in tests/integration/analytics."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from unkey_api.areas.analytics.errors import (
    BeyondRetention,
    FunctionNotAllowed,
    InvalidQuery,
    NotASelect,
    TableNotAllowed,
)
from unkey_api.areas.analytics.guard.functions import FUNCTIONS
from unkey_api.areas.analytics.guard.lexing import MAX_QUERY_BYTES
from unkey_api.areas.analytics.guard.policy import Policy, RowFilter
from unkey_api.areas.analytics.guard.rewriting import rewrite
from unkey_api.areas.analytics.tables import GATEWAY_REQUESTS, RATELIMITS, RUNTIME_LOGS, VERIFICATIONS
from unkey_api.core.errors import AppError

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
POLICY = Policy(workspace_id="ws_a", tables=RATELIMITS, max_rows=100, retention=timedelta(days=30))
ROWS = (
    "(SELECT * FROM `default`.`ratelimits_raw_v2` WHERE `ratelimits_raw_v2`.`workspace_id` = 'ws_a') AS `ratelimits_v1`"
)


def rewritten(query: str, policy: Policy = POLICY) -> str:
    return rewrite(query, policy, now=NOW)


def refusal(query: str, policy: Policy = POLICY) -> AppError:
    with pytest.raises(AppError) as caught:
        rewritten(query, policy)
    return caught.value


class TestSentences:
    @pytest.mark.parametrize(
        ("query", "kind", "sentence"),
        [
            ("", InvalidQuery, "No SQL statements found"),
            (" \n-- nothing\n/* at all */ ; ", InvalidQuery, "No SQL statements found"),
            (
                "SELECT 1 FROM ratelimits_v1; SELECT 2",
                InvalidQuery,
                "Analytics queries must contain exactly one statement",
            ),
            ("SELECT 1 FROM", InvalidQuery, "Invalid SQL syntax"),
            ("SELEC 1", InvalidQuery, "Invalid SQL syntax at line 1, column 1"),
            ("SELECT 1\nFROM ratelimits_v1 WHERE )", InvalidQuery, "Invalid SQL syntax at line 2, column 26"),
            ("SELECT 'a FROM ratelimits_v1", InvalidQuery, "Invalid SQL syntax"),
            ("(SELECT 1 FROM ratelimits_v1)", InvalidQuery, "Invalid SQL syntax"),
            ("EXPLAIN SELECT 1", InvalidQuery, "Invalid SQL syntax"),
            ("UPDATE x SET a = 1", InvalidQuery, "Invalid SQL syntax"),
            ("EXISTS TABLE x", InvalidQuery, "Invalid SQL syntax"),
            ("SHOW COLUMNS FROM x", InvalidQuery, "Invalid SQL syntax"),
            ("DROP TABLE ratelimits_raw_v2", NotASelect, "Only SELECT queries are allowed"),
            ("delete from x", NotASelect, "Only SELECT queries are allowed"),
            ("DESCRIBE ratelimits_v1", NotASelect, "Only SELECT queries are allowed"),
            ("SHOW CREATE TABLE x", NotASelect, "Only SELECT queries are allowed"),
            ("EXPLAIN PIPELINE SELECT 1", NotASelect, "Only SELECT queries are allowed"),
            ("SELECT 1 FROM ratelimits_v1 SETTINGS a = 1", InvalidQuery, "SETTINGS clauses are not allowed"),
            ("SELECT 1", InvalidQuery, "Query must have a FROM clause"),
            (
                "WITH RateLimits_V1 AS (SELECT 1) SELECT 1 FROM ratelimits_v1",
                TableNotAllowed,
                "CTE name 'ratelimits_v1' conflicts with a public table name",
            ),
            (
                "SELECT 1 FROM ratelimits_v1 WHERE identifier IN ids",
                InvalidQuery,
                "Table-backed IN expressions are not supported; use a literal list or a subquery",
            ),
            ("SELECT 1 FROM ratelimits_raw_v2", TableNotAllowed, "Access to table 'ratelimits_raw_v2' is not allowed"),
            (
                "SELECT 1 FROM `default`.ratelimits_raw_v2",
                TableNotAllowed,
                "Access to table 'default.ratelimits_raw_v2' is not allowed",
            ),
            ("SELECT 1 FROM Ratelimits_v1", TableNotAllowed, "Access to table 'Ratelimits_v1' is not allowed"),
            ("SELECT SLEEP(1) FROM ratelimits_v1", FunctionNotAllowed, "Function 'sleep' is not allowed"),
            (
                "SELECT * FROM numbers(3)",
                FunctionNotAllowed,
                "Table function 'numbers' is not allowed for security reasons",
            ),
            ("SELECT * EXCEPT (time) FROM ratelimits_v1", FunctionNotAllowed, "Function 'except' is not allowed"),
            (
                "SELECT * REPLACE (1 AS time) FROM ratelimits_v1",
                FunctionNotAllowed,
                "Function 'replace' is not allowed",
            ),
            ("SELECT * APPLY(sum) FROM ratelimits_v1", FunctionNotAllowed, "Function 'apply' is not allowed"),
            (
                "SELECT 1 FROM ratelimits_v1 WHERE time >= now() - INTERVAL 31 DAY",
                BeyondRetention,
                "Cannot query data older than 30 days: requested 2026-05-15, earliest available 2026-05-16",
            ),
            ("SELECT 1 FROM ratelimits_v1 SAMPLE 1", InvalidQuery, "SQL that is not supported"),
            ("SELECT {x:String} FROM ratelimits_v1", InvalidQuery, "query parameters"),
            ("SELECT 1 AS ratelimits_raw_v2 FROM ratelimits_v1", InvalidQuery, "'ratelimits_raw_v2' is reserved"),
            ("SELECT CAST(identifier AS JSON) FROM ratelimits_v1", InvalidQuery, "Type 'JSON' is not supported"),
            ("SELECT 1 FROM ratelimits_v1 NATURAL JOIN ratelimits_v1", InvalidQuery, "SQL that is not supported"),
        ],
    )
    def test_each_fault_has_its_code_and_sentence(self, query: str, kind: type[AppError], sentence: str) -> None:
        error = refusal(query)

        assert type(error) is kind
        assert sentence in error.public

    @pytest.mark.parametrize(
        ("query", "kind"),
        [
            ("SELECT sleep(1) FROM nowhere SETTINGS a = 1", InvalidQuery),
            ("SELECT sleep(1) FROM nowhere", TableNotAllowed),
            ("SELECT sleep(1) FROM ratelimits_v1 WHERE time > 0", FunctionNotAllowed),
            ("SELECT 1 WHERE x IN nowhere", InvalidQuery),
        ],
    )
    def test_of_several_faults_the_first_step_speaks(self, query: str, kind: type[AppError]) -> None:
        assert type(refusal(query)) is kind

    @pytest.mark.parametrize(
        "query",
        [
            "SELECT (SELECT 1 SETTINGS a = 1) FROM ratelimits_v1",
            "SELECT 1 FROM (SELECT 1 FROM ratelimits_v1 SETTINGS a = 1)",
            "WITH c AS (SELECT 1 SETTINGS a = 1) SELECT 1 FROM c",
            "SELECT 1 FROM ratelimits_v1 UNION ALL SELECT 1 SETTINGS a = 1",
            "SELECT 1 FROM ratelimits_v1 SETTINGS a = 1 UNION ALL SELECT 1",
            "SELECT 1 FROM ratelimits_v1 EXCEPT SELECT 1 SETTINGS a = 1",
            "SELECT 1 FROM (SELECT 1 FROM (SELECT 1 FROM (SELECT 1 SETTINGS a = 1)))",
        ],
    )
    def test_settings_are_found_everywhere(self, query: str) -> None:
        assert refusal(query).public == "SETTINGS clauses are not allowed"

    @pytest.mark.parametrize(
        "operand", ["ids", "a.ids", "tuple(1, 2)", "numbers(3)", "'x'", "5", "(ids)", "((ids))", "(a.ids)"]
    )
    @pytest.mark.parametrize("operator", ["IN", "NOT IN", "GLOBAL IN", "GLOBAL NOT IN"])
    @pytest.mark.parametrize(
        "shape", ["SELECT 1 FROM ratelimits_v1 WHERE {}", "SELECT 1 FROM ratelimits_v1 EXCEPT SELECT {}"]
    )
    def test_a_set_operator_takes_lists_arrays_and_subqueries_only(
        self, operand: str, operator: str, shape: str
    ) -> None:
        assert "Table-backed IN" in refusal(shape.format(f"x {operator} {operand}")).public

    @pytest.mark.parametrize(
        "operand", ["(1)", "(1, 2)", "[1, 2]", "('a', ids)", "(SELECT identifier FROM ratelimits_v1)"]
    )
    def test_and_takes_these(self, operand: str) -> None:
        assert " IN " in rewritten(f"SELECT 1 FROM ratelimits_v1 WHERE x IN {operand}")


class TestSize:
    def test_bytes_are_counted_not_characters(self) -> None:
        head = "SELECT 1 FROM ratelimits_v1 -- "
        fits = head + "é" * ((MAX_QUERY_BYTES - len(head)) // 2)

        assert rewritten(fits)
        assert refusal(fits + "éé").public == "Analytics query exceeds the maximum length"

    @pytest.mark.parametrize(
        "query",
        [
            "SELECT " + "(" * 10_000,
            "SELECT " + "(" * 8_000 + "1" + ")" * 8_000,
            "SELECT 1" + "+1" * 2_000 + " FROM ratelimits_v1",
            "SELECT " + "NOT " * 1_900 + "1 FROM ratelimits_v1",
            "SELECT " + "- " * 3_900 + "1 FROM ratelimits_v1",
            "SELECT " + "[" * 8_000,
            "SELECT " + "CASE WHEN " * 1_000,
            "WITH a AS (" * 39 + "SELECT 1",
            "SELECT 1 FROM a" + " JOIN a" * 1_900,
            "SELECT x" + "::Int8" * 1_900,
            "SELECT " + "a ? " * 1_900,
            "SELECT CAST(x, '" + "Array(" * 2_000 + "')",
        ],
    )
    def test_a_bomb_is_too_complex(self, query: str) -> None:
        assert refusal(query).public == "Analytics query is too complex"

    def test_columns_of_all_selects_count(self) -> None:
        columns = ", ".join(["1"] * 32)

        assert rewritten(f"SELECT {columns} FROM ratelimits_v1 EXCEPT SELECT {columns}")
        assert (
            refusal(f"SELECT {columns} FROM ratelimits_v1 EXCEPT SELECT {columns}, 1").public
            == "Analytics query projects too many columns"
        )

    def test_long_lists_and_conditions_are_fine(self) -> None:
        assert rewritten(f"SELECT 1 FROM ratelimits_v1 WHERE x IN ({', '.join(map(str, range(900)))})")
        assert rewritten(f"SELECT 1 FROM ratelimits_v1 WHERE {' OR '.join(f'x = {n}' for n in range(400))}")


class TestRows:
    def test_a_public_table_becomes_the_rows_of_the_workspace(self) -> None:
        assert rewritten("SELECT identifier FROM ratelimits_v1") == f"SELECT `identifier` FROM {ROWS} LIMIT 100"

    def test_row_filters_stand_beside_the_workspace(self) -> None:
        policy = replace(POLICY, filters=(RowFilter("namespace_id", ("n2", "n1")), RowFilter("identifier", ())))

        assert "`workspace_id` = 'ws_a' AND 0 AND `ratelimits_raw_v2`.`namespace_id` IN ('n2', 'n1'))" in rewritten(
            "SELECT 1 FROM ratelimits_v1", policy
        )

    def test_values_are_escaped(self) -> None:
        policy = replace(POLICY, workspace_id="a'b", filters=(RowFilter("namespace_id", ("c\\",)),))

        text = rewritten("SELECT 1 FROM ratelimits_v1", policy)

        assert r"= 'a\'b' AND" in text
        assert r"IN ('c\\')" in text

    @pytest.mark.parametrize(
        ("query", "sources"),
        [
            ("SELECT 1 FROM ratelimits_v1 a CROSS JOIN ratelimits_v1 b", 2),
            ("SELECT 1 FROM ratelimits_v1 a, ratelimits_v1 b", 2),
            ("SELECT 1 FROM ratelimits_v1 a JOIN (SELECT 1 FROM ratelimits_v1) b ON 1 = 1", 2),
            ("SELECT (SELECT 1 FROM ratelimits_v1) FROM ratelimits_v1", 2),
            ("SELECT 1 FROM ratelimits_v1 WHERE x IN (SELECT 1 FROM ratelimits_v1)", 2),
            ("WITH c AS (SELECT 1 FROM ratelimits_v1) SELECT 1 FROM c JOIN c AS d ON 1 = 1", 1),
            ("SELECT 1 FROM ratelimits_v1 UNION ALL SELECT 1 FROM ratelimits_v1 EXCEPT SELECT 1 FROM ratelimits_v1", 3),
            ("SELECT 1 FROM ratelimits_v1 FINAL", 1),
        ],
    )
    def test_every_source_is_filtered_where_it_stands(self, query: str, sources: int) -> None:
        text = rewritten(query)

        assert text.count("`default`.") == sources
        assert text.count("`ratelimits_raw_v2`.`workspace_id` = 'ws_a'") == sources

    def test_alternatives_of_the_caller_stand_outside_of_the_rows(self) -> None:
        assert "WHERE `passed` = 0 OR 1 = 1 LIMIT" in rewritten("SELECT 1 FROM ratelimits_v1 WHERE passed = 0 OR 1=1")

    def test_prewhere_is_a_condition_like_any(self) -> None:
        assert "WHERE (`a`) AND (`b` OR `c`)" in rewritten("SELECT 1 FROM ratelimits_v1 PREWHERE a WHERE b OR c")

    def test_an_alias_keeps_its_name(self) -> None:
        assert "AS `rate-limits` WHERE `rate-limits`.`x` = 1" in rewritten(
            "SELECT 1 FROM ratelimits_v1 AS `rate-limits` WHERE `rate-limits`.x = 1"
        )

    def test_the_guard_keeps_nothing_between_queries(self) -> None:
        rewritten("WITH c AS (SELECT 1) SELECT 1 FROM c")

        assert type(refusal("SELECT 1 FROM c")) is TableNotAllowed


class TestCommonTables:
    def test_they_are_printed_under_names_of_ours(self) -> None:
        """A common table with the name of a real one can then mean nothing else, to ClickHouse either."""
        text = rewritten("WITH ratelimits_raw_v2 AS (SELECT 1 AS x) SELECT x FROM ratelimits_raw_v2, ratelimits_v1")

        assert text.startswith("WITH `unkey_cte_0` AS (SELECT 1 AS `x` LIMIT 100) SELECT `x` FROM `unkey_cte_0` AS")
        assert "`default`.`ratelimits_raw_v2` WHERE" in text

    @pytest.mark.parametrize(
        "query",
        [
            "WITH `default.ratelimits_raw_v2` AS (SELECT 1) SELECT 1 FROM default.ratelimits_raw_v2",
            "WITH ratelimits_raw_v2 AS x SELECT 1 FROM ratelimits_raw_v2",
            "WITH 1 AS ratelimits_raw SELECT 1 FROM ratelimits_raw",
            "WITH c AS (SELECT 1 FROM c) SELECT 1 FROM c",
            "WITH b AS (SELECT 1 FROM c), c AS (SELECT 1) SELECT 1 FROM b",
            "SELECT 1 FROM (WITH c AS (SELECT 1) SELECT 1 FROM c)",
            "SELECT 1 FROM ratelimits_v1 UNION ALL WITH c AS (SELECT 1) SELECT 1 FROM c",
        ],
    )
    def test_only_what_was_defined_before_by_the_outermost_with(self, query: str) -> None:
        assert isinstance(refusal(query), TableNotAllowed | InvalidQuery)

    def test_names_are_found_in_any_letter_case(self) -> None:
        assert "FROM `unkey_cte_0` AS `Recent`" in rewritten("WITH recent AS (SELECT 1) SELECT 1 FROM Recent")

    def test_scalars_stay_scalars(self) -> None:
        assert rewritten("WITH 5 AS most SELECT 1 FROM ratelimits_v1 WHERE limit > most").startswith(
            "WITH 5 AS `most` "
        )


class TestHiddenColumns:
    POLICY = replace(POLICY, tables=GATEWAY_REQUESTS)

    def test_what_is_not_public_is_not_there(self) -> None:
        text = rewritten("SELECT path FROM gateway_requests_v1", self.POLICY)

        assert "`gateway_latency` FROM `default`.`frontline_requests_raw_v1` WHERE" in text
        assert "frontline_id" not in text

    @pytest.mark.parametrize("what", ["*", "g.*", "path, *"])
    def test_everything_cannot_be_asked_for(self, what: str) -> None:
        error = refusal(f"SELECT {what} FROM gateway_requests_v1 AS g", self.POLICY)

        assert type(error) is InvalidQuery
        assert "Select only the documented columns instead of *" in error.public

    def test_counting_is_not_asking_for_everything(self) -> None:
        assert rewritten("SELECT count(*) FROM gateway_requests_v1", self.POLICY)


class TestLimits:
    @pytest.mark.parametrize(
        ("written", "printed"),
        [
            ("", "LIMIT 100"),
            ("LIMIT 5", "LIMIT 5"),
            ("LIMIT 100", "LIMIT 100"),
            ("LIMIT 0", "LIMIT 0"),
            ("LIMIT 101", "LIMIT 100"),
            ("LIMIT 100000 OFFSET 3", "LIMIT 100 OFFSET 3"),
            ("LIMIT 3, 7", "LIMIT 7 OFFSET 3"),
            ("LIMIT -1", "LIMIT 100"),
            ("LIMIT ALL", "LIMIT 100"),
            ("LIMIT 1e9", "LIMIT 100"),
            ("LIMIT 1.5", "LIMIT 100"),
            ("LIMIT 2 + 3", "LIMIT 100"),
            ("LIMIT '5'", "LIMIT 100"),
            ("LIMIT 2 BY x", "LIMIT 2 BY `x` LIMIT 100"),
            ("LIMIT 2 BY x LIMIT 5", "LIMIT 2 BY `x` LIMIT 5"),
            ("LIMIT 99999999999999999999999", "LIMIT 100"),
        ],
    )
    def test_no_select_returns_more(self, written: str, printed: str) -> None:
        assert rewritten(f"SELECT 1 FROM ratelimits_v1 {written}").endswith(f"AS `ratelimits_v1` {printed}")

    def test_every_select_has_its_own(self) -> None:
        text = rewritten(
            "WITH c AS (SELECT 1) SELECT (SELECT 2) FROM c WHERE 1 IN (SELECT 3) UNION ALL SELECT 4 LIMIT 7"
        )

        assert (text.count("LIMIT 100"), text.count("LIMIT 7")) == (4, 1)

    def test_zero_leaves_limits_alone(self) -> None:
        policy = replace(POLICY, max_rows=0)

        assert rewritten("SELECT 1 FROM ratelimits_v1", policy).endswith("AS `ratelimits_v1`")
        assert rewritten("SELECT 1 FROM ratelimits_v1 LIMIT 900", policy).endswith("LIMIT 900")


class TestFunctions:
    def test_the_whole_list_passes_in_any_letter_case_and_comes_out_in_clickhouse_spelling(self) -> None:
        assert len(FUNCTIONS) == 66
        for lower, name in FUNCTIONS.items():
            if name != "case":
                assert f"SELECT {name}(`x`) " in rewritten(f"SELECT {lower.upper()}(x) FROM ratelimits_v1")

    @pytest.mark.parametrize(
        "call",
        [
            "avgMerge(latency_avg)",
            "quantilesTDigestMerge(0.5)(latency_p75)",
            "quantileTDigestState(latency)",
            "sumIfOrNull(x, y)",
            "toUnixTimestamp(time)",
            "JSONExtractRaw(x, 'a')",
            "JSONExtractString(file('x'), 'a')",
            "quantile(version())(x)",
            "quantile(0.5)(version())",
            "sum(version()) OVER (ORDER BY x)",
            "sum(x) OVER (ORDER BY version())",
            "arrayFilter(y -> version() = '', x)",
            "CASE WHEN version() = '' THEN 1 END",
            "CAST(version() AS String)",
            "version()::String",
            "[version()]",
            "(1, version())",
            "x[version()]",
            "exists(SELECT 1)",
            "COLUMNS('x')",
        ],
    )
    def test_others_are_found_at_any_depth(self, call: str) -> None:
        for shape in ("SELECT {}", "SELECT 1 FROM ratelimits_v1 ORDER BY {}", "WITH {} AS x SELECT 1"):
            query = shape.format(call) + ("" if "FROM" in shape else " FROM ratelimits_v1")
            assert type(refusal(query)) is FunctionNotAllowed, query

    @pytest.mark.parametrize(
        "expression",
        [
            "count(DISTINCT x)",
            "quantile(0.95)(x)",
            "arrayFilter(y -> y > 1, x)",
            "countIf(passed = 0)",
            "CASE WHEN a THEN b ELSE c END",
            "x::Nullable(String)",
            "EXTRACT(YEAR FROM time)",
            "time - INTERVAL 1 DAY",
            "a LIKE 'b' AND c NOT ILIKE 'd'",
            "a ? b : c",
            "lower(message) LIKE '%x%'",
        ],
    )
    def test_syntax_is_not_a_function(self, expression: str) -> None:
        assert rewritten(f"SELECT {expression} FROM ratelimits_v1")


class TestTimeRange:
    @pytest.mark.parametrize(
        "condition",
        [
            "time >= now() - INTERVAL 30 DAY",
            "time >= now() - INTERVAL 720 HOUR",
            "time >= now() - INTERVAL 1 MONTH",
            f"time >= {int(datetime(2026, 5, 17, tzinfo=UTC).timestamp()) * 1_000}",
            "time >= '2026-05-17'",
            "time <= '2020-01-01'",
            "time < 0",
            "time != 0",
            "time IN (0)",
            "time > now() + INTERVAL 5 YEAR",
            "time > toStartOfHour(now() - INTERVAL 3 DAY)",
            "time > (now() - INTERVAL 90 DAY)",
            "NOT time > 0",
            "if(time > 0, 1, 0) = 1",
            "time > now() - toIntervalDay(90)",
            "time > something",
            "time > '01/02/2020'",
            "time > 99999999999999999999999",
            "latency > 0",
            "time BETWEEN now() - INTERVAL 3 DAY AND now()",
            "time > now() - INTERVAL 90 QUARTER",
        ],
    )
    def test_inside_of_what_is_kept_or_unknowable(self, condition: str) -> None:
        assert rewritten(f"SELECT 1 FROM ratelimits_v1 WHERE {condition}")

    @pytest.mark.parametrize(
        "condition",
        [
            "time >= now() - INTERVAL 31 DAY",
            "time > now() - INTERVAL 721 HOUR",
            "time = '2026-01-01'",
            "time >= '2026-01-01 00:00:00'",
            "time >= '2026-01-01T00:00:00Z'",
            "time >= 1767225600",
            "time >= 0",
            "time >= -5",
            "TIME > 0",
            "r.time > 0",
            "0 < time",
            "now() - INTERVAL 90 DAY <= time",
            "time BETWEEN 0 AND 5",
            "x = 1 AND (y = 2 OR time > 0)",
            "time > fromUnixTimestamp64Milli(1)",
            "time > toStartOfDay(toDateTime('2020-01-01'))",
            "time > date_trunc('day', now() - INTERVAL 5 YEAR)",
            "time > toDate('2020-01-01')",
            "time > today() - INTERVAL 5 WEEK",
            "time > now64() - INTERVAL 99999999 YEAR",
        ],
    )
    def test_before_what_is_kept(self, condition: str) -> None:
        for shape in (
            "SELECT 1 FROM ratelimits_v1 AS r WHERE {}",
            "SELECT 1 FROM ratelimits_v1 WHERE x IN (SELECT 1 WHERE {})",
        ):
            error = refusal(shape.format(condition))
            assert type(error) is BeyondRetention
            assert "30 days" in error.public

    def test_the_boundary_is_the_workspaces(self) -> None:
        query = "SELECT 1 FROM ratelimits_v1 WHERE time > now() - INTERVAL 90 DAY"

        assert rewritten(query, replace(POLICY, retention=timedelta(days=90)))
        assert rewritten(query, replace(POLICY, retention=None))
        assert "89 days" in refusal(query, replace(POLICY, retention=timedelta(days=89))).public

    @pytest.mark.parametrize("clause", ["PREWHERE time > 0", "GROUP BY time HAVING time > 0"])
    def test_other_clauses_are_not_looked_at(self, clause: str) -> None:
        assert rewritten(f"SELECT 1 FROM ratelimits_v1 {clause}")

    def test_nothing_is_added(self) -> None:
        assert "time" not in rewritten("SELECT 1 FROM ratelimits_v1")


class TestPrinting:
    @pytest.mark.parametrize(
        ("written", "printed"),
        [
            ("'it''s \\' \\\\ \\x41 \0 \U0001f600 -- /* */'", "'it''s \\' \\\\ \\x41 \0 \U0001f600 -- /* */'"),
            ("1=1", "1 = 1"),
            ("- -1", "- -1"),
            ("x NOT IN (1)", "`x` NOT IN (1)"),
            ("NOT x IN (1)", "`x` NOT IN (1)"),
            ("x IS NOT NULL", "`x` IS NOT NULL"),
            ("x NOT BETWEEN 1 AND 2", "`x` NOT BETWEEN 1 AND 2"),
            ("x[1]['a'].b", "`x`[1]['a'].`b`"),
            ("a.b.c.d", "`a`.`b`.`c`.`d`"),
            ("t.1", "`t`.1"),
            ('"a""b"', '`a"b`'),
            ("`a``b\\`c`", "`a\\`b\\`c`"),
            ("sum(x) OVER (PARTITION BY a ORDER BY b DESC ROWS 3 PRECEDING)",
             "sum(`x`) OVER (PARTITION BY `a` ORDER BY `b` DESC ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)"),
            ("cast(x, 'Array(Nullable(Int64))')", "CAST(`x` AS Array(Nullable(Int64)))"),
            ("(x, y) -> x", ""),
            ("CASE x WHEN 1 THEN 2 END", "CASE `x` WHEN 1 THEN 2 END"),
            ("INTERVAL '7' days", "INTERVAL 7 DAY"),
            ("true AND NULL", "true AND NULL"),
            ("a || b", "`a` || `b`"),
        ],
    )  # fmt: skip
    def test_expressions(self, written: str, printed: str) -> None:
        if not printed:
            assert type(refusal(f"SELECT {written} FROM ratelimits_v1")) is InvalidQuery
        else:
            assert rewritten(f"SELECT {written} FROM ratelimits_v1").startswith(f"SELECT {printed} FROM (")

    def test_what_clickhouse_has_no_rule_for_is_left_out(self) -> None:
        """FORMAT would change what comes back over HTTP; comments are nobody's business."""
        text = rewritten("SELECT /* a */ 1 -- b\nFROM ratelimits_v1 FORMAT TabSeparated")

        assert text == f"SELECT 1 FROM {ROWS} LIMIT 100"

    def test_printing_again_changes_nothing_but_the_source(self) -> None:
        query = (
            "SELECT identifier AS i, countIf(passed = 0) AS n FROM ratelimits_v1 WHERE NOT (a OR b) AND c NOT LIKE 'd' "
            "GROUP BY i WITH TOTALS HAVING n > 1 ORDER BY n DESC NULLS FIRST WITH FILL FROM 1 TO 9 STEP 2 LIMIT 1 BY i "
            "LIMIT 9"
        )
        once = rewritten(query)

        assert rewritten(once.replace(ROWS, "ratelimits_v1")) == once

    def test_tables_of_other_operations_are_unknown(self) -> None:
        for tables in (VERIFICATIONS, GATEWAY_REQUESTS, RUNTIME_LOGS):
            for name in tables:
                assert type(refusal(f"SELECT 1 FROM {name}")) is TableNotAllowed
