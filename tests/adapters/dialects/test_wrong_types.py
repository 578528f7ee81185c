"""A client may send anything anywhere: it is told which field is wrong, and never that the gateway broke."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from adapters.dialects import DIALECTS, by_name
from adapters.dialects.embeddings import decode_embedding_request
from adapters.errors import Inexpressible, InvalidRequest

_REQUIRED = {"model", "max_tokens", "messages", "input", "prompt"}
_IMAGE = "data:image/png;base64,aGk="

BODIES: dict[str, list[dict[str, Any]]] = {
    "openai_chat": [
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "s"},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "hi"},
                        {"type": "image_url", "image_url": {"url": _IMAGE, "detail": "low"}},
                        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
                        {"type": "file", "file": {"file_data": _IMAGE, "filename": "f"}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": None,
                    "reasoning_content": "r",
                    "reasoning_details": [{"type": "reasoning.text", "text": "t", "signature": "s"}],
                    "tool_calls": [
                        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                    ],
                },
                {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "r"}]},
            ],
            "max_completion_tokens": 5,
            "max_tokens": 5,
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "f",
                        "description": "d",
                        "parameters": {"type": "object"},
                        "strict": True,
                    },
                }
            ],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "parallel_tool_calls": True,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
            },
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 1,
            "top_p": 1,
            "stop": ["a"],
            "n": 1,
            "seed": 1,
            "user": "u",
            "reasoning_effort": "low",
            "reasoning": {"effort": "low", "max_tokens": 5, "exclude": False, "enabled": True},
            "metadata": {"a": "b"},
        }
    ],
    "anthropic_messages": [
        {
            "model": "m",
            "max_tokens": 5000,
            "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": "aGk="},
                        },
                        {
                            "type": "document",
                            "source": {"type": "url", "url": "https://example.com/a.pdf"},
                            "title": "t",
                        },
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "t", "signature": "s"},
                        {"type": "redacted_thinking", "data": "d"},
                        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t",
                            "content": [{"type": "text", "text": "x"}],
                            "is_error": False,
                        }
                    ],
                },
            ],
            "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True}],
            "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
            "stream": True,
            "stop_sequences": ["a"],
            "temperature": 1,
            "top_k": 1,
            "top_p": 1,
            "metadata": {"user_id": "u"},
            "output_config": {
                "effort": "low",
                "format": {"type": "json_schema", "schema": {"type": "object"}},
            },
        },
        {
            "model": "m",
            "max_tokens": 5000,
            "system": "s",
            "messages": [{"role": "user", "content": "hi"}],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
    ],
    "openai_responses": [
        {
            "model": "m",
            "instructions": "i",
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "hi"},
                        {"type": "input_image", "image_url": _IMAGE, "detail": "auto"},
                        {"type": "input_file", "file_data": _IMAGE, "filename": "f"},
                    ],
                },
                {
                    "type": "reasoning",
                    "id": "rs",
                    "summary": [{"type": "summary_text", "text": "s"}],
                    "content": [{"type": "reasoning_text", "text": "t"}],
                    "encrypted_content": "e",
                },
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "hi", "annotations": []}],
                },
                {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "r"},
            ],
            "tools": [
                {
                    "type": "function",
                    "name": "f",
                    "description": "d",
                    "parameters": {"type": "object"},
                    "strict": True,
                }
            ],
            "tool_choice": {"type": "function", "name": "f"},
            "text": {
                "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True},
                "verbosity": "low",
            },
            "reasoning": {"effort": "low", "summary": "auto"},
            "stream": True,
            "max_output_tokens": 20,
            "temperature": 1,
            "top_p": 1,
            "parallel_tool_calls": True,
            "store": False,
            "metadata": {"a": "b"},
            "include": ["reasoning.encrypted_content"],
            "user": "u",
            "truncation": "auto",
            "prompt_cache_key": "k",
        }
    ],
    "openai_completions": [
        {
            "model": "m",
            "prompt": "hi",
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": 5,
            "temperature": 1,
            "top_p": 1,
            "stop": ["a"],
            "seed": 1,
            "user": "u",
            "n": 1,
        }
    ],
}

ODD: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 1e308, 10**18, "", "odd", "\x00", [], [None], [[]], [1], ["a"], {}),
    *({"a": 1}, {"type": "odd"}, {"type": []}, {"type": {}}, [{}], [{"type": "text", "text": 5}]),
    *([{"type": {}}], [{"role": []}], {"": {}}, [[[]]]),
]


def paths(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yields the way to every value inside `value`."""
    if at:
        yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from paths(item, (*at, key))


def put(value: Any, at: tuple[str | int, ...], new: object) -> Any:
    if not at:
        return new
    if isinstance(value, dict):
        return {**value, at[0]: put(value[at[0]], at[1:], new)}
    return [put(item, at[1:], new) if number == at[0] else item for number, item in enumerate(value)]


def parts_of(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the body, and small ones with one field of it each, which more dialects can express."""
    yield body
    plain = {"messages": [{"role": "user", "content": "hi"}], "input": "hi", "prompt": "hi"}
    least = {key: plain.get(key, value) for key, value in body.items() if key in _REQUIRED}
    for key, value in body.items():
        if key not in ("messages", "input"):
            yield {**least, key: value}
            continue
        for turn in value:
            content = turn.get("content")
            pieces = [{**turn, "content": [p]} for p in content] if isinstance(content, list) else [turn]
            yield from ({**least, key: [piece]} for piece in pieces)


def crash(decode: Any, body: dict[str, Any]) -> str | None:
    """Says what broke, if anything did; a complaint that names its field is no break."""
    try:
        request = decode(body)
    except InvalidRequest as complaint:
        return None if complaint.field else f"{complaint.message!r} names no field"
    except Exception as error:  # noqa: BLE001  that is what is looked for
        return f"decoding: {error!r}"
    for other in map(by_name, DIALECTS):
        try:
            orjson.dumps(other.encode_request(replace(request, model="m")))
        except Inexpressible:
            continue
        except Exception as error:  # noqa: BLE001  that is what is looked for
            return f"encoding as {other.name}: {error!r}"
    return None


@pytest.mark.parametrize("dialect", BODIES)
def test_the_bodies_themselves_are_fine(dialect: str) -> None:
    for body in BODIES[dialect]:
        by_name(dialect).decode_request(body)


@pytest.mark.parametrize("dialect", BODIES)
def test_odd_values_anywhere_in_a_body_are_complaints_and_never_crashes(dialect: str) -> None:
    decode = by_name(dialect).decode_request
    broken = {
        (".".join(map(str, at)), repr(odd)): found
        for whole in BODIES[dialect]
        for body in parts_of(whole)
        for at in paths(body)
        for odd in ODD
        if (found := crash(decode, put(body, at, odd))) is not None
    }
    assert broken == {}


def test_odd_values_anywhere_in_an_embedding_request_are_complaints() -> None:
    body = {"model": "m", "input": ["a", "b"], "encoding_format": "float", "dimensions": 5, "user": "u"}
    nameless = []
    for at in paths(body):
        for odd in ODD:
            try:
                decode_embedding_request(put(body, at, odd))
            except InvalidRequest as complaint:
                nameless += [complaint.message] if complaint.field is None else []
    assert nameless == []
