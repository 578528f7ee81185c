"""A client's JSON body: parsed, and its fields read one at a time with an error that names them."""

from __future__ import annotations

from typing import Any

import orjson

from adapters import lenient_json
from proxy.ingress.errors import invalid
from proxy.ingress.request import Incoming

_LONGEST_NAME = 256


async def read_json(request: Incoming) -> tuple[bytes, dict[str, Any]]:
    """Returns the body and the object it holds. Raises Refusal."""
    return parse_object(await request.read())


def parse_object(raw: bytes) -> tuple[bytes, dict[str, Any]]:
    """Parses a JSON object, and returns its text too, in which half a character is replaced. Raises Refusal: not JSON,
    nested deeper than 1,024, not an object.
    """
    if not raw:
        raise invalid("The body is empty; a JSON object was expected.")
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        whole = lenient_json.without_halves(raw)
        if whole == raw:
            raise invalid(f"The body is not valid JSON: {error}") from None
        raw, document = parse_object(whole)
    if not isinstance(document, dict):
        raise invalid("The body must be a JSON object.")
    return raw, document


def name_field(value: object, field: str) -> str:
    """Returns `value` as a name of 1 to 256 characters. Raises Refusal."""
    if not isinstance(value, str) or not value.strip():
        raise invalid(f"`{field}` must be a non-empty string.", field)
    if len(value) > _LONGEST_NAME:
        raise invalid(f"`{field}` must have at most {_LONGEST_NAME} characters, not {len(value)}.", field)
    return lenient_json.text(value)  # a header's may be no UTF-8


def flag(document: dict[str, Any], field: str, above: str = "") -> bool:
    """Returns a field that is true or false, and false where it is missing. Raises Refusal."""
    value = document.get(field)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise invalid(f"`{above}{field}` must be true or false.", above + field)
    return value


def positive(document: dict[str, Any], field: str) -> int | None:
    """Returns a field that is a positive integer, None where it is missing. Raises Refusal."""
    value = document.get(field)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise invalid(f"`{field}` must be a positive integer.", field)
    return value
