"""The OpenAPI generator, on a small service that uses everything it knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.tools.compiling import compile_proto
from tests.unit.tools.sample import SAMPLE
from tools.protoc_gen_unkey_openapi.document import build_document, to_yaml

Document = dict[str, Any]  # parsed YAML


def _build(source: str, folder: Path, *, extended: bool = False) -> str:
    files = compile_proto(source, folder)
    return to_yaml(build_document(files[-1:], files, extended=extended))


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """The document of the sample, as a reader parses it."""
    parsed: Document = yaml.safe_load(_build(SAMPLE, tmp_path_factory.mktemp("sample")))
    return parsed


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """The extended document of the sample."""
    parsed: Document = yaml.safe_load(_build(SAMPLE, tmp_path_factory.mktemp("extended"), extended=True))
    return parsed


@pytest.fixture
def request_schema(document: Document) -> Document:
    """The schema of MakeThingRequest."""
    schema: Document = document["components"]["schemas"]["SampleMakeThingRequest"]
    return schema


class TestOperations:
    def test_paths_come_from_http_bindings_of_public_methods(self, document: Document) -> None:
        assert list(document["paths"]) == ["/v2/sample", "/v2/sample.listThings", "/v2/sample.makeThing"]

    def test_title_becomes_the_summary_and_the_comment_the_description(self, document: Document) -> None:
        operation = document["paths"]["/v2/sample.makeThing"]["post"]
        assert operation["summary"] == "Make thing"
        assert operation["description"].startswith("Make a thing. It is kept for ever.\n\nRepeating is safe.\n\n")

    def test_permissions_are_told(self, document: Document) -> None:
        operation = document["paths"]["/v2/sample.makeThing"]["post"]
        assert operation["x-unkey-permissions"] == ["a.*.b"]
        assert "- `a.*.b`" in operation["description"]

    def test_service_becomes_a_tag(self, document: Document) -> None:
        assert document["tags"] == [{"name": "sample", "description": "Keeps things."}]
        assert document["paths"]["/v2/sample"]["get"]["tags"] == ["sample"]

    def test_credential_depends_on_the_method(self, document: Document) -> None:
        paths = document["paths"]
        assert paths["/v2/sample.makeThing"]["post"]["security"] == [{"rootKey": []}]
        assert paths["/v2/sample.listThings"]["post"]["security"] == [{"portalSession": []}]
        assert paths["/v2/sample"]["get"]["security"] == []

    def test_statuses_are_the_success_and_the_listed_errors(self, document: Document) -> None:
        assert list(document["paths"]["/v2/sample.makeThing"]["post"]["responses"]) == ["201", "400", "429"]
        assert list(document["paths"]["/v2/sample"]["get"]["responses"]) == ["200"]

    def test_deprecated_method_is_marked(self, document: Document) -> None:
        assert document["paths"]["/v2/sample"]["get"]["deprecated"] is True

    def test_method_without_body_has_no_request_body(self, document: Document) -> None:
        assert "requestBody" not in document["paths"]["/v2/sample"]["get"]

    def test_body_can_be_one_list(self, document: Document) -> None:
        body = document["paths"]["/v2/sample.listThings"]["post"]["requestBody"]["content"]["application/json"]
        assert body["schema"] == {
            "type": "array",
            "items": {"$ref": "#/components/schemas/SamplePart"},
            "minItems": 1,
            "description": "The filters.",
        }


class TestEnvelope:
    def test_data_is_the_message(self, document: Document) -> None:
        body = document["components"]["schemas"]["SampleMakeThingResponseBody"]
        assert body["required"] == ["meta", "data"]
        assert body["properties"]["data"] == {"$ref": "#/components/schemas/SampleMakeThingResponse"}
        assert "additionalProperties" not in body

    def test_data_can_be_one_field_with_pagination_beside(self, document: Document) -> None:
        body = document["components"]["schemas"]["SampleListThingsResponseBody"]
        assert body["required"] == ["meta", "data", "pagination"]
        assert body["properties"]["data"]["type"] == "array"
        assert body["properties"]["pagination"]["$ref"] == "#/components/schemas/Pagination"
        assert body["additionalProperties"] is False

    def test_data_can_be_missing(self, document: Document) -> None:
        assert list(document["components"]["schemas"]["SampleDropThingResponseBody"]["properties"]) == ["meta"]

    def test_validation_error_lists_broken_rules(self, document: Document) -> None:
        schemas = document["components"]["schemas"]
        assert schemas["BadRequestErrorResponse"]["properties"]["error"]["$ref"].endswith("/ValidationError")
        assert "errors" in schemas["ValidationError"]["required"]
        assert "errors" not in schemas["Error"]["properties"]

    def test_throttle_answers_as_problem(self, document: Document) -> None:
        assert next(iter(document["components"]["responses"]["TooManyRequests"]["content"])).endswith("problem+json")

    def test_only_documented_errors_are_defined(self, document: Document) -> None:
        assert list(document["components"]["responses"]) == ["BadRequest", "InternalServerError", "TooManyRequests"]


class TestSchemas:
    def test_required_are_demanded_and_always_present_fields(self, request_schema: Document) -> None:
        assert request_schema["required"] == ["name", "words"]

    def test_messages_are_closed_unless_they_tolerate_more(self, document: Document, request_schema: Document) -> None:
        assert request_schema["additionalProperties"] is False
        assert "additionalProperties" not in document["components"]["schemas"]["SamplePart"]

    def test_hidden_fields_are_left_out(self, request_schema: Document) -> None:
        assert "nullFields" not in request_schema["properties"]

    def test_count_of_members_is_told_by_the_rule_id(self, request_schema: Document) -> None:
        assert request_schema["minProperties"] == 2

    def test_one_of_several_fields(self, document: Document) -> None:
        one_of = document["components"]["schemas"]["SamplePart"]["oneOf"]
        assert one_of == [{"required": ["leftSide"]}, {"required": ["rightSide"]}]

    def test_message_may_contain_itself(self, document: Document) -> None:
        items = document["components"]["schemas"]["SamplePart"]["properties"]["parts"]["items"]
        assert items == {"$ref": "#/components/schemas/SamplePart"}

    @pytest.mark.parametrize(
        ("field", "expected"),
        [
            ("name", {"type": "string", "minLength": 2, "maxLength": 9, "pattern": "^[a-z]+$"}),
            (
                "itemCount",
                {"type": ["integer", "null"], "format": "int64", "minimum": 0, "maximum": 2**63 - 1, "default": 1},
            ),
            ("kind", {"type": ["string", "null"], "enum": ["old", "new", None]}),
            ("meta", {"type": "object", "additionalProperties": True, "maxProperties": 5}),
            (
                "words",
                {
                    "type": "array",
                    "items": {"type": "string", "maxLength": 4},
                    "minItems": 0,
                    "maxItems": 3,
                    "uniqueItems": True,
                },
            ),
            ("part", {"anyOf": [{"$ref": "#/components/schemas/SamplePart"}, {"type": "null"}]}),
            ("password", {"type": "string", "x-unkey-redact": True, "deprecated": True}),
            (
                "parts",
                {
                    "type": "object",
                    "additionalProperties": {"$ref": "#/components/schemas/SamplePart"},
                    "maxProperties": 7,
                },
            ),
            ("size", {"type": "string", "enum": ["SIZE_UNSPECIFIED", "SIZE_BIG"]}),
            ("home", {"type": "string", "format": "uri"}),
        ],
    )
    def test_field(self, request_schema: Document, field: str, expected: Document) -> None:
        schema = request_schema["properties"][field]
        assert schema.pop("description")
        assert schema == expected


class TestRefusals:
    def test_path_claimed_twice(self, tmp_path: Path) -> None:
        source = SAMPLE.replace('get: "/v2/sample"', 'post: "/v2/sample.makeThing"')
        with pytest.raises(ValueError, match=r"DropThing: post /v2/sample\.makeThing is taken"):
            _build(source, tmp_path)

    def test_public_method_without_a_title(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"unkey\.sample\.v2\.SampleService/ListThings has no title"):
            _build(SAMPLE.replace('title: "List things"', ""), tmp_path)

    def test_binding_of_an_unknown_field(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="has no field nothing"):
            _build(SAMPLE.replace('body: "filters"', 'body: "nothing"'), tmp_path)

    def test_two_messages_of_one_component_name(self, tmp_path: Path) -> None:
        source = SAMPLE.replace("message Part {", "message SamplePart {}\nmessage Part {").replace(
            "Part part = 6", "SamplePart other = 11; Part part = 6"
        )
        with pytest.raises(ValueError, match="would both be called SamplePart"):
            _build(source, tmp_path)


def test_output_depends_on_the_input_only(tmp_path: Path) -> None:
    assert _build(SAMPLE, tmp_path) == _build(SAMPLE, tmp_path)


class TestExtensions:
    def test_what_is_ours_alone_is_in_the_extended_document_only(self, document: Document, extended: Document) -> None:
        assert set(extended["paths"]) - set(document["paths"]) == {"/v2/sample.polish"}
        assert extended["paths"]["/v2/sample.polish"]["get"]["x-unkey-extension"] is True
        shown = [
            each["components"]["schemas"]["SampleMakeThingResponse"]["properties"] for each in (document, extended)
        ]
        assert set(shown[1]) - set(shown[0]) == {"shine"}
        assert shown[1]["shine"]["x-unkey-extension"] is True

    def test_everything_else_is_the_same_in_both(self, document: Document, extended: Document) -> None:
        for path, methods in document["paths"].items():
            assert extended["paths"][path] == methods
