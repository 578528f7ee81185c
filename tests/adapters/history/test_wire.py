"""Which bodies of an arm's own dialect pass as they are, and which must be mended first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.history import fits, rules_for

OPENAI = rules_for("openai", "openai_chat", "gpt-5.4")
MISTRAL = rules_for("mistral", "openai_chat", "mistral-large")
DEEPSEEK = rules_for("deepseek", "openai_chat", "deepseek-v4")
ROUTER = rules_for("openrouter", "openai_chat", "openai/gpt-5.4")
CLAUDE = rules_for("anthropic", "anthropic_messages", "claude-sonnet-4-5")
RESPONSES = rules_for("openai", "openai_responses", "gpt-5.4")

ASKED = {"role": "user", "content": "Weather?"}
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def turn(*ids, **more):
    calls = [{"id": i, "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls, **more}


def told(id, content="rain"):
    return {"role": "tool", "tool_call_id": id, "content": content}


def chat(rules, *messages, **fields):
    return fits("openai_chat", {"messages": [*messages], "tools": TOOLS, **fields}, rules)


def test_an_ordinary_loop_passes():
    assert chat(OPENAI, ASKED, turn("call_a", "call_b"), told("call_b"), told("call_a"), ASKED)


@pytest.mark.parametrize(
    ("rules", "messages"),
    [
        (OPENAI, [ASKED, turn("call_a"), ASKED]),
        (OPENAI, [ASKED, told("call_a")]),
        (OPENAI, [ASKED, turn("a", "a"), told("a"), told("a")]),
        (OPENAI, [ASKED, turn("k" * 41), told("k" * 41)]),
        (OPENAI, [ASKED, turn("a"), told("a", [{"type": "image_url", "image_url": {"url": "data:"}}])]),
        (OPENAI, [ASKED, {"role": "assistant", "content": None}, ASKED]),
        (OPENAI, [ASKED, {"role": "assistant", "content": "a", "reasoning_content": "b"}, ASKED]),
        (MISTRAL, [ASKED, turn("call_a"), told("call_a")]),
        (MISTRAL, [ASKED, turn("aB3dE6gH9"), told("aB3dE6gH9"), ASKED]),
        (MISTRAL, [{"role": "developer", "content": "a"}, ASKED]),
        (MISTRAL, [ASKED, {"role": "assistant", "content": "a"}]),
        (DEEPSEEK, [ASKED, turn("a"), told("a")]),
        (DEEPSEEK, [{"role": "user", "content": [{"type": "text", "text": "a"}]}]),
        (ROUTER, [ASKED, turn("a", reasoning_details=[{"type": "reasoning.text", "signature": "gemini:x"}]), told("a")]),
    ],
)  # fmt: skip
def test_what_a_chat_vendor_would_refuse_is_mended(rules, messages):
    assert not chat(rules, *messages)


def test_what_openrouter_sealed_passes_to_openrouter():
    details = [{"type": "reasoning.encrypted", "data": "gAAAA", "format": "openai-responses-v1", "index": 0}]
    assert chat(ROUTER, ASKED, turn("a", reasoning_details=details), told("a"))


@pytest.mark.parametrize("fields", [{"tools": []}, {"tools": None, "tool_choice": "auto"}])
def test_words_about_tools_need_tools(fields):
    assert not chat(OPENAI, ASKED, **fields)


def use(id="toolu_1", **more):
    return {"type": "tool_use", "id": id, "name": "f", "input": {}, **more}


def answer(id="toolu_1", content="rain"):
    return {"type": "tool_result", "tool_use_id": id, "content": content}


def messages(*turns, **fields):
    roles = ("user", "assistant") * len(turns)
    said = [{"role": role, "content": content} for role, content in zip(roles, turns, strict=False)]
    return fits("anthropic_messages", {"messages": said, "tools": [{"name": "f"}], **fields}, CLAUDE)


THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"}
BUDGET = {"type": "enabled", "budget_tokens": 1024}


def test_an_ordinary_loop_passes_to_claude():
    assert messages("Hello.", [THOUGHT, use()], [answer(), {"type": "text", "text": "So?"}], thinking=BUDGET)


@pytest.mark.parametrize(
    ("turns", "fields"),
    [
        (["Hello.", [{**THOUGHT, "signature": ""}, use()], [answer()]], {}),
        (["Hello.", [{**THOUGHT, "signature": "via-kimi:x"}, use()], [answer()]], {}),
        (["Hello.", [{"type": "redacted_thinking", "data": "gemini:x"}, use()], [answer()]], {}),
        (["Hello.", [use()], [answer()]], {"thinking": BUDGET}),
        (["Hello.", [use()], [answer()]], {"tools": None}),
        (["Hello.", [use(), use()], [answer()]], {}),
        (["Hello.", [use("f:0")], [answer("f:0")]], {}),
        (["Hello.", [use()], "So?"], {}),
        (["Hello.", [use()], [{"type": "text", "text": "So?"}, answer()]], {}),
        (["Hello.", [use()], [answer(content=[{"type": "text", "text": ""}])]], {}),
        ([[answer()]], {}),
        (["Hello.", [{"type": "text", "text": " \n"}], "So?"], {}),
        (["Hello.", "It is "], {}),
        ([" "], {}),
        (["Hello.", [], "So?"], {}),
    ],
)
def test_what_claude_would_refuse_is_mended(turns, fields):
    assert not messages(*turns, **fields)


def responses(*items, **fields):
    return fits("openai_responses", {"input": [*items], "tools": TOOLS, **fields}, RESPONSES)


CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}


def test_an_ordinary_loop_passes_to_responses():
    sealed = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}
    assert responses(ASKED, sealed, CALL, OUTPUT)
    assert responses(OUTPUT, previous_response_id="resp_1")


@pytest.mark.parametrize(
    "items",
    [
        [ASKED, CALL],
        [ASKED, OUTPUT],
        [ASKED, {**CALL, "id": "call_1"}, OUTPUT],
        [ASKED, {"type": "reasoning", "id": "rs_1", "encrypted_content": "anthropic:x"}],
        [ASKED, {"type": "reasoning", "id": "rs_mo_1_0", "summary": []}],
        [ASKED, {**CALL, "call_id": "k" * 65}, {**OUTPUT, "call_id": "k" * 65}],
    ],
)
def test_what_responses_would_refuse_is_mended(items):
    assert not responses(*items)


KEYS = st.sampled_from(
    [
        "role",
        "content",
        "type",
        "text",
        "tool_calls",
        "id",
        "function",
        "name",
        "arguments",
        "tool_call_id",
        "reasoning_details",
        "data",
        "signature",
        "tools",
        "thinking",
        "input",
        "call_id",
        "tool_use_id",
        "encrypted_content",
        "summary",
        "prefix",
        "tool_choice",
    ]
)
WORDS = st.sampled_from(
    [
        "user",
        "assistant",
        "tool",
        "system",
        "text",
        "tool_use",
        "tool_result",
        "thinking",
        "function_call",
        "reasoning",
        "function_call_output",
        "enabled",
        "function",
    ]
)
ANY = st.recursive(
    st.none() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)


@given(st.sampled_from([("openai_chat", MISTRAL), ("anthropic_messages", CLAUDE), ("openai_responses", RESPONSES)]),
       st.lists(st.dictionaries(KEYS, ANY, max_size=6), max_size=4), ANY)  # fmt: skip
def test_whatever_is_sent_is_looked_at_without_an_error(target, turns, rest):
    dialect, rules = target
    for name in ("messages", "input"):
        assert fits(dialect, {name: turns, "tools": rest, "thinking": rest}, rules) in (True, False)
        assert fits(dialect, {name: rest}, rules) in (True, False)
