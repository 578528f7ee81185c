"""What an answer says, read from the whole body with the standard library and nothing of the adapters."""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Reading:
    """Texts by choice; calls as (choice, name, arguments as JSON value or text); finish by choice."""

    text: dict[int, str] = field(default_factory=lambda: defaultdict(str))
    reasoning: str = ""
    refusal: str = ""
    calls: list[tuple[int, str, Any]] = field(default_factory=list)
    finish: dict[int, str] = field(default_factory=dict)
    usage: dict[str, int | None] = field(default_factory=dict)
    error: bool = False


def arguments(text: Any) -> Any:
    """Returns the value of JSON arguments, so that spacing doesn't count; nothing is an empty object."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text


def sse(body: bytes) -> list[tuple[str, str]]:
    """Splits a whole event stream the simple way."""
    out = []
    for block in body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        name = "".join(line[6:].strip() for line in block.split("\n") if line.startswith("event:"))
        data = "\n".join(line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:"))
        if data:
            out.append((name, data))
    return out


def frames(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Splits a whole AWS event stream: (event type, payload)."""
    out, at = [], 0
    while at + 12 <= len(body):
        total, header_length = struct.unpack_from(">II", body, at)
        head, name = at + 12, ""
        while head < at + 12 + header_length:
            key_length = body[head]
            key = body[head + 1 : head + 1 + key_length].decode()
            kind = body[head + 1 + key_length]
            if kind != 7:
                raise ValueError("a header that is no string")
            (length,) = struct.unpack_from(">H", body, head + 2 + key_length)
            start = head + 4 + key_length
            if key in (":event-type", ":exception-type"):
                name = body[start : start + length].decode()
            head = start + length
        out.append((name, json.loads(body[at + 12 + header_length : at + total - 4])))
        at += total
    return out


_FINISH = {
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "pause_turn", "STOP", "COMPLETE", "STOP_SEQUENCE", "eos"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "MAX_TOKENS", "max_output_tokens", "model_length"), "length"),
    **dict.fromkeys(("tool_calls", "tool_use", "TOOL_CALL", "function_call"), "tool_calls"),
    **dict.fromkeys(
        ("content_filter", "refusal", "SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "RECITATION", "MODEL_ARMOR",
         "guardrail_intervened", "content_filtered"),
        "content_filter",
    ),
    "complete": "stop",
    # Begun in the background: what the answer holds is whole, if little.
    **dict.fromkeys(("queued", "in_progress"), "stop"),
    **dict.fromkeys(("error", "ERROR", "insufficient_system_resource", "failed", "OTHER", "LANGUAGE",
                     "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"), "error"),
}  # fmt: skip


def finish_word(word: str, *, calls: bool) -> str:
    said = _FINISH.get(word, word)
    return "tool_calls" if said == "stop" and calls else said


def read(dialect: str, body: bytes, *, stream: bool) -> Reading:
    """Reads a whole answer."""
    return {
        "openai_chat": _chat,
        "completions": _completions,
        "anthropic_messages": _anthropic,
        "openai_responses": _responses,
        "gemini": _gemini,
        "bedrock": _converse,
        "cohere": _cohere,
    }[dialect](body, stream=stream)


def _objects(body: bytes, *, stream: bool) -> list[dict[str, Any]]:
    if not stream:
        return [json.loads(body)]
    return [json.loads(data) for _, data in sse(body) if not data.startswith("[DONE]")]


def _chat(body: bytes, *, stream: bool) -> Reading:
    reading = Reading()
    calls: dict[tuple[int, Any], list[str]] = {}
    reasons: dict[int, str] = {}
    for obj in _objects(body, stream=stream):
        if obj.get("error"):
            reading.error = True
        usage = obj.get("usage") or (obj.get("x_groq") or {}).get("usage")
        if usage:
            reading.usage = {
                "input": usage.get("prompt_tokens"),
                "output": usage.get("completion_tokens"),
                "cached": (usage.get("prompt_tokens_details") or {}).get("cached_tokens"),
                "reasoning": (usage.get("completion_tokens_details") or {}).get("reasoning_tokens"),
            }
        for choice in obj.get("choices") or []:
            number = choice.get("index", 0)
            said = choice.get("delta") or choice.get("message") or {}
            content = said.get("content") or ""
            if isinstance(content, list):
                for part in content:
                    if part["type"] == "text":
                        reading.text[number] += part["text"]
                    elif part["type"] == "thinking":
                        reading.reasoning += "".join(piece["text"] for piece in part["thinking"])
            else:
                reading.text[number] += content
            reading.reasoning += said.get("reasoning_content") or said.get("reasoning") or ""
            reading.refusal += said.get("refusal") or ""
            listed = said.get("tool_calls") or []
            if said.get("function_call"):
                listed = [{"index": 0, "function": said["function_call"]}]
            for position, call in enumerate(listed):
                slot = call.get("index", call.get("id")) if stream else position
                pieces = calls.setdefault((number, slot), ["", ""])
                function = call.get("function") or {}
                pieces[0] = pieces[0] or function.get("name") or ""
                given = function.get("arguments")
                pieces[1] += json.dumps(given) if isinstance(given, dict) else given or ""
            # A stream that comes to its [DONE] without a word about the end ended well.
            reasons[number] = choice.get("finish_reason") or reasons.get(number) or "stop"
    reading.calls = [(number, name, arguments(text)) for (number, _), (name, text) in calls.items()]
    for number, reason in reasons.items():
        reading.finish[number] = finish_word(reason, calls=any(n == number for n, _ in calls))
    return reading


