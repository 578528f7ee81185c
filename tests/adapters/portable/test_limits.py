"""Answers are no longer than a model can write, where a limit had to be named."""

from __future__ import annotations

from adapters.canonical import Request, Thinking
from adapters.portable import at_most, body_at_most


def test_a_limit_above_the_models_own_is_that() -> None:
    request = Request("m", (), max_tokens=64_000, thinking=Thinking(budget_tokens=32_000))
    limited = at_most(request, 10_000)
    assert (limited.max_tokens, limited.thinking) == (10_000, Thinking(budget_tokens=8_000))
    assert request.dropped == ["max_tokens"]
    assert at_most(request, 64_000) is request


def test_a_body_that_passes_is_limited_alike() -> None:
    dropped: list[str] = []
    body = {"max_tokens": 64_000, "thinking": {"type": "enabled", "budget_tokens": 32_000}}
    limited = body_at_most(body, 10_000, dropped)
    assert limited == {"max_tokens": 10_000, "thinking": {"type": "enabled", "budget_tokens": 8_000}}
    assert dropped == ["max_tokens"]
    assert body_at_most(body, 64_000, dropped) is body
    assert body_at_most({"max_tokens": "many"}, 5, dropped) == {"max_tokens": "many"}
