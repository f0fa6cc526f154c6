"""The documents the service shows about itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.harness import Harness
from tests.support.surface import Surface
from unkey_api.openapi_document import read_document

NO_HEADERS: dict[str, str] = {}


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
        assert b'id="api-reference"' in page.body
        assert b'data-url="/openapi.json"' in page.body
        assert b"http" not in page.body
        script = await client.request("GET", "/reference/scalar.js", headers=NO_HEADERS)
        assert (script.status, script.body) == (200, b"viewer()")

    async def test_page_without_the_viewer_says_so(self) -> None:
        client = Surface().build()
        page = await client.request("GET", "/reference", headers=NO_HEADERS)
        assert page.status == 200
        assert b"not installed" in page.body
        assert (await client.request("GET", "/reference/scalar.js", headers=NO_HEADERS)).status == 404


@pytest.mark.parametrize("path", ["/openapi.yaml", "/openapi.json", "/reference"])
async def test_documents_need_no_credential_and_stay_out_of_analytics(path: str) -> None:
    surface = Surface()
    assert (await surface.build().request("GET", path, headers=NO_HEADERS)).status == 200
    assert surface.platform.seen == []
    assert [exchange.quiet for exchange in surface.observer.completed] == [True]
