"""Schemas of answers as Claude takes them."""

from __future__ import annotations

import orjson
import pytest

from adapters.errors import Inexpressible
from adapters.limits import within

SCHEMA = {
    "type": "object",
    "properties": {
        "knots": {"type": "integer", "description": "Of wind", "minimum": 0, "maximum": 200},
        "minimum": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 9}}},
        },
    },
}
CLOSED = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "knots": {"type": "integer", "description": "Of wind. minimum: 0, maximum: 200"},
        "minimum": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"name": {"type": "string", "description": "maxLength: 9"}},
            },
        },
    },
}


def test_objects_are_closed_and_bounds_are_told_in_words() -> None:
    dropped: list[str] = []
    body = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
    told = within("anthropic", "anthropic_messages", "claude-sonnet-4-5", body, dropped)
    assert told["output_config"]["format"]["schema"] == CLOSED
    assert dropped == ["response_format"]
    assert within("anthropic", "anthropic_messages", "claude-sonnet-4-5", told) is told


def test_bedrocks_text_holds_the_same() -> None:
    def body(schema: dict[str, object]) -> dict[str, object]:
        text = orjson.dumps(schema).decode()
        return {"outputConfig": {"textFormat": {"structure": {"jsonSchema": {"schema": text}}}}}

    told = within("bedrock", "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", body(SCHEMA))
    assert orjson.loads(told["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]) == CLOSED
    other = body(SCHEMA)
    assert within("bedrock", "bedrock", "amazon.nova-pro-v1:0", other) is other


def test_objects_with_keys_of_any_name_can_not_be_asked_for() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "string"}}
    body = {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    with pytest.raises(Inexpressible, match="response_format"):
        within("anthropic", "anthropic_messages", "claude-sonnet-4-5", body)
