"""Seals of servers that speak a vendor's API and aren't that vendor."""

from __future__ import annotations

import orjson
import pytest

from adapters.canonical import Message, Reasoning, Request, Text
from adapters.dialects import by_name
from adapters.history import fits, fitted, rules_for, signed

KIMI = rules_for("kimi", "anthropic_messages", "kimi-k2")
CLAUDE = rules_for("anthropic", "anthropic_messages", "claude-sonnet-4-5")
AZURE = rules_for("azure", "openai_responses", "gpt-5.4")
THINKING = {"type": "thinking", "thinking": 'I say "signature": "x".', "signature": "c2Vh"}
REDACTED = {"type": "redacted_thinking", "data": "ZGF0"}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {"signature": "stays", "data": "stays"}}


def tapped(dialect, rules, raw, *, stream):
    tap = by_name(dialect).tap(stream=stream, keep_usage=True, cost_of=lambda _: None)
    tap = signed(tap, dialect, rules)
    return tap, tap.feed(raw) + tap.close()


def message(*content):
    usage = {"input_tokens": 1, "output_tokens": 1}
    return {"type": "message", "id": "m", "role": "assistant", "content": [*content], "stop_reason": "end_turn", "usage": usage}  # fmt: skip


def events(*values):
    return b"".join(b"event: %s\ndata: %s\n\n" % (v["type"].encode(), orjson.dumps(v)) for v in values)


def test_a_whole_answer_says_who_sealed_it_and_nothing_else_changes():
    raw = orjson.dumps(message(THINKING, REDACTED, USE))
    tap, out = tapped("anthropic_messages", KIMI, raw, stream=False)
    content = orjson.loads(out)["content"]
    assert content == [
        {**THINKING, "signature": "via-kimi:c2Vh"},
        {**REDACTED, "data": "via-kimi:ZGF0"},
        USE,
    ]
    assert (tap.id, tap.finish, tap.usage.output) == ("m", "stop", 1)


def test_the_vendors_own_answer_passes_as_it_came():
    raw = orjson.dumps(message(THINKING))
    tap = by_name("anthropic_messages").tap(stream=False, keep_usage=True, cost_of=lambda _: None)
    assert signed(tap, "anthropic_messages", CLAUDE) is tap
    assert rules_for("proxy", "anthropic_messages", "claude-opus-4-8").maker == "anthropic"
    assert b"via-" not in tap.feed(raw) + tap.close()


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_stream_says_who_sealed_it(size):
    delta = {"type": "signature_delta", "signature": "c2Vh"}
    said = {"type": "text_delta", "text": '"signature": "x"'}
    raw = events(
        {"type": "message_start", "message": {**message(), "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": said},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )  # fmt: skip
    tap = by_name("anthropic_messages").tap(stream=True, keep_usage=True, cost_of=lambda _: None)
    tap = signed(tap, "anthropic_messages", KIMI)
    out = b"".join(tap.feed(raw[n : n + size]) for n in range(0, len(raw), size)) + tap.close()
    assert out == raw.replace(b'"signature":"c2Vh"', b'"signature":"via-kimi:c2Vh"')
    assert tap.done


def test_an_item_says_who_encrypted_it():
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    said = {"id": "resp", "object": "response", "status": "completed", "output": [item], "error": None}
    _, out = tapped("openai_responses", AZURE, orjson.dumps(said), stream=False)
    assert orjson.loads(out)["output"][0]["encrypted_content"] == "via-azure:gAAA"


def test_only_the_maker_gets_it_back_and_without_its_name():
    turns = (
        Message("user", (Text("a"),)),
        Message("assistant", (Reasoning("b", signature="via-kimi:c2Vh"), Text("c"))),
        Message("user", (Text("d"),)),
    )
    request = Request("m", turns, dialect="anthropic_messages")
    assert fitted(request, KIMI, "anthropic_messages").request.messages[1].parts[0].signature == "c2Vh"
    assert fitted(request, CLAUDE, "anthropic_messages").request.messages[1].parts == (Text("c"),)
    history = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [THINKING]},
        {"role": "user", "content": "b"},
    ]
    assert fits("anthropic_messages", {"messages": history}, CLAUDE)
    assert not fits("anthropic_messages", {"messages": history}, KIMI)


def test_a_seal_that_came_in_pieces_is_whole_again():
    turns = (Message("assistant", (Reasoning("b", signature="via-kimi:c2via-kimi:Vh"), Text("c"))),)
    request = Request("m", turns, dialect="anthropic_messages")
    parts = fitted(request, KIMI, "anthropic_messages").request.messages[1].parts
    assert parts[0].signature == "c2Vh"
