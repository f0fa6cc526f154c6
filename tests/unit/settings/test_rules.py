"""Rules of single sections."""

from __future__ import annotations

import base64

import pytest

from tests.unit.settings.loading import Loading, refused
from unkey_api.settings.auth import JwtAuth, PortalSessionAuth, RootKeyAuth

JWT = '[[auth]]\ntype = "jwt"\nissuer = "https://issuer"\n'
RESTATE = '[restate]\napi_key = "k"\nurl = "{}"\n'
GO_DSN = "u:p@tcp(h:3306)/d"


class TestAuth:
    def test_every_type_is_read_in_order(self, loading: Loading) -> None:
        secret = "s" * 32
        entries = f'{JWT}secrets = ["{secret}"]\naudience = "me"\n[[auth]]\ntype = "portal_session"\n'
        jwt, portal = loading.settings(tables=entries).auth[1:]
        assert isinstance(jwt, JwtAuth)
        assert jwt.audience == "me"
        assert [each.reveal() for each in jwt.secrets] == [secret]
        assert portal == PortalSessionAuth()

    def test_secret_of_31_bytes_is_refused_and_of_32_accepted(self, loading: Loading) -> None:
        assert loading.auth_problems(f'{JWT}secrets = ["{"s" * 31}"]') == [
            "auth[0].secrets[0] must be at least 32 bytes"
        ]
        assert loading.settings(tables=f'{JWT}secrets = ["{"é" * 16}"]').auth

    @pytest.mark.parametrize("url", ["http://issuer/keys", "issuer/keys", "https://", "https://[broken"])
    def test_key_set_address_must_be_https(self, loading: Loading, url: str) -> None:
        assert loading.auth_problems(f'{JWT}jwks_url = "{url}"') == ["auth[0].jwks_url must be an absolute https URL"]

    def test_secrets_and_jwks_url_together_or_neither_are_refused(self, loading: Loading) -> None:
        expected = ["auth[0] needs exactly one of secrets or jwks_url"]
        assert loading.auth_problems(JWT) == expected
        both = f'{JWT}secrets = ["{"s" * 32}"]\njwks_url = "https://issuer/keys"'
        assert loading.auth_problems(both) == expected

    def test_workos_with_secrets_is_refused(self, loading: Loading) -> None:
        entry = f'{JWT}secrets = ["{"s" * 32}"]\nprovider = "workos"'
        assert loading.auth_problems(entry) == ["auth[0].provider workos requires jwks_url"]

    def test_unknown_provider_is_refused(self, loading: Loading) -> None:
        entry = f'{JWT}jwks_url = "https://i/k"\nprovider = "other"'
        assert loading.auth_problems(entry) == ["auth[0].provider must be empty or workos"]

    @pytest.mark.parametrize("kind", ['type = "ldap"', "type = 1", ""])
    def test_unknown_type_is_refused(self, loading: Loading, kind: str) -> None:
        assert loading.auth_problems(f"[[auth]]\n{kind}\n") == [
            "auth[0].type must be one of jwt, portal_session, root_key"
        ]

    def test_root_key_enabled_may_only_be_true(self, loading: Loading) -> None:
        assert loading.settings(tables='[[auth]]\ntype = "root_key"\nenabled = true').auth[1] == RootKeyAuth()
        problems = loading.auth_problems('[[auth]]\ntype = "root_key"\nenabled = false')
        assert len(problems) == 1
        assert problems[0].startswith("auth[0].enabled must be true")

    def test_field_of_another_type_is_refused(self, loading: Loading) -> None:
        entries = '[[auth]]\ntype = "root_key"\nissuer = "i"\n[[auth]]\ntype = "portal_session"\nrubbish = 1\n'
        assert loading.auth_problems(entries) == [
            "auth[0].issuer is not valid for this auth type",
            "auth[1].rubbish is not valid for this auth type",
        ]

    def test_wrong_types_inside_an_entry_are_refused_once(self, loading: Loading) -> None:
        assert loading.auth_problems(f"{JWT}secrets = 1") == ["auth[0].secrets must be a list of secret strings"]
        assert loading.auth_problems('[[auth]]\ntype = "root_key"\nenabled = "yes"') == [
            "auth[0].enabled must be a boolean"
        ]

    @pytest.mark.parametrize("entries", ["", "auth = []"])
    def test_empty_list_is_refused(self, loading: Loading, entries: str) -> None:
        text = f'{entries}\nredis_url = "redis://r"\n[database]\nprimary = "mysql://u@h/d"\n'
        assert refused(text, {}) == ["auth needs an entry: at least one [[auth]] entry is required"]

    def test_something_other_than_tables_is_refused(self) -> None:
        text = 'auth = [1]\nredis_url = "redis://r"\n[database]\nprimary = "mysql://u@h/d"\n'
        assert refused(text, {}) == ["auth must be an array of tables"]


