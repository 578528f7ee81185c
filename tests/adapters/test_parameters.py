"""What becomes of every parameter at every provider: said, refused, or a hint that is left out. Nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.canonical import Message, OutputFormat, Request, Text, Thinking, Tool, ToolChoice
from adapters.dialects import by_name
from adapters.errors import Inexpressible
from adapters.providers import PROVIDERS, Provider

MODELS = {
    "anthropic": "claude-sonnet-4-5",
    "google": "gemini-2.5-flash",
    "vertex": "gemini-2.5-flash",
    "bedrock": "anthropic.claude-sonnet-4",
}
TOOLS = (Tool("f", None, {"type": "object"}),)
PLAIN = Request("m", (Message("user", (Text("hi"),)),), max_tokens=9000, dialect="elsewhere")
PARAMETERS = {
    "max_tokens": {"max_tokens": 17},
    "temperature": {"temperature": 0.5},
    "top_p": {"top_p": 0.5},
    "top_k": {"top_k": 5},
    "stop": {"stop": ("a",)},
    "seed": {"seed": 1},
    "n": {"n": 2},
    "presence_penalty": {"presence_penalty": 0.5},
    "frequency_penalty": {"frequency_penalty": 0.5},
    "logit_bias": {"logit_bias": {"1": 5}},
    "logprobs": {"logprobs": True},
    "top_logprobs": {"logprobs": True, "top_logprobs": 3},
    "json_object": {"output_format": OutputFormat("json_object")},
    "json_schema": {"output_format": OutputFormat("json_schema", "n", {"type": "object"}, True)},
    "effort": {"thinking": Thinking(effort="low")},
    "budget": {"thinking": Thinking(budget_tokens=2000)},
    "service_tier": {"service_tier": "flex"},
    "tools": {"tools": TOOLS},
    "strict tools": {"tools": (replace(TOOLS[0], strict=True),)},
    "tool_choice": {"tools": TOOLS, "tool_choice": ToolChoice("required")},
    "parallel_tool_calls": {"tools": TOOLS, "parallel_tool_calls": False},
    "an unknown field": {"extras": {"min_p": 0.1}},
}
HINTS = {"user": {"user": "u"}, "metadata": {"metadata": {"a": "b"}}, "cache_key": {"cache_key": "k"}}


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
def test_what_changes_an_answer_is_said_or_refused(row: Provider, parameter: str) -> None:
    dialect = by_name(row.dialect)
    plain = replace(PLAIN, model=MODELS.get(row.name, "m"))
    given = PARAMETERS[parameter]
    if "tools" in given and parameter != "tools":
        without = row.adapt(dialect.encode_request(replace(plain, tools=TOOLS)))
    else:
        without = row.adapt(dialect.encode_request(plain))
    try:
        body = row.adapt(dialect.encode_request(replace(plain, **given)))
    except Inexpressible:
        return
    assert body != without


def _line(row: Provider) -> str:
    """The provider's line in the documentation."""
    dialect = by_name(row.dialect)
    plain = replace(PLAIN, model=MODELS.get(row.name, "m"))
    refused = []
    for name, given in PARAMETERS.items():
        try:
            row.adapt(dialect.encode_request(replace(plain, **given)))
        except Inexpressible:
            refused.append(f"`{name}`" if name.isidentifier() else name)
    whole = row.adapt(dialect.encode_request(plain))
    left = [
        f"`{name}`"
        for name, given in HINTS.items()
        if row.adapt(dialect.encode_request(replace(plain, **given))) == whole
    ]
    return f"| {row.name} | {', '.join(refused) or 'nothing'} | {', '.join(left) or 'nothing'} |"


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
def test_the_documentation_says_what_each_provider_cannot_express(row: Provider) -> None:
    page = Path(__file__).parents[2] / "docs" / "providers.md"
    assert _line(row) in page.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
def test_a_hint_makes_no_provider_ineligible(row: Provider, hint: str) -> None:
    plain = replace(PLAIN, model=MODELS.get(row.name, "m"))
    row.adapt(by_name(row.dialect).encode_request(replace(plain, **HINTS[hint])))


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
def test_the_usual_service_tier_asks_for_nothing(row: Provider) -> None:
    for tier in ("auto", "default"):
        plain = replace(PLAIN, model=MODELS.get(row.name, "m"), service_tier=tier)
        row.adapt(by_name(row.dialect).encode_request(plain))


def test_strict_tools_are_held_to_their_schema_by_gemini_too() -> None:
    tools = (replace(TOOLS[0], strict=True),)
    body = by_name("gemini").encode_request(replace(PLAIN, tools=tools))
    assert body["toolConfig"]["functionCallingConfig"]["mode"] == "VALIDATED"
    forced = replace(PLAIN, tools=tools, tool_choice=ToolChoice("required"))
    assert by_name("gemini").encode_request(forced)["toolConfig"]["functionCallingConfig"]["mode"] == "ANY"


def test_mistral_is_not_asked_to_think_and_may_be_asked_not_to() -> None:
    row = PROVIDERS["mistral"]
    assert "reasoning_effort" not in row.adapt({"messages": [], "reasoning_effort": "none"})
    with pytest.raises(Inexpressible):
        row.adapt({"messages": [], "reasoning_effort": "high"})
