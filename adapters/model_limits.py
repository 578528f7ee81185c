"""Parameters that a model refuses though its API has them. A call with one would end as 400, so the arm isn't asked.

Sources: OpenAI's guides to reasoning models and to GPT-5.2 ("parameter compatibility"), Anthropic's "what's new" of
Claude Opus 4.7.
"""

from __future__ import annotations

import re
from functools import lru_cache

from adapters.canonical import Json
from adapters.errors import Inexpressible

_SAMPLING = frozenset(
    (
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "top_logprobs",
        "logit_bias",
    )
)
_NONE: frozenset[str] = frozenset()

# (providers, pattern of the model's name, what it refuses, whether only while it thinks)
_TABLE = tuple(
    (providers, re.compile(pattern), names, thinking)
    for providers, pattern, names, thinking in (
        (("openai", "azure"), r"^o[134](?:-|$)", _SAMPLING, False),
        (
            ("openai", "azure"),
            r"^gpt-5(?:-(?:mini|nano))?(?:-\d{4}-\d\d-\d\d)?$",
            _SAMPLING | {"stop"},
            False,
        ),
        (("openai", "azure"), r"^gpt-5\.[1-4](?:-(?:mini|nano))?(?:-\d{4}-\d\d-\d\d)?$", _SAMPLING, True),
        (("anthropic",), r"^claude-opus-4-[78]", frozenset(("temperature", "top_p", "top_k")), False),
    )
)


@lru_cache(maxsize=4096)
def unfit(provider: str, model: str) -> tuple[frozenset[str], bool]:
    """Returns the names that `model` refuses, and whether only while it thinks."""
    for providers, pattern, names, thinking in _TABLE:
        if provider in providers and pattern.search(model):
            return names, thinking
    return _NONE, False


def refuse_unfit(provider: str, body: Json) -> None:
    """Raises Inexpressible for the first parameter of `body` that its model refuses. What says no more than the
    default is taken.
    """
    model = body.get("model")
    names, thinking = unfit(provider, model) if isinstance(model, str) else (_NONE, False)
    if not names or names.isdisjoint(body) or (thinking and not _thinks(body)):
        return
    for name in sorted(names & body.keys()):
        value = body[name]
        usual = 1 if name in ("temperature", "top_p") else 0
        if value is not None and value != usual and value not in ([], {}):
            raise Inexpressible(f"{name} at {model}")


def _thinks(body: Json) -> bool:
    """These models don't think unless they are told to."""
    reasoning = body.get("reasoning")
    effort = body.get("reasoning_effort") or (
        reasoning.get("effort") if isinstance(reasoning, dict) else None
    )
    return effort not in (None, "none")