class TestTls:
    @pytest.mark.parametrize("given", ["cert_file", "key_file"])
    def test_one_file_without_the_other_is_refused(self, loading: Loading, given: str) -> None:
        problems = loading.problems(tables=f'[tls]\n{given} = "x.pem"')
        assert problems == ["tls is incomplete: both tls.cert_file and tls.key_file must be provided"]

    def test_both_are_accepted(self, loading: Loading) -> None:
        tls = loading.settings(tables='[tls]\ncert_file = "c"\nkey_file = "k"').tls
        assert tls is not None
        assert (tls.cert_file, tls.key_file) == ("c", "k")


class TestRestate:
    @pytest.mark.parametrize("url", ["http://restate:8080", "https://restate"])
    def test_bare_origin_is_accepted(self, loading: Loading, url: str) -> None:
        restate = loading.settings(tables=RESTATE.format(url)).restate
        assert restate is not None
        assert restate.url == url

    @pytest.mark.parametrize("url", ["http://r/", "http://r/p", "http://r?q=1", "http://r?", "http://r#f", "http://r#"])
    def test_path_query_or_fragment_even_empty_is_refused(self, loading: Loading, url: str) -> None:
        problems = loading.problems(tables=RESTATE.format(url))
        assert problems == ["restate.url must not have a path, query or fragment"]

    @pytest.mark.parametrize("url", ["restate:8080", "ftp://r", "//r", "http://"])
    def test_only_absolute_http_is_accepted(self, loading: Loading, url: str) -> None:
        assert loading.problems(tables=RESTATE.format(url)) == ["restate.url must be an absolute http or https URL"]

    def test_key_without_surrounding_white_space(self, loading: Loading) -> None:
        problems = loading.problems(tables='[restate]\nurl = "http://r"\napi_key = " k"')
        assert problems == ["restate.api_key must not begin or end with white space"]

    def test_present_section_needs_its_keys(self, loading: Loading) -> None:
        assert loading.problems(tables='[restate]\n[control]\nurl = ""') == [
            "control.token is required",
            "control.url must not be empty",
            "restate.api_key is required",
            "restate.url is required",
        ]


class TestDatabase:
    @pytest.mark.parametrize(
        "dsn", [GO_DSN, f"{GO_DSN}?parseTime=false", f"{GO_DSN}?xparseTime=true", "parseTime=true"]
    )
    def test_go_form_without_parse_time_is_refused(self, loading: Loading, dsn: str) -> None:
        problems = loading.problems(UNKEY_DATABASE_PRIMARY=dsn)
        assert len(problems) == 1
        assert problems[0].startswith("database.primary must")

    @pytest.mark.parametrize(
        "dsn", [f"{GO_DSN}?parseTime=true", f"{GO_DSN}?charset=utf8mb4&parseTime=true", "mysql://u:p@h/d"]
    )
    def test_both_forms_are_accepted(self, loading: Loading, dsn: str) -> None:
        settings = loading.settings(UNKEY_DATABASE_PRIMARY=dsn, UNKEY_DATABASE_READONLY_REPLICA=dsn)
        assert settings.database.readonly_replica.reveal() == dsn

    def test_replica_is_held_to_the_same_rule(self, loading: Loading) -> None:
        problems = loading.problems(UNKEY_DATABASE_READONLY_REPLICA=GO_DSN)
        assert problems == ["database.readonly_replica must contain parseTime=true"]


class TestOthers:
    @pytest.mark.parametrize("url", ["localhost:6379", "http://r", "redis://"])
    def test_redis_needs_its_scheme_and_host(self, loading: Loading, url: str) -> None:
        assert loading.problems(UNKEY_REDIS_URL=url) == ["redis_url must be a redis:// or rediss:// URL"]

    @pytest.mark.parametrize("size", [16, 24, 32])
    def test_gossip_key_of_an_aes_size_is_accepted(self, loading: Loading, size: int) -> None:
        gossip = loading.settings(UNKEY_GOSSIP_SECRET_KEY=base64.b64encode(bytes(size)).decode()).gossip
        assert gossip is not None
        assert gossip.agent_rpc_address == "127.0.0.1:7373"

    @pytest.mark.parametrize("key", [base64.b64encode(bytes(30)).decode(), "not base64!"])
    def test_other_gossip_key_is_refused(self, loading: Loading, key: str) -> None:
        problems = loading.problems(UNKEY_GOSSIP_SECRET_KEY=key)
        assert len(problems) == 1
        assert problems[0].startswith("gossip.secret_key must be base64")

    def test_gossip_section_needs_its_key(self, loading: Loading) -> None:
        assert loading.problems(tables='[gossip]\njoin = ["a:7946"]') == ["gossip.secret_key is required"]

    def test_github_app_is_read(self, loading: Loading) -> None:
        tables = '[github]\napp_id = 7\nprivate_key_pem = """-----BEGIN\nKEY-----"""\n'
        github = loading.settings(tables=tables).github
        assert github is not None
        assert github.app_id == 7
