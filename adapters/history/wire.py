"""Does a client's own JSON fit the vendor that it goes to? Where it does, its bytes pass as they are.

A walk over the parsed messages, which the gateway has anyway: some 0.2 µs a message, and nothing is parsed or searched.
What is odd in other ways is the vendor's to judge.
"""

from __future__ import annotations

from typing import Any

from adapters.dialects.shared import signatures
from adapters.history.rules import Rules

UNDOCUMENTED = frozenset(
    ("reasoning_content", "reasoning_details", "reasoning", "cache_control", "annotations", "images")
)
_STATE = ("previous_response_id", "conversation", "prompt")
_ITEM = {"function_call": "fc", "reasoning": "rs", "message": "msg"}


def fits(dialect: str, document: dict[str, Any], rules: Rules) -> bool:
    """Returns whether nothing in `document` must be mended before a vendor of `rules` gets it."""
    if dialect == "openai_chat":
        return _chat(document, rules)
    if dialect == "anthropic_messages":
        return _messages(document, rules)
    return dialect != "openai_responses" or _responses(document, rules)


def _offers(document: dict[str, Any]) -> bool:
    """Words about tools need tools."""
    tools = document.get("tools")
    if tools:
        return True
    return (
        tools is None and document.get("tool_choice") is None and document.get("parallel_tool_calls") is None
    )


# --- chat ------------------------------------------------------------------------------------------------


def _chat(document: dict[str, Any], rules: Rules) -> bool:
    if not _offers(document) and not document.get("functions"):
        return False
    if not _named(document.get("tools"), rules):
        return False
    messages = document.get("messages")
    if not isinstance(messages, list):
        return True
    asked: list[object] = []
    last = None
    for message in messages:
        if not isinstance(message, dict):
            return True
        role = message.get("role")
        content = message.get("content")
        if role == "tool":
            if message.get("tool_call_id") not in asked or not _plain(content):
                return False
            asked.remove(message.get("tool_call_id"))
        else:
            if asked:
                return False
            if role == "assistant":
                if not _spoken(message, content, rules):
                    return False
                calls = message.get("tool_calls")
                if isinstance(calls, list):
                    asked = [call.get("id") for call in calls if isinstance(call, dict)]
                    if len(set(map(str, asked))) < len(asked):
                        return False
            elif (role == "developer" and not rules.developer) or (rules.bridged and last == "tool"):
                return False
        if type(content) is list and (rules.texts or (not rules.extensions and _marked(content))):
            return False
        if not rules.extensions and not UNDOCUMENTED.isdisjoint(message):
            return False
        last = role
    return not asked and not (rules.user_last and last == "assistant" and not messages[-1].get("prefix"))


