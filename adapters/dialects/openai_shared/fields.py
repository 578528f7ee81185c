"""Strict reading of JSON bodies: the value, or InvalidRequest that names the field."""

from __future__ import annotations

from typing import Any, NoReturn

from adapters.canonical import Json
from adapters.errors import InvalidRequest

LARGEST = 2**53
"""Integers beyond it are not exact in every JSON parser, and beyond 64 bits ours can't write them."""


def fail(message: str, field: str) -> NoReturn:
    """Raises InvalidRequest."""
    raise InvalidRequest(message, field)


def optional(body: Json, name: str, default: Any) -> Any:
    """Returns the field, `default` where it is absent or null."""
    value = body.get(name)
    return default if value is None else value


def mapping(value: Any, field: str) -> Json:
    if not isinstance(value, dict):
        fail(f"{field} must be an object", field)
    return value


def sequence(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list):
        fail(f"{field} must be a list", field)
    return value


def string(value: Any, field: str, *, empty: bool = True) -> str:
    if not isinstance(value, str):
        fail(f"{field} must be a string", field)
    if not value and not empty:
        fail(f"{field} must not be empty", field)
    return value


def boolean(body: Json, name: str, prefix: str = "") -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        fail(f"{prefix}{name} must be true or false", prefix + name)
    return value


def integer(
    body: Json, name: str, low: int | None = None, high: int | None = None, prefix: str = ""
) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value:
        fail(f"{prefix}{name} must be a whole number", prefix + name)
    _within(value, low, LARGEST if high is None else high, prefix + name)
    return int(value)


def number(body: Json, name: str, low: float | None = None, high: float | None = None) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        fail(f"{name} must be a number", name)
    _within(value, low, high, name)
    return value


def _within(value: float, low: float | None, high: float | None, field: str) -> None:
    if low is not None and value < low:
        fail(f"{field} must be at least {low}", field)
    if high is not None and value > high:
        fail(f"{field} must be at most {high}", field)
