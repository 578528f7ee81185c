"""How long an answer may be: no longer than the model can write, where the client only had to name a limit.

Anthropic's API demands `max_tokens`, and its agents say the most that its own models write; a model that writes less ends
there anyway.
"""

from __future__ import annotations

from dataclasses import replace

from adapters.canonical import Json, Request
from adapters.portable.tools import note

_THINKING = 4, 5
"""The share of the limit that thinking may take at most: it counts, and the answer needs room."""


def at_most(request: Request, limit: int) -> Request:
    """Returns the request with an answer of at most `limit` tokens; the same object where it asks for no more."""
    if request.max_tokens is None or request.max_tokens <= limit:
        return request
    note(request.dropped, "max_tokens")
    thinking = request.thinking
    if thinking is not None and thinking.budget_tokens is not None and thinking.budget_tokens >= limit:
        thinking = replace(thinking, budget_tokens=_budget(limit))
    return replace(request, max_tokens=limit, thinking=thinking)


def body_at_most(body: Json, limit: int, dropped: list[str]) -> Json:
    """Returns a body of Anthropic's dialect with an answer of at most `limit` tokens; the same object where it asks for no more."""
    asked = body.get("max_tokens")
    if not isinstance(asked, int) or asked <= limit:
        return body
    note(dropped, "max_tokens")
    changed = {**body, "max_tokens": limit}
    thinking = body.get("thinking")
    if isinstance(thinking, dict):
        budget = thinking.get("budget_tokens")
        if isinstance(budget, int) and budget >= limit:
            changed["thinking"] = {**thinking, "budget_tokens": _budget(limit)}
    return changed


def _budget(limit: int) -> int:
    share, of = _THINKING
    return limit * share // of
