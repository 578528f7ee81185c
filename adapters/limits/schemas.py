"""Schemas of an answer's form as Claude takes them: objects that forbid further properties, no bounds of numbers or lengths.

Source: Anthropic, structured outputs, "JSON Schema limitations"; what isn't supported is said in descriptions there, as their SDKs do.
"""

from __future__ import annotations

from typing import Any

from adapters.canonical import Json

_BOUNDS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
)
_NAMED = ("properties", "$defs", "definitions")
_LISTED = ("anyOf", "allOf", "oneOf", "prefixItems")
_DEEPEST = 100
"""Levels of a schema; nobody writes more by hand, and vendors allow far fewer."""


def closed(schema: Json, lacks: list[str], depth: int = 0) -> Json:
    """Returns `schema` so; the same object where it is. `lacks` hears of objects whose keys are free."""
    if depth > _DEEPEST:
        return schema
    changed: Json = dict(schema)
    bounds = [f"{name}: {changed.pop(name)}" for name in _BOUNDS if _is_bound(schema.get(name))]
    if bounds:
        described = schema.get("description")
        changed["description"] = ". ".join(
            [*([described] if isinstance(described, str) else []), ", ".join(bounds)]
        )
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        if isinstance(schema.get("additionalProperties"), dict):
            lacks.append("response_format (objects with keys of any name)")
        changed["additionalProperties"] = False
    for name in _NAMED:
        inner = schema.get(name)
        if isinstance(inner, dict):
            changed[name] = {key: _inner(value, lacks, depth) for key, value in inner.items()}
    for name in _LISTED:
        inner = schema.get(name)
        if isinstance(inner, list):
            changed[name] = [_inner(value, lacks, depth) for value in inner]
    if "items" in schema:
        changed["items"] = _inner(schema["items"], lacks, depth)
    return schema if changed == schema else changed


def _is_bound(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _inner(value: Any, lacks: list[str], depth: int) -> Any:
    return closed(value, lacks, depth + 1) if isinstance(value, dict) else value
