"""A body → the same one within a model's limits; the same object where it was."""

from __future__ import annotations

from functools import lru_cache

import orjson

from adapters.canonical import Json
from adapters.errors import Inexpressible
from adapters.limits.fields import PATHS, Body
from adapters.limits.schemas import closed
from adapters.limits.table import EFFORTS, NO_LIMITS, Limits, limits_for

_HIGH = EFFORTS.index("high")
_THINKING = 4, 5
"""The share of the answer's limit that thinking may take where what was asked doesn't fit: the answer needs room."""

_LEAST_TOP_P = 0.95
_EFFORT_UP_TO = ((4096, "low"), (16_384, "medium"))
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24_576, "xhigh": 32_768, "max": 32_768}
"""Budgets in words and back, as the vendors' guides and OpenRouter's put one for the other."""


@lru_cache(maxsize=4096)
def watched(provider: str, dialect: str, model: str) -> frozenset[str]:
    """Returns the fields of a body that may exceed the limits of a model; none where it has none."""
    if dialect not in PATHS or limits_for(provider, dialect, model) == NO_LIMITS:
        return frozenset()
    limits = limits_for(provider, dialect, model)
    names = set(limits.refuses | limits.refuses_thinking)
    if limits.most_stops is not None or not limits.blank_stops:
        names.add("stop")
    if limits.efforts is not None or limits.budgets != "too":
        names |= {"effort", "thinking"}
    if limits.one_sampling or limits.calm:
        names |= {"top_p", "thinking"}
    if not limits.json_with_tools:
        names.add("json")
    if limits.closed_schemas:
        names.add("schema")
    if limits.least_output > 1:
        names.add("max_tokens")
    return frozenset(PATHS[dialect][name][0] for name in names if name in PATHS[dialect])


def within(provider: str, dialect: str, model: str, body: Json, dropped: list[str] | None = None) -> Json:
    """Returns `body`, of `dialect`, as `model` takes it; `dropped` hears what is otherwise than asked for. Raises
    Inexpressible naming all that the model can't do.
    """
    fields = watched(provider, dialect, model)
    if not fields or fields.isdisjoint(body):
        return body
    limits = limits_for(provider, dialect, model)
    changed = Body(body, dialect)
    noted: list[str] = [] if dropped is None else dropped
    lacks: list[str] = []
    _stops(changed, limits, lacks)
    if dialect in ("anthropic_messages", "bedrock"):
        _claude(changed, limits, lacks, noted)
    elif dialect == "gemini":
        _gemini(changed, limits, lacks, noted)
    else:
        _effort(changed, limits, lacks, noted)
    if limits.closed_schemas:
        _schema(changed, lacks, noted)
    _refused(changed, limits, lacks)
    most = changed.get("max_tokens")
    if isinstance(most, int) and most < limits.least_output:
        changed.put("max_tokens", limits.least_output)
        _note(noted, "max_tokens")
    if lacks:
        raise Inexpressible(", ".join(f"{lack} at {model}" for lack in lacks))
    return changed.whole


def nearest(effort: str, words: tuple[str, ...]) -> str:
    """Returns the word of `words` that is nearest to `effort`; of two, the lower one from "high" on, else the upper one."""
    if effort not in EFFORTS:
        return effort
    wanted = EFFORTS.index(effort)

    def distance(word: str) -> tuple[int, int]:
        place = EFFORTS.index(word) if word in EFFORTS else _HIGH - 1
        return abs(place - wanted), place if wanted >= _HIGH else -place

    return min(words, key=distance)


def _note(noted: list[str], name: str) -> None:
    if name not in noted:
        noted.append(name)


def _stops(body: Body, limits: Limits, lacks: list[str]) -> None:
    stop = body.get("stop")
    if not isinstance(stop, list):
        return
    kept = [one for one in stop if one != ""]
    if len(kept) < len(stop):
        body.put("stop", kept or None)
    if limits.most_stops is not None and len(kept) > limits.most_stops:
        lacks.append(f"stop (more than {limits.most_stops} sequences)")
    if not limits.blank_stops and any(isinstance(one, str) and not one.strip() for one in kept):
        lacks.append("stop (a sequence of white space)")


def _refused(body: Body, limits: Limits, lacks: list[str]) -> None:
    """What says no more than the default is taken."""
    names = limits.refuses
    if limits.refuses_thinking and body.get("effort") not in (None, "none"):
        names = names | limits.refuses_thinking
    for name in sorted(names):
        value = body.get(name)
        usual = 1 if name in ("temperature", "top_p", "n") else 0
        if value is not None and value != usual and value not in ([], {}):
            lacks.append(name)


def _effort(body: Body, limits: Limits, lacks: list[str], noted: list[str]) -> None:
    effort = body.get("effort")
    words = limits.efforts
    if not isinstance(effort, str):
        return
    if words is not None and effort not in words:
        if words:
            body.put("effort", nearest(effort, words))
            _note(noted, "reasoning_effort")
        else:
            body.put("effort", None)
            if limits.thinks:
                _note(noted, "reasoning_effort")
            elif effort != "none":
                lacks.append("reasoning_effort")
    if not limits.effort_with_tools and body.get("tools") and body.get("effort") not in (None, "none"):
        lacks.append("reasoning_effort together with tools (an arm of dialect openai_responses takes both)")


