"""The order of turns as a vendor takes it: who may follow whom, who begins, who ends, and what may stand where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from adapters.canonical import Media, Message, Part, Reasoning, Text, ToolResult
from adapters.history.rules import Rules

_BEGIN = "(The conversation begins.)"
_GO_ON = "Continue."
_BRIDGE = "Done."
_SHOWN = "(What it shows follows below.)"
_FIXED = ("system", "developer")


def arranged(messages: list[Message], rules: Rules) -> list[Message]:
    """Returns the turns in an order that the vendor takes; none of their words is lost."""
    turns = [message for message in messages if _speaks(message, rules)]
    if rules.apart:
        turns = _set_apart(turns)
    if rules.shown_after:
        turns = list(_shown_after(turns))
    if rules.user_needed and all(turn.role in _FIXED for turn in turns):
        turns = _asked(turns)
    if rules.user_first:
        turns = _begun(turns)
    if rules.alternates:
        turns = _merged(turns, rules)
    if rules.bridged:
        turns = list(_bridged(turns))
    if turns and turns[-1].role == "assistant":
        if rules.user_last:
            turns.append(Message("user", (Text(_GO_ON),)))
        elif not rules.blank:
            turns[-1] = _trimmed(turns[-1])
    return turns


def _speaks(message: Message, rules: Rules) -> bool:
    """A turn of thoughts alone is none for vendors that have no field for thoughts."""
    if rules.thoughts or message.role != "assistant":
        return bool(message.parts)
    return any(
        not isinstance(part, Reasoning) or part.signature or part.redacted or part.id
        for part in message.parts
    )


def _set_apart(turns: list[Message]) -> list[Message]:
    """System words behind the beginning keep their place as the user's: moved to the front they would change the
    meaning of what lies between, and every cached prefix.
    """
    begun = False
    placed = []
    for turn in turns:
        begun = begun or turn.role not in _FIXED
        if begun and turn.role in _FIXED:
            placed.append(Message("user", tuple(_quoted(turn.parts))))
        else:
            placed.append(turn)
    return placed


def _quoted(parts: Iterable[Part]) -> Iterable[Part]:
    for part in parts:
        yield replace(part, text=f"<system>\n{part.text}\n</system>") if isinstance(part, Text) else part


def _shown_after(turns: list[Message]) -> Iterable[Message]:
    """Pictures and files of results go into a turn of the user behind all of them."""
    for turn in turns:
        shown: list[Part] = []
        parts: list[Part] = []
        for part in turn.parts:
            media = [p for p in part.content if isinstance(p, Media)] if isinstance(part, ToolResult) else []
            if not media or not isinstance(part, ToolResult):
                parts.append(part)
                continue
            texts = tuple(piece for piece in part.content if isinstance(piece, Text))
            parts.append(replace(part, content=texts or (Text(_SHOWN),)))
            shown += [Text(f"Output of tool call {part.call_id}:"), *media]
        yield turn if not shown else replace(turn, parts=tuple(parts))
        if shown:
            yield Message("user", tuple(shown))


def _asked(turns: list[Message]) -> list[Message]:
    """The last of nothing but system words is the question."""
    if not turns:
        return [Message("user", (Text(_BEGIN),))]
    return [*turns[:-1], replace(turns[-1], role="user")]


def _begun(turns: list[Message]) -> list[Message]:
    first = next((n for n, turn in enumerate(turns) if turn.role not in _FIXED), None)
    if first is None or turns[first].role != "assistant":
        return turns
    return [*turns[:first], Message("user", (Text(_BEGIN),)), *turns[first:]]


def _merged(turns: list[Message], rules: Rules) -> list[Message]:
    """Turns of one speaker become one. A result stays apart from what the user says: encoders join those."""
    merged: list[Message] = []
    for turn in turns:
        last = merged[-1] if merged else None
        joins = turn.role == "assistant" or (rules.alternates == "all" and turn.role == "user")
        if last is not None and joins and last.role == turn.role:
            merged[-1] = replace(last, parts=last.parts + turn.parts)
        else:
            merged.append(turn)
    return merged


def _bridged(turns: list[Message]) -> Iterable[Message]:
    last = None
    for turn in turns:
        if last == "tool" and turn.role in ("user", *_FIXED):
            yield Message("assistant", (Text(_BRIDGE),))
        last = turn.role
        yield turn


def _trimmed(turn: Message) -> Message:
    last = turn.parts[-1]
    if not isinstance(last, Text) or last.text == last.text.rstrip():
        return turn
    return replace(turn, parts=(*turn.parts[:-1], replace(last, text=last.text.rstrip())))
