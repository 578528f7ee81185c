"""Every call answered right behind it, and no answer without a call."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import replace

from adapters.canonical import Media, Message, Opaque, Part, Text, ToolCall, ToolResult
from adapters.history.ids import mapped_id
from adapters.history.parts import called_by, told_by
from adapters.history.rules import Rules

_MISSING = "No result of this call was recorded."
_ORPHAN = "Result of a tool call that is no longer part of the conversation:"


def answered(messages: list[Message], rules: Rules, *, stored: bool) -> list[Message]:
    """Returns the turns with the results of each turn's calls in one turn behind it, in the order of the calls.

    A result that never came is told as an error, one whose call is gone as the user's words. Ids become those that the
    vendor takes. `stored`: calls may also stand in a conversation that the vendor itself keeps.
    """
    waiting = _Results(messages)
    if not waiting.any and not any(called_by(part) is not None for m in messages for part in m.parts):
        return messages
    ids = _Ids(rules)
    turns: list[Message] = []
    for at, message in enumerate(messages):
        kept: list[Part] = []
        results: list[Part] = []
        calls: list[tuple[Part, str]] = []
        for part in message.parts:
            call = called_by(part)
            if call is not None:
                calls.append((part, call))
                kept.append(part)
            elif told_by(part) is None:
                kept.append(part)
            elif not waiting.taken(part):
                results.append(part)  # decided below: its call may still follow in no turn
        if calls:
            named, matched = _pair(kept, calls, waiting, ids, at)
            turns.append(replace(message, parts=tuple(named)))
            if matched:
                turns.append(Message("tool", tuple(matched)))
            continue
        orphans = [part for part in results if not waiting.taken(part)]
        if orphans and stored:
            turns.append(
                Message("tool", tuple(_renamed(part, ids.plain(told_by(part) or "")) for part in orphans))
            )
        elif orphans:
            kept = [*(piece for part in orphans for piece in _as_words(part)), *kept]
        if kept and message.role == "tool":
            turns.append(Message("user", tuple(kept)))
        elif kept or message.role != "tool":
            turns.append(message if len(kept) == len(message.parts) else replace(message, parts=tuple(kept)))
    return turns


def _pair(
    kept: list[Part], calls: list[tuple[Part, str]], waiting: _Results, ids: _Ids, at: int
) -> tuple[list[Part], list[Part]]:
    named = {}
    results: list[Part] = []
    for number, (part, call) in enumerate(calls):
        name = ids.of(call or f"call_{at}_{number}")
        named[number] = _renamed(part, name)
        result = waiting.take(call, at)
        if result is not None:
            results.append(_renamed(result, name))
        elif isinstance(part, ToolCall):
            results.append(ToolResult(name, (Text(_MISSING),), is_error=True, name=part.name))
    numbers = iter(range(len(calls)))
    return [named[next(numbers)] if called_by(part) is not None else part for part in kept], results


class _Results:
    """The results of a conversation by the ids of their calls."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self._by_id: dict[str, deque[tuple[int, Part]]] = defaultdict(deque)
        self._taken: set[int] = set()
        for at, message in enumerate(messages):
            for part in message.parts:
                call = told_by(part)
                if call is not None:
                    self._by_id[call].append((at, part))
        self.any = bool(self._by_id)

    def take(self, id: str, after: int) -> Part | None:
        """Returns the first result for `id` behind turn `after`, or within it, that no earlier call has taken."""
        queue = self._by_id.get(id)
        while queue:
            at, part = queue[0]
            if at < after:
                queue.popleft()
                continue
            queue.popleft()
            self._taken.add(id_of(part))
            return part
        return None

    def taken(self, part: Part) -> bool:
        return id_of(part) in self._taken


def id_of(part: Part) -> int:
    """Returns which object a part is: two results may say the same."""
    return id(part)


class _Ids:
    """The ids of one conversation as the vendor takes them."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._seen: set[str] = set()
        self._last: dict[str, str] = {}

    def of(self, id: str) -> str:
        """Returns the id for the next call named `id`; the second of that name gets one of its own where the vendor asks."""
        rules = self._rules
        if not rules.unique and id in self._last:
            return self._last[id]
        made = mapped_id(id, rules.ids, rules.id_length, self._seen)
        self._seen.add(made)
        self._last[id] = made
        return made

    def plain(self, id: str) -> str:
        return mapped_id(id, self._rules.ids, self._rules.id_length, ())


def _renamed(part: Part, id: str) -> Part:
    if isinstance(part, ToolCall):
        return part if part.id == id else replace(part, id=id)
    if isinstance(part, ToolResult):
        return part if part.call_id == id else replace(part, call_id=id)
    assert isinstance(part, Opaque)
    raw = part.raw
    for name in ("tool_use_id", "call_id", "id"):
        if isinstance(raw.get(name), str):
            return part if raw[name] == id else Opaque(part.dialect, {**raw, name: id})
    for name in ("toolUse", "toolResult"):
        if isinstance(raw.get(name), dict):
            return Opaque(part.dialect, {**raw, name: {**raw[name], "toolUseId": id}})
    return part


def _as_words(part: Part) -> Iterable[Part]:
    if not isinstance(part, ToolResult):
        return
    text = "".join(piece.text for piece in part.content if isinstance(piece, Text))
    yield Text(f"{_ORPHAN}\n{text}")
    for piece in part.content:
        if isinstance(piece, Media):
            yield piece
