"""The documents the service shows about itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.support.harness import Harness
from tests.support.surface import Surface
from unkey_api.openapi_document import read_document

NO_HEADERS: dict[str, str] = {}
ALLOWED_SOURCES = {"'none'", "'self'", "'unsafe-inline'", "data:", "blob:"}


class TestOpenApi:
    @pytest.mark.integration
    async def test_the_generated_document_is_served_in_both_notations(self, api: Harness) -> None:
        client = api.client
        as_yaml = await client.request("GET", "/openapi.yaml", headers=NO_HEADERS)
        as_json = await client.request("GET", "/openapi.json", headers=NO_HEADERS)
        assert (as_yaml.status, as_yaml.headers["content-type"]) == (200, "application/yaml")
        assert (as_json.status, as_json.headers["content-type"]) == (200, "application/json")
        assert as_yaml.body == read_document().yaml
        assert as_json.json == yaml.load(as_yaml.body, Loader=yaml.CSafeLoader)

    @pytest.mark.integration
    async def test_the_extended_document_has_what_the_compatible_one_has_and_more(self, api: Harness) -> None:
        compatible = (await api.client.request("GET", "/openapi.json", headers=NO_HEADERS)).json
        extended = await api.client.request("GET", "/openapi-extended.json", headers=NO_HEADERS)
        as_yaml = await api.client.request("GET", "/openapi-extended.yaml", headers=NO_HEADERS)
        assert (as_yaml.status, as_yaml.headers["content-type"]) == (200, "application/yaml")
        assert yaml.load(as_yaml.body, Loader=yaml.CSafeLoader) == extended.json
        assert extended.json["paths"].items() >= compatible["paths"].items()
        added = extended.json["paths"].keys() - compatible["paths"].keys()
        assert added == {"/v2/apis.updateApi"}
        assert all(extended.json["paths"][path]["post"]["x-unkey-extension"] for path in added)

    async def test_head_sends_the_length_and_no_body(self) -> None:
        client = Surface().build()
        whole = await client.request("GET", "/openapi.yaml", headers=NO_HEADERS)
        head = await client.request("HEAD", "/openapi.yaml", headers=NO_HEADERS)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.body))


class TestReference:
    async def test_page_shows_the_document_with_a_viewer_of_our_own(self, tmp_path: Path) -> None:
        """No other host is asked for anything: the viewer comes with the service."""
        (tmp_path / "standalone.js").write_text("viewer()")
        client = Surface(assets=tmp_path).build()
        page = await client.request("GET", "/reference", headers=NO_HEADERS)
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        scripts = re.findall(rb'<script src="([^"]*)"></script>', page.body)
        assert scripts == [b"/reference/scalar.js", b"/reference/page.js"]
        viewer, ours = [await client.request("GET", path.decode(), headers=NO_HEADERS) for path in scripts]
        assert (viewer.status, viewer.body) == (200, b"viewer()")
        assert (ours.status, ours.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
        assert b'url: "/openapi.json"' in ours.body
        assert b"://" not in page.body + ours.body

    async def test_browsers_are_told_to_ask_nobody_else(self, tmp_path: Path) -> None:
        """Root keys are typed into the page: no script, frame, form or request of it may involve another host."""
        (tmp_path / "standalone.js").write_text("viewer()")
        page = await Surface(assets=tmp_path).build().request("GET", "/reference", headers=NO_HEADERS)
        policy = dict(each.split(" ", 1) for each in page.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert {source for sources in policy.values() for source in sources.split()} <= ALLOWED_SOURCES
        assert page.headers["referrer-policy"] == "no-referrer"

    async def test_types_are_not_guessed(self, tmp_path: Path) -> None:
        (tmp_path / "standalone.js").write_text("viewer()")
        client = Surface(assets=tmp_path).build()
        for path in ("/reference", "/reference/scalar.js", "/reference/page.js", "/openapi.json"):
            answer = await client.request("GET", path, headers=NO_HEADERS)
            assert answer.headers["x-content-type-options"] == "nosniff", path

    async def test_page_without_the_viewer_says_so(self) -> None:
        client = Surface().build()
        page = await client.request("GET", "/reference", headers=NO_HEADERS)
        assert page.status == 200
        assert b"not installed" in page.body
        for script in ("/reference/scalar.js", "/reference/page.js"):
            assert (await client.request("GET", script, headers=NO_HEADERS)).status == 404


@pytest.mark.parametrize("path", ["/openapi.yaml", "/openapi.json", "/reference"])
async def test_documents_need_no_credential_and_stay_out_of_analytics(path: str) -> None:
    surface = Surface()
    assert (await surface.build().request("GET", path, headers=NO_HEADERS)).status == 200
    assert surface.platform.seen == []
    assert [state.quiet for state in surface.observer.completed] == [True]
