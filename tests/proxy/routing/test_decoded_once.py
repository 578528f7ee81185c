"""A request is decoded at most once, and not at all where nobody needs its canonical form."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.canonical import Request
from adapters.dialects import by_name
from proxy.ingress.errors import Refusal
from proxy.routing.prompt import Prompt
from proxy.routing.request import ClientRequest, chat_request, decoded_request

DOCUMENT: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], "task": "qa"}


class Counting:
    """OpenAI's chat dialect, as far as it is asked to decode; keeps what it was given."""

    name = "openai_chat"

    def __init__(self) -> None:
        self.decoded: list[dict[str, Any]] = []

    def decode_request(self, body: dict[str, Any]) -> Request:
        self.decoded.append(body)
        return by_name("openai_chat").decode_request(body)


class Headers:
    """All of an incoming request that is asked for."""

    headers: dict[str, str] = {}


def test_nothing_is_decoded_until_somebody_asks_and_then_once() -> None:
    dialect = Counting()
    request = ClientRequest(dialect, b"", DOCUMENT, Prompt("auto", "Hi"))  # type: ignore[arg-type]
    assert not dialect.decoded
    assert request.canonical() is request.canonical()
    assert dialect.decoded == [{name: DOCUMENT[name] for name in ("model", "messages")}]


def test_what_was_decoded_to_be_read_is_not_decoded_again() -> None:
    dialect = Counting()
    request = decoded_request(Headers(), dialect, b"", DOCUMENT)  # type: ignore[arg-type]
    assert request.canonical().messages[0].role == "user"
    assert len(dialect.decoded) == 1
    assert (request.facts.task, request.facts.text, request.input_tokens) == ("qa", "Hi", 7)


def test_what_cannot_be_decoded_is_refused_by_field() -> None:
    request = ClientRequest(Counting(), b"", DOCUMENT | {"messages": [{"role": 1}]}, Prompt("auto"))
    with pytest.raises(Refusal) as refusal:
        request.canonical()
    assert refusal.value.status == 400
    assert refusal.value.param


def test_a_body_that_is_not_decoded_is_read_as_if_it_were() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    document = DOCUMENT | {"tools": tools, "max_tokens": 5}
    passed = chat_request(Headers(), b"", document)  # type: ignore[arg-type]
    decoded = decoded_request(Headers(), Counting(), b"", document)  # type: ignore[arg-type]
    assert passed.facts == decoded.facts
    assert passed.input_tokens == decoded.input_tokens