def _claude(body: Body, limits: Limits, lacks: list[str], noted: list[str]) -> None:
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive"):
        thinking = _thinking(body, thinking, limits, lacks, noted)
    effort, words = body.get("effort"), limits.efforts
    if isinstance(effort, str) and words is not None and effort not in words:
        body.put("effort", nearest(effort, words) if words else None)
        _note(noted, "effort")
    if isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive") and limits.calm:
        _calm(body, noted)
    if limits.one_sampling and body.get("temperature") is not None and body.get("top_p") is not None:
        less = "temperature" if body.get("temperature") == 1 else "top_p"
        if body.get(less) != 1:
            _note(noted, less)
        body.put(less, None)


def _schema(body: Body, lacks: list[str], noted: list[str]) -> None:
    """Bedrock's is JSON text."""
    given = body.get("schema")
    schema: object = given
    if isinstance(given, str):
        try:
            schema = orjson.loads(given)
        except orjson.JSONDecodeError:
            return
    if isinstance(schema, dict) and (changed := closed(schema, lacks)) is not schema:
        body.put("schema", orjson.dumps(changed).decode() if isinstance(given, str) else changed)
        _note(noted, "response_format")


def _thinking(body: Body, thinking: Json, limits: Limits, lacks: list[str], noted: list[str]) -> Json | None:
    """Puts thinking as the model is asked for it, in tokens or in words, and with room for the answer."""
    most = body.get("max_tokens")
    changed = dict(thinking)
    choice = body.get("tool_choice")
    if limits.calm and isinstance(choice, dict) and _forces(choice):
        body.put("thinking", None)
        _note(noted, "thinking")
        return None
    if limits.budgets == "never" and changed["type"] == "enabled":
        budget = changed.pop("budget_tokens", None)
        changed["type"] = "adaptive"
        if body.get("effort") is None and isinstance(budget, int):
            body.put("effort", next((word for up, word in _EFFORT_UP_TO if budget <= up), "high"))
    elif limits.budgets == "only" and changed["type"] == "adaptive":
        effort = body.get("effort")
        changed["type"] = "enabled"
        changed["budget_tokens"] = _BUDGETS.get(str(effort or "medium"), _BUDGETS["medium"])
    budget = changed.get("budget_tokens")
    if changed["type"] == "enabled" and isinstance(budget, int):
        budget = max(budget, limits.least_budget)
        if isinstance(most, int) and budget >= most:
            share, of = _THINKING
            budget = max(limits.least_budget, most * share // of)
            if budget >= most:
                lacks.append(
                    f"thinking within max_tokens of {most} (it takes {limits.least_budget} and more)"
                )
        if budget != changed["budget_tokens"]:
            _note(noted, "thinking.budget_tokens")
        changed["budget_tokens"] = budget
    if changed != thinking:
        body.put("thinking", changed)
    return changed


def _forces(choice: Json) -> bool:
    """In Anthropic's words or in Bedrock's."""
    return choice.get("type") in ("any", "tool") or "any" in choice or "tool" in choice


def _calm(body: Body, noted: list[str]) -> None:
    temperature, top_p = body.get("temperature"), body.get("top_p")
    gone = {
        "temperature": temperature is not None and temperature != 1,
        "top_k": body.get("top_k") is not None,
        "top_p": isinstance(top_p, int | float) and top_p < _LEAST_TOP_P,
    }
    for name, is_gone in gone.items():
        if is_gone:
            body.put(name, None)
            _note(noted, name)


def _gemini(body: Body, limits: Limits, lacks: list[str], noted: list[str]) -> None:
    thinking, level, budget = body.get("thinking"), body.get("effort"), body.get("budget")
    if isinstance(thinking, dict) and not limits.thinks:
        if level is not None or budget not in (None, 0):
            lacks.append("thinking")
        body.put("thinking", None)
    elif isinstance(level, str) and limits.budgets == "only":
        body.put("effort", None)
        body.put("budget", budget := _BUDGETS.get(level.lower(), _BUDGETS["medium"]))
    elif isinstance(level, str) and limits.efforts and level.lower() not in limits.efforts:
        body.put("effort", nearest(level.lower(), limits.efforts))
        _note(noted, "thinking")
    if isinstance(budget, int) and budget >= 0 and limits.thinks:
        least = limits.least_budget if budget or limits.always_thinks else 0
        fitting = max(least, budget if limits.most_budget is None else min(budget, limits.most_budget))
        if fitting != budget:
            body.put("budget", fitting)
            _note(noted, "thinking")
    if not limits.json_with_tools and body.get("json") == "application/json" and _declares(body.get("tools")):
        lacks.append("response_format together with tools")


def _declares(tools: object) -> bool:
    return isinstance(tools, list) and any(
        isinstance(tool, dict) and tool.get("functionDeclarations") for tool in tools
    )
