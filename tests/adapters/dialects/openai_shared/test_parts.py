"""Entries of `reasoning_details`, from and to thinking blocks."""

from __future__ import annotations

import pytest

from adapters.dialects.openai_shared.parts import detail_of, thoughts_of


def test_a_sealed_entry_comes_back_as_it_was() -> None:
    entry = {
        "type": "reasoning.text",
        "text": "a",
        "signature": "s",
        "format": "anthropic-claude-v1",
        "index": 0,
    }
    (thought,) = thoughts_of({"reasoning_details": [entry]})
    assert detail_of(thought.text, thought.signature, thought.redacted, thought.id) == entry


@pytest.mark.parametrize("seal", ["{sealed", "{}", "{1}", '{"v": 1}', '{"type":'])
def test_a_seal_that_begins_like_an_object_is_a_seal(seal: str) -> None:
    assert detail_of("a", seal, None, None) == {"type": "reasoning.text", "text": "a", "signature": seal}
    assert detail_of("", None, seal, "r1") == {"type": "reasoning.encrypted", "data": seal, "id": "r1"}