def _completions(body: bytes, *, stream: bool) -> Reading:
    reading = Reading()
    for obj in _objects(body, stream=stream):
        usage = obj.get("usage")
        if usage:
            reading.usage = {"input": usage.get("prompt_tokens"), "output": usage.get("completion_tokens")}
        for choice in obj.get("choices") or []:
            reading.text[choice.get("index", 0)] += choice.get("text") or ""
            if choice.get("finish_reason"):
                reading.finish[choice.get("index", 0)] = finish_word(choice["finish_reason"], calls=False)
    return reading


def _anthropic(body: bytes, *, stream: bool) -> Reading:
    reading = Reading()
    if not stream:
        obj = json.loads(body)
        blocks, usage, reason = obj["content"], obj["usage"], obj["stop_reason"]
        inputs = [block.get("input") for block in blocks]
    else:
        blocks, inputs, usage, reason = [], [], {}, ""
        for name, data in sse(body):
            obj = json.loads(data)
            kind = obj.get("type") or name
            if kind == "error":
                reading.error = True
            elif kind == "message_start":
                usage = dict(obj["message"].get("usage") or {})
            elif kind == "content_block_start":
                blocks.append(dict(obj["content_block"]))
                inputs.append("")
            elif kind == "content_block_delta":
                delta, block = obj["delta"], blocks[obj["index"]]
                for key in ("text", "thinking"):
                    if key in delta:
                        block[key] = block.get(key, "") + delta[key]
                if "partial_json" in delta:
                    inputs[obj["index"]] += delta["partial_json"]
            elif kind == "message_delta":
                reason = obj["delta"].get("stop_reason") or reason
                usage.update(
                    {key: value for key, value in (obj.get("usage") or {}).items() if value is not None}
                )
    for spent in usage.get("iterations") or []:
        if spent.get("type") == "compaction":  # not in the counts above it
            for name, number in spent.items():
                if name.endswith("_tokens"):
                    usage[name] = (usage.get(name) or 0) + (number or 0)
    for block, given in zip(blocks, inputs, strict=True):
        if block["type"] == "text":
            reading.text[0] += block["text"]
        elif block["type"] == "thinking":
            reading.reasoning += block["thinking"]
        elif block["type"] == "tool_use":
            reading.calls.append((0, block["name"], arguments(given)))
    reads, writes = usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")
    reading.usage = {
        "input": usage.get("input_tokens", 0) + (reads or 0) + (writes or 0),
        "output": usage.get("output_tokens"),
        "cached": reads,
        "cache_write": writes,
    }
    if reason:
        reading.finish[0] = finish_word(reason, calls=False)
    return reading


def _responses(body: bytes, *, stream: bool) -> Reading:
    reading = Reading()
    if stream:
        final: dict[str, Any] = {}
        for obj in _objects(body, stream=True):
            if obj["type"] in ("response.completed", "response.incomplete", "response.failed"):
                final = obj["response"]
            elif obj["type"] == "error":
                reading.error = True
    else:
        final = json.loads(body)
    for item in final.get("output") or []:
        if item["type"] == "message":
            for part in item["content"]:
                if part["type"] == "output_text":
                    reading.text[0] += part["text"]
                elif part["type"] == "refusal":
                    reading.refusal += part["refusal"]
        elif item["type"] == "reasoning":
            reading.reasoning += "".join(part["text"] for part in item.get("summary") or [])
            reading.reasoning += "".join(part["text"] for part in item.get("content") or [])
        elif item["type"] == "function_call":
            reading.calls.append((0, item["name"], arguments(item["arguments"])))
    usage = final.get("usage") or {}
    if usage:
        reading.usage = {
            "input": usage.get("input_tokens"),
            "output": usage.get("output_tokens"),
            "cached": (usage.get("input_tokens_details") or {}).get("cached_tokens"),
            "reasoning": (usage.get("output_tokens_details") or {}).get("reasoning_tokens"),
        }
    if final.get("error"):
        reading.error = True
    why = (final.get("incomplete_details") or {}).get("reason")
    word = why or ("stop" if final.get("status") == "completed" else final.get("status") or "")
    if word:
        reading.finish[0] = finish_word(word, calls=bool(reading.calls))
    return reading


