"""A canonical request → the same one as a vendor takes it. What fits is kept as it is, down to the objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from adapters.canonical import BuiltinTool, Message, Reasoning, Request, Thinking, Tool, ToolCall, ToolChoice
from adapters.history.calls import answered
from adapters.history.ids import mapped_name
from adapters.history.parts import mended
from adapters.history.rules import Rules
from adapters.history.turns import arranged

_GONE = "No longer available. It is declared because the conversation holds calls of it: do not call it."


@dataclass(frozen=True, slots=True)
class Fitted:
    """`names` are those of tools as the vendor knows them, with what the client calls them; only those that differ."""

    request: Request
    names: Mapping[str, str]


def fitted(request: Request, rules: Rules, dialect: str) -> Fitted:
    """Returns `request` as a vendor of `rules` takes it in `dialect`."""
    names = _names(request, rules)
    messages = mended(request, rules, names, dialect)
    stored = bool(request.extras.get("previous_response_id") or request.extras.get("conversation"))
    messages = answered(messages, rules, stored=stored)
    messages = arranged(messages, rules)
    changed = replace(request, messages=tuple(messages), tools=_tools(request, rules, names, messages))
    if rules.thought_first and _goes_on_without_thought(changed, rules):
        effort = None if request.thinking is None else request.thinking.effort
        off = Thinking(enabled=False, effort=effort) if request.dialect == dialect else None
        changed = replace(changed, thinking=off)
        if "thinking" not in request.dropped:
            request.dropped.append("thinking")
    if not request.tools and changed.tools:
        changed = replace(changed, tool_choice=ToolChoice("none") if dialect != "bedrock" else None)
    elif not changed.tools and rules.choice_needs_tools:
        changed = replace(changed, tool_choice=None, parallel_tool_calls=None)
    elif changed.tool_choice is not None and changed.tool_choice.name in names:
        choice = ToolChoice(changed.tool_choice.mode, names[changed.tool_choice.name])
        changed = replace(changed, tool_choice=choice)
    return Fitted(changed, {there: here for here, there in names.items()})


def _goes_on_without_thought(request: Request, rules: Rules) -> bool:
    """Clients of dialects without seals can't send thoughts back, and those of other vendors are of no use: thinking
    is off then until the loop ends.
    """
    thinking = request.thinking
    if thinking is None or not thinking.enabled or not (thinking.budget_tokens or rules.budgeted):
        return False
    answers = False
    for message in reversed(request.messages):
        if message.role == "assistant":
            return answers and not (message.parts and isinstance(message.parts[0], Reasoning))
        answers = answers or message.role == "tool"
    return False


def _names(request: Request, rules: Rules) -> dict[str, str]:
    """Returns the names of tools that the vendor doesn't take, with those that it gets."""
    names = [tool.name for tool in request.tools if isinstance(tool, Tool)]
    names += [
        part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)
    ]
    allowed = rules.names
    taken = {name for name in names if allowed.fullmatch(name)}
    renamed: dict[str, str] = {}
    for name in names:
        if name not in renamed and not allowed.fullmatch(name):
            renamed[name] = mapped_name(name, allowed, rules.name_length, taken)
            taken.add(renamed[name])
    return renamed


def _tools(
    request: Request, rules: Rules, names: dict[str, str], messages: list[Message]
) -> tuple[Tool | BuiltinTool, ...]:
    if not request.tools:
        return _declared(messages) if rules.declared else ()
    tools: list[Tool | BuiltinTool] = []
    seen: set[str] = set()
    for tool in request.tools:
        if not isinstance(tool, Tool):
            tools.append(tool)
            continue
        if tool.name in seen:
            continue
        seen.add(tool.name)
        changed = tool
        if tool.name in names:
            changed = replace(changed, name=names[tool.name])
        if tool.parameters is not None and "type" not in tool.parameters:
            changed = replace(changed, parameters={"type": "object", **tool.parameters})
        tools.append(changed)
    return tuple(tools)


def _declared(messages: list[Message]) -> tuple[Tool, ...]:
    """Returns the tools that a history calls, for vendors that want them declared though the request offers none."""
    called = dict.fromkeys(
        part.name for message in messages for part in message.parts if isinstance(part, ToolCall)
    )
    return tuple(Tool(name, _GONE, {"type": "object", "properties": {}}) for name in called)
