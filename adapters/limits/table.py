"""The table of what models refuse though their API has it. All rows that fit a model count, the later ones more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Literal

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""All words for how hard to think, in order."""

_SAMPLING = frozenset(
    ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias")
)  # fmt: skip
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model refuses; the defaults refuse nothing.

    `refuses`: demands that it can't meet; `refuses_thinking`: likewise, while it thinks; `ignores`: what it only refuses to be
    told. `efforts`: the words that it takes for how hard to think, None where nobody knows, () for none at all; `thinks` says whether
    it thinks then nevertheless. `effort_with_tools`: both may be asked for together. `json_with_tools` likewise.

    `budgets`: a budget is the only way to ask it to think, or one that it doesn't know any more. `least_budget`,
    `most_budget` in tokens; `always_thinks`: it can't be off. `one_sampling`: temperature or top_p, not both. `calm`: while it thinks
    it takes no temperature, top_k, low top_p or forced tool. `most_stops`: stop sequences; `blank_stops`: also of white space.
    `least_output` in tokens. `closed_schemas`: objects forbid further properties, and nothing has bounds (see `schemas`).
    """

    refuses: frozenset[str] = _NONE
    refuses_thinking: frozenset[str] = _NONE
    ignores: frozenset[str] = _NONE
    efforts: tuple[str, ...] | None = None
    thinks: bool = True
    effort_with_tools: bool = True
    json_with_tools: bool = True
    budgets: Literal["only", "never", "too"] = "too"
    least_budget: int = 0
    most_budget: int | None = None
    always_thinks: bool = False
    one_sampling: bool = False
    calm: bool = False
    most_stops: int | None = None
    blank_stops: bool = True
    least_output: int = 1
    closed_schemas: bool = False


NO_LIMITS = Limits()

# Before 4.6, Claude's thinking takes a budget and no effort; since then the model measures it out itself.
BUDGETED = re.compile(r"claude-(3|[a-z]+-4(?:[-.]?[015])?(?:[-@:](?:\d{6}|v\d|latest)|$))")

_OPENAI = ("openai", "azure")
_CHAT = ("openai_chat",)
_BOTH = ("openai_chat", "openai_responses")
_CLAUDE = ("anthropic_messages", "bedrock")
_DATED = r"(?:-\d{4}-\d\d-\d\d)?$"

# (providers or any, dialects, pattern of the model's name, what it refuses, where that is said)
_ROWS: tuple[tuple[tuple[str, ...] | None, tuple[str, ...], str, Mapping[str, object], str], ...] = (
    (_OPENAI, _CHAT, "", {"most_stops": 4}, "OpenAI, chat reference: stop"),
    (_OPENAI, ("openai_responses",), "", {"least_output": 16},
     "OpenAI's 400: max_output_tokens, integer below minimum value, expected >= 16"),
    (_OPENAI, _BOTH, r"^(?:gpt-[34]|chatgpt-4o|gpt-5.*chat|o1-(?:mini|preview))", {"efforts": (), "thinks": False},
     "OpenAI's 400: Unrecognized request argument supplied: reasoning_effort"),
    (_OPENAI, _BOTH, r"^o[134](?:-|$)", {"refuses": _SAMPLING, "efforts": ("low", "medium", "high")},
     "OpenAI, guide to reasoning models"),
    (_OPENAI, _BOTH, r"^o[34](?:-|$)", {"refuses": _SAMPLING | {"stop"}}, "OpenAI, chat reference: stop"),
    (_OPENAI, _BOTH, r"^gpt-5(?:-(?:mini|nano))?" + _DATED,
     {"refuses": _SAMPLING | {"stop"}, "efforts": ("minimal", "low", "medium", "high")}, "OpenAI, guide to GPT-5"),
    (_OPENAI, _BOTH, r"^gpt-5\.1(?:-(?:mini|nano))?" + _DATED,
     {"refuses_thinking": _SAMPLING, "efforts": ("none", "low", "medium", "high")}, "OpenAI, guide to GPT-5.1"),
    (_OPENAI, _BOTH, r"^gpt-5\.[2-9](?:-(?:mini|nano))?" + _DATED,
     {"refuses_thinking": _SAMPLING, "efforts": ("none", "low", "medium", "high", "xhigh")},
     "OpenAI, guide to GPT-5.2: parameter compatibility"),
    (_OPENAI, _CHAT, r"^gpt-5\.[4-9](?:-(?:mini|nano))?" + _DATED, {"effort_with_tools": False},
     "OpenAI's 400: Function tools with reasoning_effort are not supported in /v1/chat/completions"),
    (_OPENAI, _BOTH, r"^gpt-5-codex", {"efforts": ("low", "medium", "high")}, "OpenAI, model page of GPT-5-Codex"),
    (_OPENAI, _BOTH, r"^gpt-5-pro", {"efforts": ("high",)}, "OpenAI, model page of GPT-5 pro"),
    (_OPENAI, _BOTH, r"^gpt-5\.[2-9]-pro", {"efforts": ("medium", "high", "xhigh")}, "OpenAI, model page of GPT-5.2 pro"),
    (("groq",), _CHAT, "", {"refuses": frozenset(("logprobs", "top_logprobs", "logit_bias", "n")), "most_stops": 4},
     "Groq, OpenAI compatibility: currently unsupported; chat reference: stop"),
    (("groq",), _CHAT, r"gpt-oss", {"efforts": ("low", "medium", "high")}, "Groq, reasoning"),
    (("groq",), _CHAT, r"qwen", {"efforts": ("none", "default")}, "Groq, reasoning"),
    (("groq",), _CHAT, r"llama|gemma|kimi|allam", {"efforts": (), "thinks": False}, "Groq, reasoning"),
    (("xai",), _CHAT, r"^grok-4(?:-(?!.*non-reasoning)|$)",
     {"refuses": frozenset(("presence_penalty", "frequency_penalty", "stop")), "efforts": ()}, "xAI, reasoning"),
    (("xai",), _CHAT, r"^grok-3-mini", {"efforts": ("low", "high")}, "xAI, reasoning"),
    (("deepseek",), _CHAT, "", {"most_stops": 16}, "DeepSeek, chat reference: stop"),
    (("deepseek",), _CHAT, r"reasoner", {"refuses": frozenset(("logprobs", "top_logprobs"))},
     "DeepSeek, reasoning model: logprobs trigger an error"),
    (("mistral",), _CHAT, "", {"refuses": frozenset(("logprobs", "top_logprobs", "logit_bias"))},
     "Mistral, chat reference: other fields are extra inputs"),
    (None, ("cohere",), "", {"most_stops": 5}, "Cohere, chat v2 reference: stop_sequences"),
    (None, _CLAUDE, r"claude", {"calm": True, "least_budget": 1024, "blank_stops": False, "closed_schemas": True},
     "Anthropic, extended thinking: feature compatibility; 400: each stop sequence must contain non-whitespace"),
    (None, _CLAUDE, BUDGETED.pattern, {"budgets": "only", "efforts": ()}, "Anthropic, adaptive thinking: supported models"),
    (None, _CLAUDE, r"opus-4[-.]5", {"efforts": ("low", "medium", "high")}, "Anthropic, effort"),
    (None, _CLAUDE, r"(?:opus|sonnet|haiku)-4[-.][6-9]", {"efforts": ("low", "medium", "high", "max")}, "Anthropic, effort"),
    (None, _CLAUDE, r"opus-4[-.]1|(?:opus|sonnet|haiku)-4[-.][5-9]|(?:opus|sonnet|haiku)-[5-9]", {"one_sampling": True},
     "Anthropic, migration guide: from 4.1 on temperature or top_p"),
    (None, _CLAUDE, r"opus-4[-.][7-9]|opus-[5-9]",
     {"budgets": "never", "efforts": ("low", "medium", "high", "xhigh", "max"),
      "refuses": frozenset(("temperature", "top_p", "top_k"))}, "Anthropic, what's new in Claude Opus 4.7"),
    (None, ("gemini",), "", {"most_stops": 5}, "Google, GenerationConfig: stopSequences"),
    (None, ("gemini",), r"gemini-(?:1|2\.0)", {"efforts": (), "thinks": False, "json_with_tools": False},
     "Google, thinking: supported models; structured output: with tools from Gemini 3 on"),
    (None, ("gemini",), r"gemini-2\.5", {"budgets": "only", "json_with_tools": False, "most_budget": 24_576},
     "Google, thinking: budgets; structured output: with tools from Gemini 3 on"),
    (None, ("gemini",), r"gemini-2\.5-pro", {"least_budget": 128, "most_budget": 32_768, "always_thinks": True},
     "Google, thinking: 2.5 Pro can't stop thinking"),
    (None, ("gemini",), r"gemini-2\.5-flash-lite", {"least_budget": 512}, "Google, thinking: budgets"),
    (None, ("gemini",), r"gemini-[3-9]", {"efforts": ("minimal", "low", "medium", "high")}, "Google, thinking: levels"),
    (None, ("gemini",), r"gemini-3-pro", {"efforts": ("low", "high")}, "Google, thinking: levels"),
    (None, ("gemini",), r"gemini-[3-9](?:\.\d+)-pro", {"efforts": ("low", "medium", "high")}, "Google, thinking: levels"),
)  # fmt: skip
_COMPILED = tuple(
    (providers, dialects, re.compile(pattern), changes) for providers, dialects, pattern, changes, _ in _ROWS
)
_KNOWN = {field.name for field in fields(Limits)}
assert all(changes.keys() <= _KNOWN for _, _, _, changes in _COMPILED)


@lru_cache(maxsize=4096)
def limits_for(provider: str, dialect: str, model: str) -> Limits:
    """Returns what a model at a provider refuses, spoken to in `dialect`."""
    merged: dict[str, object] = {}
    for providers, dialects, pattern, changes in _COMPILED:
        if (providers is None or provider in providers) and dialect in dialects and pattern.search(model):
            merged.update(changes)
    return replace(NO_LIMITS, **merged) if merged else NO_LIMITS  # type: ignore[arg-type]
