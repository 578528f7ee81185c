"""Bodies are put within their model's limits: words and amounts are changed and said, demands that can't be met are named."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from adapters.errors import Inexpressible
from adapters.limits import limits_for, within
from adapters.limits.table import EFFORTS
from adapters.limits.within import nearest

MESSAGES = "anthropic_messages"
TOOL = {"type": "function", "function": {"name": "f"}}


def put(provider: str, dialect: str, model: str, body: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    dropped: list[str] = []
    return within(provider, dialect, model, body, dropped), dropped


@pytest.mark.parametrize(
    ("model", "body", "wanted", "said"),
    [
        ("claude-sonnet-4-5", {"temperature": 0.7, "top_p": 0.9}, {"temperature": 0.7}, ["top_p"]),
        ("claude-haiku-4-5", {"temperature": 1, "top_p": 0.9}, {"top_p": 0.9}, []),
        ("claude-sonnet-4-0", {"temperature": 0.7, "top_p": 0.9}, {"temperature": 0.7, "top_p": 0.9}, []),
        (
            "claude-sonnet-4-5",
            {"temperature": 0.2, "top_k": 5, "max_tokens": 16000, "thinking": {"type": "enabled", "budget_tokens": 3200}},
            {"max_tokens": 16000, "thinking": {"type": "enabled", "budget_tokens": 3200}},
            ["temperature", "top_k"],
        ),
        (
            "claude-sonnet-4-6",
            {"max_tokens": 9, "thinking": {"type": "adaptive"}, "tool_choice": {"type": "any"}},
            {"max_tokens": 9, "tool_choice": {"type": "any"}},
            ["thinking"],
        ),
        (
            "claude-opus-4-7",
            {"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 8000, "display": "omitted"}},
            {"max_tokens": 9000, "thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "medium"}},
            [],
        ),
        (
            "claude-sonnet-4-5",
            {"max_tokens": 32000, "thinking": {"type": "adaptive"}, "output_config": {"effort": "low", "format": {}}},
            {"max_tokens": 32000, "thinking": {"type": "enabled", "budget_tokens": 2048}, "output_config": {"format": {}}},
            ["effort"],
        ),
        (
            "claude-sonnet-4-5",
            {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 8000}},
            {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 3200}},
            ["thinking.budget_tokens"],
        ),
        ("claude-opus-4-6", {"output_config": {"effort": "xhigh"}}, {"output_config": {"effort": "high"}}, ["effort"]),
        ("claude-opus-4-7", {"output_config": {"effort": "xhigh"}}, {"output_config": {"effort": "xhigh"}}, []),
    ],
)  # fmt: skip
def test_claude_is_asked_as_its_generation_wants_it(model, body, wanted, said) -> None:
    assert put("anthropic", MESSAGES, model, {"model": model, **body}) == ({"model": model, **wanted}, said)


def test_claude_has_the_same_limits_at_bedrock() -> None:
    model = "us.anthropic.claude-opus-4-7"
    more = {"thinking": {"type": "enabled", "budget_tokens": 2048}}
    body, _ = put("bedrock", "bedrock", model, {"additionalModelRequestFields": more})
    assert body["additionalModelRequestFields"] == {
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "low"},
    }
    with pytest.raises(Inexpressible, match="temperature at us.anthropic.claude-opus-4-7"):
        put("bedrock", "bedrock", model, {"inferenceConfig": {"temperature": 0.5}})
    config = {"inferenceConfig": {"maxTokens": 1000}, "additionalModelRequestFields": more}
    with pytest.raises(Inexpressible, match="thinking within max_tokens of 1000"):
        put("bedrock", "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", config)
    other = {"inferenceConfig": {"temperature": 0.5, "topP": 0.5}}
    assert put("bedrock", "bedrock", "amazon.nova-pro-v1:0", other)[0] is other


@pytest.mark.parametrize(
    ("model", "asked", "wanted", "said"),
    [
        ("gemini-2.5-pro", {"thinkingBudget": 0}, {"thinkingBudget": 128}, ["thinking"]),
        ("gemini-2.5-flash", {"thinkingBudget": 0}, {"thinkingBudget": 0}, []),
        ("gemini-2.5-flash-lite", {"thinkingBudget": 100}, {"thinkingBudget": 512}, ["thinking"]),
        ("gemini-2.5-pro", {"thinkingBudget": 90_000}, {"thinkingBudget": 32_768}, ["thinking"]),
        ("gemini-2.5-pro", {"thinkingBudget": -1}, {"thinkingBudget": -1}, []),
        ("gemini-2.5-pro", {"thinkingLevel": "low"}, {"thinkingBudget": 2048}, []),
        ("gemini-3.1-pro-preview", {"thinkingLevel": "minimal"}, {"thinkingLevel": "low"}, ["thinking"]),
        ("gemini-3-pro-preview", {"thinkingLevel": "medium"}, {"thinkingLevel": "high"}, ["thinking"]),
        ("gemini-3.5-flash", {"thinkingLevel": "minimal"}, {"thinkingLevel": "minimal"}, []),
        ("gemini-2.0-flash", {"thinkingBudget": 0}, None, []),
    ],
)  # fmt: skip
def test_gemini_is_told_how_to_think_in_words_that_it_takes(model, asked, wanted, said) -> None:
    body, dropped = put("google", "gemini", model, {"generationConfig": {"thinkingConfig": asked, "seed": 1}})
    assert body["generationConfig"].get("thinkingConfig") == wanted
    assert dropped == said


def test_gemini_before_3_has_no_json_beside_tools() -> None:
    body = {
        "generationConfig": {"responseMimeType": "application/json"},
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
    }
    with pytest.raises(Inexpressible, match="response_format together with tools at gemini-2.5-pro"):
        put("google", "gemini", "gemini-2.5-pro", body)
    assert put("google", "gemini", "gemini-3.1-pro", body)[0] is body
    alone = {"generationConfig": {"responseMimeType": "application/json"}, "tools": [{"googleSearch": {}}]}
    assert put("google", "gemini", "gemini-2.5-pro", alone)[0] is alone


@pytest.mark.parametrize(
    ("provider", "model", "asked", "wanted"),
    [
        ("openai", "gpt-5.4", "max", "xhigh"),
        ("openai", "gpt-5.1", "xhigh", "high"),
        ("openai", "gpt-5", "none", "minimal"),
        ("openai", "o4-mini", "minimal", "low"),
        ("openai", "o3", "none", "low"),
        ("openai", "gpt-5.4", "minimal", "low"),
        ("openai", "gpt-5-pro", "low", "high"),
        ("openai", "gpt-4o", "none", None),
        ("xai", "grok-3-mini", "medium", "high"),
        ("xai", "grok-4", "low", None),
        ("groq", "openai/gpt-oss-120b", "max", "high"),
        ("openrouter", "openai/gpt-5", "max", "max"),
    ],
)  # fmt: skip
def test_efforts_are_words_of_the_model(provider, model, asked, wanted) -> None:
    body, dropped = put(provider, "openai_chat", model, {"reasoning_effort": asked})
    assert body.get("reasoning_effort") == wanted
    assert dropped == ([] if asked == wanted or model == "gpt-4o" else ["reasoning_effort"])
    if provider == "openai":
        body, _ = put(
            provider, "openai_responses", model, {"reasoning": {"effort": asked, "summary": "auto"}}
        )
        assert body["reasoning"].get("effort") == wanted


def test_all_that_a_model_cannot_do_is_named_at_once() -> None:
    body = {
        "temperature": 0.2,
        "stop": list("abcde"),
        "reasoning_effort": "high",
        "tools": [TOOL],
        "logprobs": True,
    }
    with pytest.raises(Inexpressible) as told:
        put("openai", "openai_chat", "gpt-5.4", body)
    assert str(told.value) == (
        "stop (more than 4 sequences) at gpt-5.4, reasoning_effort together with tools (an arm of dialect openai_responses "
        "takes both) at gpt-5.4, logprobs at gpt-5.4, temperature at gpt-5.4"
    )


@pytest.mark.parametrize(
    ("provider", "dialect", "model", "body", "lack"),
    [
        ("openai", "openai_chat", "gpt-4o", {"reasoning_effort": "high"}, "reasoning_effort"),
        ("google", "gemini", "gemini-2.0-flash", {"generationConfig": {"thinkingConfig": {"thinkingBudget": 9}}}, "thinking"),
        ("anthropic", MESSAGES, "claude-sonnet-4-5", {"stop_sequences": ["\n"]}, "stop"),
        ("google", "gemini", "gemini-3.1-pro", {"generationConfig": {"stopSequences": list("abcdef")}}, "stop"),
        ("groq", "openai_chat", "m", {"n": 2}, "n"),
        ("xai", "openai_chat", "grok-4", {"presence_penalty": 0.5}, "presence_penalty"),
        ("deepseek", "openai_chat", "deepseek-reasoner", {"logprobs": True}, "logprobs"),
    ],
)  # fmt: skip
def test_demands_that_a_model_cannot_meet(provider, dialect, model, body, lack) -> None:
    with pytest.raises(Inexpressible, match=f"^{lack}"):
        put(provider, dialect, model, body)


def test_a_limit_of_fewer_tokens_than_responses_take_is_raised_and_said() -> None:
    assert put("openai", "openai_responses", "gpt-5.4", {"max_output_tokens": 5}) == (
        {"max_output_tokens": 16},
        ["max_tokens"],
    )


@pytest.mark.parametrize(
    "dialect", ["openai_chat", "openai_responses", MESSAGES, "bedrock", "gemini", "cohere"]
)
@pytest.mark.parametrize("value", [None, 7, "x", [], {}, [None], {"a": 1}, True])
def test_values_of_any_form_are_left_to_the_vendor(dialect: str, value: object) -> None:
    model = {
        MESSAGES: "claude-opus-4-8",
        "bedrock": "anthropic.claude-opus-4-6",
        "gemini": "gemini-2.5-pro",
    }.get(dialect, "gpt-5.4")
    names = ("stop", "stop_sequences", "thinking", "output_config", "reasoning", "reasoning_effort", "inferenceConfig", "tools",
             "additionalModelRequestFields", "generationConfig", "max_output_tokens", "max_tokens", "tool_choice", "toolConfig")  # fmt: skip
    with suppress(Inexpressible):
        within("openai", dialect, model, dict.fromkeys(names, value))


def test_what_fits_is_the_same_object() -> None:
    body = {
        "model": "claude-opus-4-8",
        "max_tokens": 9,
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
    }
    assert put("anthropic", MESSAGES, "claude-opus-4-8", body)[0] is body


def test_the_nearest_effort_is_one_of_the_words() -> None:
    for effort in EFFORTS:
        for words in (("low",), ("minimal", "high"), ("none", "default"), ("low", "medium", "high", "max")):
            assert nearest(effort, words) in words
            assert effort not in words or nearest(effort, words) == effort


def test_later_rows_of_the_table_count_more() -> None:
    assert (
        limits_for("openai", "openai_chat", "o3").refuses > limits_for("openai", "openai_chat", "o1").refuses
    )
    assert limits_for("anthropic", MESSAGES, "claude-opus-4-5").efforts == ("low", "medium", "high")
    assert limits_for("p", "openai_chat", "gpt-5").refuses == frozenset()
