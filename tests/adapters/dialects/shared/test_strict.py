"""Complaints about a client's JSON name the field and what stands there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.dialects.openai_chat.dialect import OPENAI_CHAT
from adapters.dialects.shared import strict
from adapters.errors import InvalidRequest


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: strict.string(3, "a.b"), "a.b: expected a string, found int"),
        (lambda: strict.string("", "a.b", empty=False), "a.b: must not be empty"),
        (lambda: strict.maybe_count({"n": 200}, "n", most=128), "n: must be at most 128"),
        (lambda: strict.maybe_count({"n": float("inf")}, "n"), "n: expected an integer, found float"),
        (lambda: strict.maybe_number({"p": 2}, "p", least=0, most=1), "p: must lie in 0..1"),
        (lambda: strict.texts({"stop": ["a", 3]}, "stop"), "stop[1]: expected a string, found int"),
    ],
)
def test_a_wrong_value_is_named(read: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read()
    assert str(caught.value) == message


def test_a_chat_is_read_by_the_same_rules() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]}
    with pytest.raises(InvalidRequest) as caught:
        OPENAI_CHAT.decode_request(body)
    assert str(caught.value) == "messages[0].content[0].text: expected a string, found int"
    assert caught.value.field == "messages[0].content[0].text"
