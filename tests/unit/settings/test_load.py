"""Reading: sources, expansion, defaults, environment, and reporting everything at once."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.settings.loading import TABLES, TOP, Loading, refused
from unkey_api.settings.auth import JwtAuth, PortalSessionAuth, RootKeyAuth
from unkey_api.settings.load import load_settings


class TestSource:
    def test_text_with_an_equals_sign_is_inline_toml(self, loading: Loading) -> None:
        assert loading.settings().redis_url.reveal() == "redis://localhost:6379"

    @pytest.mark.parametrize("text", ["auth = []", "auth\n"])
    def test_equals_sign_or_line_break_alone_makes_it_inline(self, text: str) -> None:
        assert not any("cannot be read" in problem for problem in refused(text, {}))

    def test_path_of_any_extension_is_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "service.conf"
        file.write_text(TOP + TABLES)
        assert load_settings(str(file), {}).http_port == 7070

    def test_variable_names_the_source_when_the_flag_does_not(self, tmp_path: Path) -> None:
        file = tmp_path / "unkey.toml"
        file.write_text("http_port = 9000\n" + TOP + TABLES)
        assert load_settings(None, {"UNKEY_CONFIG": str(file)}).http_port == 9000

    def test_flag_wins_over_the_variable(self) -> None:
        assert load_settings(TOP + TABLES, {"UNKEY_CONFIG": "/nowhere"}).http_port == 7070

    def test_default_is_unkey_toml_in_the_working_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "unkey.toml").write_text("http_port = 9001\n" + TOP + TABLES)
        assert load_settings(None, {}).http_port == 9001

    def test_without_any_file_the_environment_is_enough(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        settings = load_settings(
            None,
            {
                "UNKEY_REDIS_URL": "redis://r",
                "UNKEY_DATABASE_PRIMARY": "mysql://u:p@h/d",
                "UNKEY_AUTH": '[{type = "root_key"}]',
            },
        )
        assert settings.database.primary.reveal() == "mysql://u:p@h/d"
        assert settings.auth == (RootKeyAuth(),)

    def test_named_file_that_is_absent_is_refused(self, tmp_path: Path) -> None:
        assert refused(str(tmp_path / "none.toml"), {}) == ["the file cannot be read: No such file or directory"]

    def test_file_that_is_not_text_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "unkey.toml"
        file.write_bytes(b"\xff\xfe")
        assert refused(str(file), {}) == ["the file cannot be read: not UTF-8 text"]

    def test_text_that_is_not_toml_is_refused_with_its_line(self) -> None:
        assert "line 2" in refused("a = 1\nb = = 2\n", {})[0]


class TestExpansion:
    def test_variables_are_filled_into_values(self, loading: Loading) -> None:
        assert loading.settings('region = "${WHERE}-${N}"', WHERE="eu", N="1").region == "eu-1"

    @pytest.mark.parametrize("literal", ["pa$word", "$", "a$$b", "$1", "ends in $", "${open"])
    def test_other_dollars_are_kept(self, loading: Loading, literal: str) -> None:
        """Passwords have them, and nobody would look for the missing letters."""
        assert loading.settings(f'region = "{literal}"', word="no").region == literal

    def test_doubled_dollar_before_a_brace_is_a_literal_one(self, loading: Loading) -> None:
        assert loading.settings('region = "$${WHERE}"').region == "${WHERE}"

    def test_unset_variable_is_a_problem_of_the_key(self, loading: Loading) -> None:
        [problem] = loading.problems('region = "x${NOWHERE}"')
        assert problem.startswith("region refers to the variable NOWHERE, which is not set")

    def test_unset_variable_in_a_list_names_the_entry(self, loading: Loading) -> None:
        problems = loading.problems('trusted_proxies = ["${NOWHERE}"]')
        assert any(problem.startswith("trusted_proxies[0] refers to the variable NOWHERE") for problem in problems)

    def test_variable_that_may_be_absent_says_so(self, loading: Loading) -> None:
        assert loading.settings('region = "${NOWHERE:-}"').region == "unknown"
        assert loading.settings('region = "${NOWHERE:-eu}"').region == "eu"
        assert loading.settings('region = "${WHERE:-eu}"', WHERE="us").region == "us"

    @pytest.mark.parametrize("text", ["${}", "${a b}", "${1}"])
    def test_what_is_no_name_is_a_problem(self, loading: Loading, text: str) -> None:
        [problem] = loading.problems(f'region = "{text}"')
        assert problem.startswith("region has ${…} around something that is no name of a variable")

    def test_unbraced_name_of_a_variable_is_pointed_out(self, loading: Loading) -> None:
        """The original fills it in, so the file may come from there."""
        [problem] = loading.problems('region = "$WHERE"', WHERE="eu")
        assert problem == "region is written $NAME; write ${WHERE} to fill in that variable"

    @pytest.mark.parametrize("reference", ["${PORT}", '"${PORT}"', "'${PORT}'", "$PORT", "${PORT:-1}", "${P:-8080}"])
    def test_whole_values_of_any_type_can_come_from_a_variable(self, loading: Loading, reference: str) -> None:
        assert loading.settings(f"http_port = {reference} # ${{NOT_READ}}", PORT="8080").http_port == 8080

    def test_lists_and_entries_can_come_from_a_variable(self, loading: Loading) -> None:
        settings = loading.settings("trusted_proxies = ${PROXIES}", PROXIES="10.0.0.0/8, fd00::/8")
        assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
        text = f"auth = ${{AUTH}}\n{TOP}{TABLES.partition('[[auth]]')[0]}"
        assert load_settings(text, {"AUTH": '[{type = "root_key"}]'}).auth == (RootKeyAuth(),)

    def test_empty_variable_means_the_default_of_any_type(self, loading: Loading) -> None:
        assert loading.settings("http_port = ${PORT}\ntrusted_proxies = ${PROXIES:-}", PORT="").http_port == 7070

    @given(value=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
    def test_no_value_of_a_variable_can_say_more_than_itself(self, value: str) -> None:
        """A quote or a line break in a variable must not become TOML."""
        text = f'region = "${{WHERE}}"\nplatform = "a${{WHERE}}b"\n{TOP}{TABLES}'
        settings = load_settings(text, {"WHERE": value})
        assert settings.region == value
        assert settings.platform == f"a{value}b"


class TestDefaults:
    def test_documented_defaults(self, loading: Loading) -> None:
        settings = loading.settings()
        assert settings.http_port == 7070
        assert settings.http2_port == 7071
        assert settings.region == "unknown"
        assert settings.max_request_body_size == 10_485_760
        assert settings.portal_base_url == "https://portal.unkey.com"
        assert settings.bind_address == "0.0.0.0"  # noqa: S104 - the documented default
        assert settings.request_timeout == timedelta(seconds=60)
        assert settings.shutdown_timeout == timedelta(seconds=30)
        assert settings.trusted_proxies == ()
        assert settings.workers >= 1

    def test_absent_optional_sections_stay_absent(self, loading: Loading) -> None:
        settings = loading.settings()
        for section in (settings.vault, settings.control, settings.restate, settings.github, settings.clickhouse):
            assert section is None
        assert settings.tls is None
        assert settings.pprof is None
        assert settings.gossip is None
        assert settings.observability.tracing is None
        assert settings.observability.metrics is None

    def test_present_section_gets_its_defaults(self, loading: Loading) -> None:
        tables = "[observability.tracing]\n[observability.logging]\n[observability.metrics]"
        observability = loading.settings(tables=tables).observability
        assert observability.tracing is not None
        assert observability.tracing.sample_rate == 0.05
        assert observability.logging is not None
        assert observability.logging.slow_threshold == timedelta(seconds=1)
        assert observability.metrics is not None
        assert observability.metrics.prometheus_port == 0

    def test_zero_is_zero(self, loading: Loading) -> None:
        tables = "[observability.tracing]\nsample_rate = 0.0\n[observability.logging]\nsample_rate = 0"
        observability = loading.settings(tables=tables).observability
        assert observability.tracing is not None
        assert observability.tracing.sample_rate == 0.0
        assert observability.logging is not None
        assert observability.logging.sample_rate == 0.0

    def test_zero_is_refused_where_it_makes_no_sense(self, loading: Loading) -> None:
        assert loading.problems('http_port = 0\nmax_request_body_size = 0\nrequest_timeout = "0s"\nworkers = 0') == [
            "http_port must be between 1 and 65535",
            "max_request_body_size must not be 0, which would let no request in; -1 lifts the limit",
            "request_timeout must be between 100ms and 1h",
            "workers must be between 1 and 1024",
        ]

    def test_empty_text_means_the_default(self, loading: Loading) -> None:
        assert loading.settings('region = ""').region == "unknown"

    def test_zero_turns_http2_off(self, loading: Loading) -> None:
        assert loading.settings("http2_port = 0").http2_port == 0

    def test_negative_body_size_lifts_the_limit(self, loading: Loading) -> None:
        assert loading.settings("max_request_body_size = -1").max_request_body_size == -1

    @pytest.mark.parametrize("section", ["vault", "github", "clickhouse", "pprof", "tls"])
    def test_section_that_switches_nothing_on_counts_as_absent(self, loading: Loading, section: str) -> None:
        assert getattr(loading.settings(tables=f"[{section}]"), section) is None


class TestEnvironment:
    def test_variable_wins_over_the_file(self, loading: Loading) -> None:
        assert loading.settings("http_port = 1", UNKEY_HTTP_PORT="2").http_port == 2

    def test_empty_variable_counts_as_not_set(self, loading: Loading) -> None:
        assert loading.settings("http_port = 1", UNKEY_HTTP_PORT="").http_port == 1

    def test_variable_creates_its_optional_section(self, loading: Loading) -> None:
        settings = loading.settings(UNKEY_OBSERVABILITY_TRACING_SAMPLE_RATE="0.5")
        assert settings.observability.tracing is not None
        assert settings.observability.tracing.sample_rate == 0.5

    def test_every_type_can_be_given(self, loading: Loading) -> None:
        settings = loading.settings(
            UNKEY_TRUSTED_PROXIES="10.0.0.0/8, fd00::/8",
            UNKEY_REQUEST_TIMEOUT="1m30s",
            UNKEY_TLS_DISABLED="true",
            UNKEY_TLS_CERT_FILE="c",
            UNKEY_TLS_KEY_FILE="k",
        )
        assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
        assert settings.request_timeout == timedelta(seconds=90)
        assert settings.tls is not None
        assert settings.tls.disabled

    def test_wrong_text_is_a_problem_of_its_key(self, loading: Loading) -> None:
        assert loading.problems(UNKEY_HTTP_PORT="many") == ["http_port must be an integer"]

    def test_list_may_be_a_toml_array(self, loading: Loading) -> None:
        assert loading.settings(UNKEY_TRUSTED_PROXIES='["10.0.0.0/8"]').trusted_proxies == (ip_network("10.0.0.0/8"),)

    def test_auth_entries_keep_their_order(self, loading: Loading) -> None:
        entries = '[{type = "portal_session"}, {type = "jwt", issuer = "i", jwks_url = "https://i/k"}]'
        assert loading.settings(UNKEY_AUTH=entries).auth == (
            PortalSessionAuth(),
            JwtAuth(issuer="i", jwks_url="https://i/k"),
        )

    def test_auth_that_is_no_array_is_refused(self, loading: Loading) -> None:
        assert loading.problems(UNKEY_AUTH="root_key") == ["auth must be a TOML array"]


class TestProblems:
    def test_all_are_reported_at_once_with_their_paths(self) -> None:
        text = 'http_port = 70000\nregion = 5\n[database]\n[vault]\nurl = "x"\n[[auth]]\ntype = "jwt"\n'
        assert refused(text, {}) == [
            "auth[0].issuer is required",
            "database.primary is required",
            "http_port must be between 1 and 65535",
            "redis_url is required",
            "region must be a string",
            "vault.url must be an absolute http or https URL",
        ]

    @pytest.mark.parametrize(
        ("top", "tables", "problem"),
        [
            ("http_prot = 1", "", "http_prot is not a known key; the nearest is http_port"),
            ("", "[databse]\nprimary = 1", "databse is not a known key; the nearest is database"),
            ("", '[vault]\ntokn = ""', "vault.tokn is not a known key; the nearest is vault.token"),
        ],
    )
    def test_unknown_key_names_the_nearest_known_one(
        self, loading: Loading, top: str, tables: str, problem: str
    ) -> None:
        assert loading.problems(top, tables) == [problem]

    @pytest.mark.parametrize(
        ("top", "problem"),
        [
            ("http_port = true", "http_port must be an integer"),
            ("http_port = 1.0", "http_port must be an integer"),
            ('http_port = "1"', "http_port must be an integer"),
            ("request_timeout = 60", "request_timeout must be a duration such as 500ms or 1s"),
            ('request_timeout = "-1s"', "request_timeout must be a duration such as 500ms or 1s"),
            ('trusted_proxies = "10.0.0.0/8"', "trusted_proxies must be a list of networks"),
            ('trusted_proxies = ["10.0.0.1/8"]', "trusted_proxies must be a network such as 10.0.0.0/8"),
            ("vault = 1", "vault must be a table"),
            ("http2_port = -1", "http2_port must be between 0 and 65535"),
            ("http2_port = 7070", "http2_port must differ from http_port"),
        ],
    )
    def test_wrong_values_are_refused(self, loading: Loading, top: str, problem: str) -> None:
        assert loading.problems(top) == [problem]

    @pytest.mark.parametrize("rate", ["1.5", "-0.1", "nan"])
    def test_rate_outside_zero_to_one_is_refused(self, loading: Loading, rate: str) -> None:
        problems = loading.problems(tables=f"[observability.logging]\nsample_rate = {rate}")
        assert problems == ["observability.logging.sample_rate must be between 0 and 1"]

    def test_no_message_shows_a_secret(self) -> None:
        text = 'redis_url = "hunter2"\n[database]\nprimary = "root:hunter2@nowhere"\n[[auth]]\ntype = "hunter2"\n'
        assert not any("hunter2" in problem for problem in refused(text, {}))

    def test_settings_do_not_print_secrets(self, loading: Loading) -> None:
        assert "password" not in repr(loading.settings().database)
