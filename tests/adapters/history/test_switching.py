"""Every pair of vendors, for each client dialect: no turn is refused, and nothing is lost that a vendor could be told."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.switching import inside
from benchmarks.switching.client import DIALECTS
from benchmarks.switching.demands import complaints
from benchmarks.switching.talk import talk
from benchmarks.switching.vendors import VENDORS


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("first", VENDORS, ids=lambda vendor: vendor.name)
def test_a_conversation_changes_its_vendor_at_every_turn(first, client, stream):
    for second in VENDORS:
        outcome = asyncio.run(talk(inside.ask, first, second, client, stream=stream))
        assert (outcome.turns, outcome.refused, outcome.lost) == (5, [], []), second.name


ASKED = {"role": "user", "content": "a"}
SAID = {"role": "assistant", "content": "b"}


def calls(*ids, arguments="{}", **more):
    made = [{"id": i, "type": "function", "function": {"name": "f", "arguments": arguments}} for i in ids]
    return {"role": "assistant", "content": None, "tool_calls": made, **more}


def told(id, **more):
    return {"role": "tool", "tool_call_id": id, "content": "c", **more}


def use(id="t1", **more):
    return {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": id, "name": "f", "input": {}, **more}],
    }


def result(id="t1"):
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "c"}]}


TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]
TEXT = {"role": "user", "content": [{"text": "a"}]}
SEALED = {"type": "thinking", "thinking": "a", "signature": "eA=="}

BAD = [
    ("openai", "openai_chat", {"messages": [ASKED, calls("x")]}),
    ("openai", "openai_chat", {"messages": [ASKED, calls("x"), ASKED, told("x")]}),
    ("openai", "openai_chat", {"messages": [ASKED, told("x")]}),
    ("openai", "openai_chat", {"messages": [ASKED, calls("x" * 41), told("x" * 41)]}),
    ("openai", "openai_chat", {"messages": [ASKED, {**SAID, "reasoning_content": "a"}]}),
    ("openai", "openai_chat", {"messages": [ASKED], "tool_choice": "auto"}),
    ("vllm", "openai_chat", {"messages": [ASKED, calls("x", arguments=""), told("x")]}),
    ("mistral", "openai_chat", {"messages": [ASKED, calls("x"), told("x")]}),
    ("mistral", "openai_chat", {"messages": [ASKED, calls("aaaaaaaaa"), told("aaaaaaaaa"), ASKED]}),
    ("mistral", "openai_chat", {"messages": [ASKED, SAID]}),
    ("deepseek", "openai_chat", {"model": "deepseek-v4", "messages": [ASKED, calls("x"), told("x")]}),
    ("deepseek", "openai_chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}),
    ("openrouter", "openai_chat", {"messages": [ASKED, {**SAID, "reasoning_details": [{"data": "eA=="}]}]}),
    ("anthropic", "anthropic_messages", {"messages": [SAID, ASKED], "max_tokens": 9}),
    ("anthropic", "anthropic_messages", {"messages": [ASKED, use(), ASKED], "max_tokens": 9, "tools": TOOLS}),
    ("anthropic", "anthropic_messages", {"messages": [ASKED, use(), result()], "max_tokens": 9}),
    ("anthropic", "anthropic_messages", {"messages": [ASKED, use("a.b"), result("a.b")], "max_tokens": 9, "tools": TOOLS}),
    ("anthropic", "anthropic_messages",
     {"messages": [ASKED, use(), result(), use(), result()], "max_tokens": 9, "tools": TOOLS}),
    ("anthropic", "anthropic_messages",
     {"messages": [ASKED, {"role": "assistant", "content": [SEALED]}, ASKED], "max_tokens": 9}),
    ("anthropic", "anthropic_messages",
     {"messages": [ASKED, use(), result()], "max_tokens": 9, "tools": TOOLS, "thinking": {"type": "enabled"}}),
    ("anthropic", "anthropic_messages", {"messages": [{"role": "user", "content": " "}], "max_tokens": 9}),
    ("anthropic", "anthropic_messages", {"messages": [ASKED, {**SAID, "content": "b "}], "max_tokens": 9}),
    ("bedrock", "bedrock", {"messages": [TEXT, TEXT]}),
    ("bedrock", "bedrock", {"messages": [{"role": "user", "content": [{"text": " "}]}]}),
    ("bedrock", "bedrock", {"messages": [{"role": "user", "content": [{"document": {"name": "a.pdf"}}, {"text": "a"}]}]}),
    ("google", "gemini", {"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f"}}]}]}),
    ("google", "gemini", {"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f"}}]}]}),
    ("google", "gemini", {"contents": [{"role": "user", "parts": [{"text": "a", "thoughtSignature": "eA=="}]}]}),
    ("google", "gemini", {"contents": [{"role": "user", "parts": []}]}),
    ("openai", "openai_responses", {"input": [{"type": "function_call", "call_id": "x"}]}),
    ("openai", "openai_responses", {"input": [{"type": "function_call_output", "call_id": "x"}]}),
    ("openai", "openai_responses", {"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": "eA=="}]}),
    ("openai", "openai_responses", {"input": [{"role": "user", "content": [{"type": "output_text"}]}]}),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "dialect", "body"), BAD)
def test_the_vendors_refuse_what_they_are_told_to_refuse(provider, dialect, body):
    assert complaints(provider, dialect, body.get("model", "m"), body)


PLAIN = [
    ("openai", "openai_chat", {"messages": [ASKED, calls("x"), told("x"), ASKED]}),
    ("mistral", "openai_chat", {"messages": [ASKED, calls("aaaaaaaaa"), told("aaaaaaaaa")]}),
    (
        "anthropic",
        "anthropic_messages",
        {"messages": [ASKED, use(), result()], "max_tokens": 9, "tools": TOOLS},
    ),
    ("bedrock", "bedrock", {"messages": [TEXT]}),
    ("google", "gemini", {"contents": [{"role": "user", "parts": [{"text": "a"}]}]}),
    ("openai", "openai_responses", {"input": [{"role": "user", "content": "a"}]}),
]


@pytest.mark.parametrize(("provider", "dialect", "body"), PLAIN)
def test_the_vendors_take_what_is_in_order(provider, dialect, body):
    assert complaints(provider, dialect, "m", body) == []
