"""The parts of each turn as a vendor takes them: its own seals, arguments that are objects, no empty text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson

from adapters import lenient_json
from adapters.canonical import Media, Message, Opaque, Part, Reasoning, Request, Text, ToolCall, ToolResult
from adapters.dialects.shared import signatures
from adapters.history.rules import Rules

BROKEN = "_invalid_json"
"""The field that holds what a model wrote in place of a JSON object."""


def mended(request: Request, rules: Rules, names: dict[str, str], dialect: str) -> list[Message]:
    """Returns the turns with what the vendor takes of each; a turn of which nothing is left stays, empty."""
    untagged = request.dialect in ("openai_chat", "cohere")
    turns: list[Message] = []
    for message in request.messages:
        parts: list[Part] = []
        for part in message.parts:
            if isinstance(part, Text):
                if _said(part.text, rules):
                    parts.append(part)
            elif isinstance(part, ToolCall):
                parts.append(_call(part, rules, names))
            elif isinstance(part, ToolResult):
                parts.append(_result(part, rules, names))
            elif isinstance(part, Reasoning):
                kept = _thought(part, rules, untagged=untagged, by_id=request.dialect == dialect)
                if kept is not None:
                    parts.append(kept)
            else:
                parts.append(part)
        if rules.texts:
            parts = _one_text(parts)
        turns.append(_as(message, parts, rules))
    return turns


def _as(message: Message, parts: Sequence[Part], rules: Rules) -> Message:
    role = message.role
    if role == "developer" and not rules.developer:
        role = "system"
    same = role == message.role and len(parts) == len(message.parts)
    if same and all(a is b for a, b in zip(parts, message.parts, strict=True)):
        return message
    return Message(role, tuple(parts), message.name)


def _said(text: str, rules: Rules) -> bool:
    return bool(text) and (rules.blank or not text.isspace())


def _call(call: ToolCall, rules: Rules, names: dict[str, str]) -> ToolCall:
    arguments, name = call.arguments, names.get(call.name, call.name)
    if not arguments.strip():
        arguments = "{}"
    elif rules.objects and not _is_object(arguments):
        arguments = orjson.dumps({BROKEN: arguments}).decode()
    signature = call.signature
    if signature is not None:
        maker = signatures.maker_of(signature)
        # An unknown server may be Google's own in OpenAI's words.
        ours = maker in (None, rules.maker) or (rules.unsaid and maker == signatures.GEMINI)
        signature = signatures.bare(signature) if ours else None
    if (arguments, name, signature) == (call.arguments, call.name, call.signature):
        return call
    return replace(call, arguments=arguments, name=name, signature=signature)


def _is_object(arguments: str) -> bool:
    if arguments[:1] not in "{ \n\r\t":
        return False
    try:
        return isinstance(lenient_json.loads(arguments), dict)
    except orjson.JSONDecodeError:
        return False


def _result(result: ToolResult, rules: Rules, names: dict[str, str]) -> ToolResult:
    content = tuple(
        piece for piece in result.content if not isinstance(piece, Text) or _said(piece.text, rules)
    )
    if rules.texts and len(content) > 1:
        content = tuple(piece for piece in _one_text(list(content)) if isinstance(piece, Text | Media))
    name = result.name if result.name is None else names.get(result.name, result.name)
    if len(content) == len(result.content) and name == result.name:
        return result
    return replace(result, content=content, name=name)


def _thought(thought: Reasoning, rules: Rules, *, untagged: bool, by_id: bool) -> Reasoning | None:
    """Returns a thought with its seal for who made it, without for those who take plain ones, else None."""
    seal = thought.signature or thought.redacted
    if seal is None:
        if by_id and thought.id is not None and signatures.MINTED not in thought.id and not rules.thoughts:
            return thought  # known to the vendor's own store
        return thought if thought.text and rules.thoughts else None
    maker = signatures.maker_of(seal)
    if maker == rules.maker or (maker is None and (rules.unsaid or not untagged)):
        return replace(
            thought,
            signature=None if thought.signature is None else signatures.bare(thought.signature),
            redacted=None if thought.redacted is None else signatures.bare(thought.redacted),
        )
    return Reasoning(thought.text) if thought.text and rules.thoughts else None


def _one_text(parts: list[Part]) -> list[Part]:
    """Joins several texts for vendors whose content is one text."""
    texts = [part for part in parts if isinstance(part, Text)]
    if not texts or (len(texts) == 1 and texts[0].cache is None):
        return parts
    joined: list[Part] = [Text("\n\n".join(part.text for part in texts))]
    first = parts.index(texts[0])
    rest = [part for part in parts[first:] if not isinstance(part, Text)]
    return [*parts[:first], *joined, *rest]


def called_by(part: Part) -> str | None:
    """Returns the id of a call, also of one that only its own dialect knows."""
    if isinstance(part, ToolCall):
        return part.id
    if not isinstance(part, Opaque):
        return None
    raw = part.raw
    kind = raw.get("type")
    if part.dialect == "openai_chat" or (part.dialect == "anthropic_messages" and kind == "tool_use"):
        return _string(raw.get("id"))
    if part.dialect == "openai_responses" and isinstance(kind, str) and kind.endswith("_call"):
        return _string(raw.get("call_id"))
    use = raw.get("toolUse")
    return _string(use.get("toolUseId")) if isinstance(use, dict) and "type" not in use else None


def told_by(part: Part) -> str | None:
    """Returns which call a result belongs to, also one that only its own dialect knows."""
    if isinstance(part, ToolResult):
        return part.call_id
    if not isinstance(part, Opaque):
        return None
    raw = part.raw
    if part.dialect == "anthropic_messages" and raw.get("type") == "tool_result":
        return _string(raw.get("tool_use_id"))
    if part.dialect == "openai_responses" and str(raw.get("type")).endswith("_call_output"):
        return _string(raw.get("call_id"))
    result = raw.get("toolResult")
    return _string(result.get("toolUseId")) if isinstance(result, dict) else None


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None