def _named(tools: object, rules: Rules) -> bool:
    if not isinstance(tools, list):
        return True
    seen = set()
    for tool in tools:
        function = tool.get("function") if isinstance(tool, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(name, str):
            if name in seen or not rules.names.fullmatch(name):
                return False
            seen.add(name)
    return True


def _plain(content: object) -> bool:
    return not isinstance(content, list) or all(
        isinstance(part, dict) and part.get("type") == "text" for part in content
    )


def _marked(content: list[Any]) -> bool:
    return any(isinstance(part, dict) and "cache_control" in part for part in content)


def _spoken(message: dict[str, Any], content: object, rules: Rules) -> bool:
    """Returns whether a turn of the model is one that this vendor could have sent."""
    calls = message.get("tool_calls")
    if (
        not calls
        and not content
        and not (message.get("refusal") or message.get("audio") or message.get("function_call"))
    ):
        return False
    if not rules.refusals and message.get("refusal"):
        return False
    details = message.get("reasoning_details")
    if isinstance(details, list) and not all(_own_detail(detail, rules) for detail in details):
        return False
    if not isinstance(calls, list) or not calls:
        return True
    if rules.thought_with_calls and not isinstance(message.get("reasoning_content"), str):
        return False
    for call in calls:
        if not isinstance(call, dict):
            return True
        if call.get("type", "function") != "function":
            continue
        number, function = call.get("id"), call.get("function")
        if not isinstance(number, str) or not rules.ids.fullmatch(number) or not isinstance(function, dict):
            return False
        name, arguments = function.get("name"), function.get("arguments")
        if not isinstance(name, str) or not rules.names.fullmatch(name) or not isinstance(arguments, str):
            return False
        if rules.objects and not (arguments.startswith("{") and arguments.endswith("}")):
            return False
        if "extra_content" in call and not rules.unsaid:
            return False
    return True


def _own_detail(detail: object, rules: Rules) -> bool:
    if not isinstance(detail, dict):
        return True
    seal = detail.get("signature") or detail.get("data")
    if not isinstance(seal, str):
        return True
    return rules.unsaid and signatures.maker_of(seal) is None


# --- messages ----------------------------------------------------------------------------------------------


def _messages(document: dict[str, Any], rules: Rules) -> bool:
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages:
        return True
    if not _offers(document):
        return False
    asked: list[object] = []
    seen: set[str] = set()
    calls = False
    opening: object = None  # the first block of the model's last turn
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            return True
        role, content = message.get("role"), message.get("content")
        if number == 0 and role == "assistant":
            return False
        if isinstance(content, str):
            if asked or not content or content.isspace():
                return False
            opening = opening if role == "user" else "text"
            continue
        if not isinstance(content, list):
            return True
        if not content:
            return False
        results = 0
        wanted = asked
        asked = []
        if role != "user":
            first = content[0]
            opening = first.get("type") if isinstance(first, dict) else None
        for at, block in enumerate(content):
            if not isinstance(block, dict):
                return True
            kind = block.get("type")
            if kind == "text":
                text = block.get("text")
                if not isinstance(text, str) or not text or text.isspace():
                    return False
            elif kind == "tool_result":
                if (
                    block.get("tool_use_id") not in wanted
                    or at != results
                    or not _filled(block.get("content"))
                ):
                    return False
                wanted.remove(block.get("tool_use_id"))
                results += 1
            elif kind == "tool_use":
                calls = True
                use, name = block.get("id"), block.get("name")
                if not isinstance(use, str) or use in seen or not rules.ids.fullmatch(use):
                    return False
                if not isinstance(name, str) or not rules.names.fullmatch(name):
                    return False
                seen.add(use)
                asked.append(use)
            elif kind == "thinking":
                if not _own(block.get("signature"), rules):
                    return False
            elif kind == "redacted_thinking" and not _own(block.get("data"), rules):
                return False
        if wanted:
            return False
    if asked or (calls and not document.get("tools")):
        return False
    return _ends(messages[-1], rules) and not _thoughtless(document, messages[-1], opening)


def _filled(content: object) -> bool:
    if not isinstance(content, list):
        return True
    return all(
        not isinstance(part, dict)
        or part.get("type") != "text"
        or (isinstance(part.get("text"), str) and part["text"] != "" and not part["text"].isspace())
        for part in content
    )


def _own(seal: object, rules: Rules) -> bool:
    if not isinstance(seal, str) or not seal:
        return False
    return rules.vendor and signatures.maker_of(seal) is None


def _ends(last: dict[str, Any], rules: Rules) -> bool:
    if last.get("role") != "assistant":
        return True
    if rules.user_last:
        return False
    content = last.get("content")
    if isinstance(content, list):
        content = content[-1].get("text") if isinstance(content[-1], dict) else None
    return not isinstance(content, str) or content == content.rstrip()


def _thoughtless(document: dict[str, Any], last: dict[str, Any], opening: object) -> bool:
    """Returns whether a tool loop goes on whose last turn began without the thought that a thinking budget demands."""
    thinking = document.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return False
    content = last.get("content")
    answers = isinstance(content, list) and any(
        isinstance(block, dict) and block.get("type") == "tool_result" for block in content
    )
    return answers and opening not in ("thinking", "redacted_thinking")


# --- responses ---------------------------------------------------------------------------------------------


def _responses(document: dict[str, Any], rules: Rules) -> bool:
    if not _offers(document):
        return False
    items = document.get("input")
    if not isinstance(items, list):
        return True
    asked: set[object] = set()
    answered: set[object] = set()
    for item in items:
        if not isinstance(item, dict):
            return True
        kind = item.get("type", "message")
        item_id = item.get("id")
        prefix = _ITEM.get(kind) if isinstance(kind, str) else None
        if (
            prefix
            and isinstance(item_id, str)
            and item.get("role") in (None, "assistant")
            and not item_id.startswith(prefix)
        ):
            return False
        if kind == "reasoning":
            seal = item.get("encrypted_content")
            if seal is None:
                if not isinstance(item_id, str) or signatures.MINTED in item_id:
                    return False
            elif not _own(seal, rules):
                return False
        elif kind in ("function_call", "custom_tool_call"):
            call = item.get("call_id")
            if not isinstance(call, str) or not rules.ids.fullmatch(call):
                return False
            asked.add(call)
            name = item.get("name")
            if isinstance(name, str) and not rules.names.fullmatch(name):
                return False
        elif kind in ("function_call_output", "custom_tool_call_output"):
            call = item.get("call_id")
            if not isinstance(call, str):
                return True
            answered.add(call)
    if asked - answered:
        return False
    return not (answered - asked) or any(document.get(name) for name in _STATE)
