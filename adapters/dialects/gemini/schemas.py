"""Google's own schemas, a subset of OpenAPI 3.0 with types in capitals, as JSON Schema."""

from __future__ import annotations

from typing import Any

_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_SCHEMAS = frozenset({"items", "additionalProperties"})
_LISTS = frozenset({"anyOf", "prefixItems"})
_LEFT_OUT = frozenset({"nullable", "propertyOrdering", "property_ordering", "example"})
_SNAKE = {
    "any_of": "anyOf",
    "prefix_items": "prefixItems",
    "additional_properties": "additionalProperties",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "defs": "$defs",
    "ref": "$ref",
}
_DEEPEST = 100


def json_schema(schema: Any, depth: int = 0) -> Any:
    """Returns the schema as JSON Schema; what is none stays as it is."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return schema
    rewritten: dict[str, Any] = {}
    for name, value in schema.items():
        key = _SNAKE.get(str(name), str(name))
        if key in _LEFT_OUT:
            continue
        if key == "type":
            value = _type(value, nullable=schema.get("nullable") is True)  # noqa: PLW2901  the same in other words
        elif key == "format" and value == "enum":
            continue
        elif key in _COUNTS and isinstance(value, str) and value.isdigit():
            value = int(value)  # noqa: PLW2901  protobuf writes 64 bits as text
        elif key in _SCHEMAS:
            value = json_schema(value, depth + 1)  # noqa: PLW2901
        elif key in _LISTS and isinstance(value, list):
            value = [json_schema(inner, depth + 1) for inner in value]  # noqa: PLW2901
        elif key in ("properties", "$defs") and isinstance(value, dict):
            value = {inner: json_schema(one, depth + 1) for inner, one in value.items()}  # noqa: PLW2901
        rewritten[key] = value
    return rewritten


def _type(value: Any, *, nullable: bool) -> Any:
    if not isinstance(value, str):
        return value
    plain = value.lower()
    return [plain, "null"] if nullable and plain != "null" else plain