def _gemini(body: bytes, *, stream: bool) -> Reading:
    reading = Reading()
    for obj in _objects(body, stream=stream):
        usage = obj.get("usageMetadata")
        if usage:
            thoughts = usage.get("thoughtsTokenCount")
            reading.usage = {
                "input": usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
                if "promptTokenCount" in usage
                else None,
                "output": usage.get("candidatesTokenCount", 0) + (thoughts or 0)
                if "candidatesTokenCount" in usage
                else thoughts,
                "cached": usage.get("cachedContentTokenCount"),
                "reasoning": thoughts,
            }
        if (obj.get("promptFeedback") or {}).get("blockReason"):
            reading.finish[0] = "content_filter"
        for candidate in obj.get("candidates") or []:
            number = candidate.get("index", 0)
            for part in (candidate.get("content") or {}).get("parts") or []:
                if part.get("thought"):
                    reading.reasoning += part.get("text", "")
                elif "text" in part:
                    reading.text[number] += part["text"]
                elif "functionCall" in part:
                    call = part["functionCall"]
                    reading.calls.append((number, call["name"], call.get("args") or {}))
            if candidate.get("finishReason"):
                reading.finish[number] = finish_word(candidate["finishReason"], calls=bool(reading.calls))
    return reading


def _converse(body: bytes, *, stream: bool) -> Reading:
    reading = Reading()
    reason, usage = "", {}
    if stream:
        blocks: dict[int, dict[str, Any]] = {}
        for name, obj in frames(body):
            if name == "contentBlockStart":
                begun = obj["start"].get("toolUse")
                blocks[obj["contentBlockIndex"]] = {"toolUse": dict(begun, input="")} if begun else {}
            elif name == "contentBlockDelta":
                block, delta = blocks.setdefault(obj["contentBlockIndex"], {}), obj["delta"]
                if "text" in delta:
                    block["text"] = block.get("text", "") + delta["text"]
                if "toolUse" in delta:
                    block["toolUse"]["input"] += delta["toolUse"]["input"]
                if "reasoningContent" in delta:
                    reading.reasoning += delta["reasoningContent"].get("text", "")
            elif name == "messageStop":
                reason = obj["stopReason"]
            elif name == "metadata":
                usage = obj["usage"]
        content = list(blocks.values())
    else:
        obj = json.loads(body)
        content, reason, usage = obj["output"]["message"]["content"], obj["stopReason"], obj["usage"]
    for block in content:
        if "text" in block:
            reading.text[0] += block["text"]
        if "toolUse" in block:
            reading.calls.append((0, block["toolUse"]["name"], arguments(block["toolUse"]["input"])))
        if "reasoningContent" in block:
            reading.reasoning += block["reasoningContent"].get("reasoningText", {}).get("text", "")
    reads, writes = usage.get("cacheReadInputTokens"), usage.get("cacheWriteInputTokens")
    reading.usage = {
        "input": usage.get("inputTokens", 0) + (reads or 0) + (writes or 0),
        "output": usage.get("outputTokens"),
    }
    if reason:
        reading.finish[0] = finish_word(reason, calls=False)
    return reading


def _cohere(body: bytes, *, stream: bool) -> Reading:
    reading = Reading()
    objects = _objects(body, stream=stream)
    calls: dict[int, list[str]] = {}
    reason, usage = "", {}
    for obj in objects:
        if not stream:
            message = obj["message"]
            reading.reasoning += message.get("tool_plan") or ""
            for part in message.get("content") or []:
                if part["type"] == "text":
                    reading.text[0] += part["text"]
                elif part["type"] == "thinking":
                    reading.reasoning += part["thinking"]
            for position, call in enumerate(message.get("tool_calls") or []):
                calls[position] = [call["function"]["name"], call["function"]["arguments"]]
            reason, usage = obj["finish_reason"], obj.get("usage") or {}
            continue
        delta = obj.get("delta") or {}
        message = delta.get("message") or {}
        match obj["type"]:
            case "content-start" | "content-delta":
                reading.text[0] += message["content"].get("text") or ""
                reading.reasoning += message["content"].get("thinking") or ""
            case "tool-plan-delta":
                reading.reasoning += message["tool_plan"]
            case "tool-call-start":
                function = message["tool_calls"]["function"]
                calls[obj["index"]] = [function["name"], function.get("arguments") or ""]
            case "tool-call-delta":
                calls[obj["index"]][1] += message["tool_calls"]["function"]["arguments"]
            case "message-end":
                reason, usage = delta.get("finish_reason") or "", delta.get("usage") or {}
    reading.calls = [(0, name, arguments(text)) for name, text in calls.values()]
    tokens = usage.get("billed_units") or {}
    if tokens:
        reading.usage = {"input": tokens.get("input_tokens"), "output": tokens.get("output_tokens")}
    if reason:
        reading.finish[0] = finish_word(reason, calls=False)
    return reading
