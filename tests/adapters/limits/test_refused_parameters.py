"""Models that refuse what their API has."""

from __future__ import annotations

import pytest

from adapters.errors import Inexpressible
from adapters.providers import PROVIDERS


@pytest.mark.parametrize(
    ("provider", "model", "said"),
    [
        ("openai", "o3", {"temperature": 0.2}),
        ("openai", "o4-mini", {"logprobs": True}),
        ("openai", "gpt-5", {"temperature": 0}),
        ("openai", "gpt-5-mini", {"stop": ["x"]}),
        ("openai", "gpt-5-nano-2025-08-07", {"top_p": 0.5}),
        ("openai", "gpt-5.4", {"temperature": 0.2, "reasoning_effort": "high"}),
        ("azure", "gpt-5", {"presence_penalty": 0.5}),
        ("anthropic", "claude-opus-4-7", {"temperature": 0.0}),
        ("anthropic", "claude-opus-4-8", {"top_k": 5}),
    ],
)
def test_what_a_model_refuses_keeps_its_arm_out(provider: str, model: str, said: dict) -> None:
    with pytest.raises(Inexpressible):
        PROVIDERS[provider].adapt({"model": model, "messages": [], **said})


@pytest.mark.parametrize(
    ("provider", "model", "said"),
    [
        ("openai", "gpt-4o", {"temperature": 0.2, "logprobs": True}),
        ("openai", "gpt-5-chat-latest", {"temperature": 0.2}),
        ("openai", "gpt-5.4", {"temperature": 0.2}),
        ("openai", "gpt-5.4", {"temperature": 0.2, "reasoning_effort": "none"}),
        ("openai", "gpt-5", {"temperature": 1, "top_p": 1.0, "logprobs": False, "presence_penalty": 0}),
        ("openai", "gpt-5", {"temperature": None, "stop": []}),
        ("openrouter", "openai/gpt-5", {"temperature": 0.2}),
        ("anthropic", "claude-sonnet-4-6", {"temperature": 0.2, "top_k": 5}),
        ("anthropic", "claude-opus-4-7", {"temperature": 1}),
    ],
)
def test_the_default_and_other_models_pass(provider: str, model: str, said: dict) -> None:
    PROVIDERS[provider].adapt({"model": model, "messages": [], **said})
