"""Reading a client's JSON strictly: every complaint names the field by its path.

`null` counts as absent, as the vendors' SDKs send it for "not set".
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from adapters import lenient_json
from adapters.canonical import Json, Request
from adapters.errors import Inexpressible, InvalidRequest

LARGEST = 2**53
"""Integers beyond it are not exact in every JSON parser, and beyond 64 bits ours can't write them."""

HINTS = frozenset(
    {
        "store",
        "prompt_cache_retention",
        "prompt_cache_options",
        "safety_identifier",
        "stream_options",
        "include",
        "truncation",
        "background",
        "inference_geo",
        "speed",
        "diagnostics",
        "user_profile_id",
        "workspace_id",
        "cache_control",
        "labels",
    }
)
"""Extras without influence on what an answer may say: storage, cache, speed and accounting of one vendor.
They are left out for another dialect; every other extra makes a request inexpressible there."""


def below(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def wrong(path: str, wanted: str, value: Any) -> InvalidRequest:
    """Returns (not raises) the complaint that `path` holds something other than `wanted`."""
    actual = "nothing" if value is None else type(value).__name__
    return InvalidRequest(f"{path or 'body'}: expected {wanted}, found {actual}", path or None)


def fail(message: str, path: str) -> NoReturn:
    """Raises InvalidRequest."""
    raise InvalidRequest(message, path)


def optional(raw: Json, key: str, default: Any) -> Any:
    """Returns the field, `default` where it is absent or null."""
    value = raw.get(key)
    return default if value is None else value


def mapping(value: Any, path: str) -> Json:
    if not isinstance(value, dict):
        raise wrong(path, "an object", value)
    return value


def listed(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise wrong(path, "a list", value)
    return value


def string(value: Any, path: str, *, empty: bool = True) -> str:
    if not isinstance(value, str):
        raise wrong(path, "a string", value)
    if not value and not empty:
        fail(f"{path}: must not be empty", path)
    return value


def text(raw: Json, key: str, path: str = "") -> str:
    return string(raw.get(key), below(path, key))


def maybe_text(raw: Json, key: str, path: str = "") -> str | None:
    return None if raw.get(key) is None else text(raw, key, path)


def maybe_flag(raw: Json, key: str, path: str = "") -> bool | None:
    value = raw.get(key)
    if value is not None and not isinstance(value, bool):
        raise wrong(below(path, key), "true or false", value)
    return value


def maybe_count(raw: Json, key: str, path: str = "", *, least: int = 0, most: int = LARGEST) -> int | None:
    value = raw.get(key)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong(below(path, key), "an integer", value)
    if value < least:
        raise InvalidRequest(f"{below(path, key)}: must be at least {least}", below(path, key))
    if value > most:
        raise InvalidRequest(f"{below(path, key)}: must be at most {most}", below(path, key))
    return value


def maybe_number(raw: Json, key: str, path: str = "", *, least: float, most: float) -> float | None:
    value = raw.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong(below(path, key), "a number", value)
    if not least <= value <= most:
        raise InvalidRequest(f"{below(path, key)}: must lie in {least:g}..{most:g}", below(path, key))
    return value


def maybe_mapping(raw: Json, key: str, path: str = "") -> Json | None:
    value = raw.get(key)
    return None if value is None else mapping(value, below(path, key))


def maybe_list(raw: Json, key: str, path: str = "") -> list[Any]:
    value = raw.get(key)
    return [] if value is None else listed(value, below(path, key))


def texts(raw: Json, key: str, path: str = "") -> tuple[str, ...]:
    where = below(path, key)
    return tuple(
        string(value, below(where, number)) for number, value in enumerate(maybe_list(raw, key, path))
    )


def others(raw: Json, canonical: frozenset[str]) -> Json:
    """Returns the fields that have no canonical name, without nulls."""
    return {key: value for key, value in raw.items() if key not in canonical and value is not None}


def extras_for(request: Request, dialect: str) -> Json:
    """Returns the extras to put back into a body of `dialect`. Raises Inexpressible for a foreign extra that
    could change the answer.
    """
    if request.dialect == dialect:
        return request.extras
    for key in request.extras:
        if key not in HINTS:
            raise Inexpressible(key)
    return {}


def refuse(features: Mapping[str, Any]) -> None:
    """Raises Inexpressible for all of `features` that are set to anything but a neutral value."""
    if lacks := [name for name, value in features.items() if value]:
        raise Inexpressible(", ".join(lacks))


def object_text(value: Any) -> str:
    """Returns the JSON text of a tool call's arguments that a dialect delivers parsed."""
    return orjson.dumps(value if value is not None else {}).decode()


def parsed_arguments(arguments: str) -> Json:
    """Returns tool arguments for a dialect that takes them parsed. Raises Inexpressible."""
    if not arguments.strip():
        return {}
    try:
        value = lenient_json.loads(arguments)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise Inexpressible("tool call arguments that are no JSON object")
    return value


def plain_to_base64(plain: str) -> str:
    return b64encode(plain.encode()).decode()


def base64_to_plain(data: str) -> str:
    """Raises Inexpressible when `data` is no base64 of UTF-8 text."""
    try:
        return b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Inexpressible("a text file that is not UTF-8") from error
