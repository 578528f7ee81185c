"""The vendors, and what each answers at every step of the conversation, in its own words, ids and seals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from benchmarks.switching.seals import seal

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Vendor:
    """`ids` is how it numbers calls: {step} and {n} are filled in, and a style without {step} repeats itself. `seals` is who
    made its seals, `sees` and `reads` whether it takes pictures and documents, `thinks` whether it can be told how hard to.
    """

    name: str
    provider: str
    model: str
    dialect: str = "openai_chat"
    ids: str = "call_{step}{n}abcdefghijklmnopqrst"
    seals: str = ""
    sees: bool = False
    reads: bool = False
    thinks: bool = False


VENDORS = (
    Vendor("OpenAI chat", "openai", "gpt-5.4", sees=True, reads=True),
    Vendor("OpenAI Responses", "openai", "gpt-5.4", "openai_responses", seals="openai", sees=True, reads=True, thinks=True),
    Vendor("Anthropic", "anthropic", "claude-sonnet-4-5", "anthropic_messages", "toolu_01{step}{n}ABCDEFGHIJKLMNOPQRST",
           "anthropic", sees=True, reads=True, thinks=True),
    Vendor("Gemini", "google", "gemini-3.1-pro-preview", "gemini", "", "gemini", sees=True, reads=True, thinks=True),
    Vendor("Bedrock", "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock", "tooluse_{step}{n}ABCDEFGHIJ",
           "anthropic", sees=True, reads=True, thinks=True),
    Vendor("Cohere", "cohere", "command-a-03-2025", "cohere", "get_weather_{step}{n}abcdefg"),
    Vendor("Mistral", "mistral", "mistral-large-2512", ids="Ab3dE7g{step}{n}", sees=True),
    Vendor("DeepSeek", "deepseek", "deepseek-v4-pro", ids="call_00_{step}{n}ABCDEFGHIJKLMN", thinks=True),
    Vendor("xAI", "xai", "grok-4.3", ids="call_{step}{n}234567", sees=True),
    Vendor("Qwen", "alibaba", "qwen3-max", ids="call_{step}{n}0f3c2a9e8d7b6a5f4e3d2c"),
    Vendor("Groq", "groq", "openai/gpt-oss-120b", ids="fc_{step}{n}c6f1e0d-7f5d-4b0a-9a52-0f7e3f6b1c2d"),
    Vendor("Together", "together", "openai/gpt-oss-120b", ids="functions.get_weather:{n}"),
    Vendor("OpenRouter", "openrouter", "openai/gpt-5.4", seals="openrouter", sees=True, reads=True, thinks=True),
    Vendor("Ollama", "ollama", "qwen3", ids="{step}{n}"),
    Vendor("vLLM", "vllm", "Qwen/Qwen3-32B", ids="chatcmpl-tool-{step}{n}" + "0123456789abcdef" * 2),
)  # fmt: skip

CALLS: dict[int, tuple[tuple[str, Json], ...]] = {
    1: (("get_weather", {"city": "Oslo"}), ("now", {})),
    2: (("get_weather", {"city": "Tromsø"}),),
    4: (("now", {}), ("get_weather", {"city": "Bergen"}), ("get_weather", {"city": "Oslo"})),
}
STEPS = 5


def thought(step: int) -> str:
    return f"In step {step} I look at what I have."


def words(step: int) -> str:
    return f"It rains in part {step}."


def sealed(vendor: Vendor, step: int) -> str | None:
    """Returns the seal that the vendor gave in `step`."""
    return seal(vendor.seals, thought(step)) if vendor.seals else None


def answer(vendor: Vendor, step: int, *, thinking: bool) -> bytes:
    """Returns the vendor's whole answer."""
    calls = [
        (vendor.ids.format(step=step, n=n), name, given)
        for n, (name, given) in enumerate(CALLS.get(step, ()))
    ]
    said = None if calls else words(step)
    speak = {
        "openai_chat": _chat,
        "openai_responses": _responses,
        "anthropic_messages": _anthropic,
        "gemini": _gemini,
        "bedrock": _bedrock,
        "cohere": _cohere,
    }[vendor.dialect]
    return orjson.dumps(speak(vendor, said, calls, step if thinking else 0))


_Calls = list[tuple[str, str, Json]]


def _chat(vendor: Vendor, said: str | None, calls: _Calls, step: int) -> Json:
    message: Json = {"role": "assistant", "content": said}
    if calls:
        message["tool_calls"] = [
            {"id": i, "type": "function", "function": {"name": n, "arguments": orjson.dumps(a).decode() if a else ""}}
            for i, n, a in calls
        ]  # fmt: skip
    if step and vendor.seals:
        form = {"format": "openai-responses-v1", "index": 0}
        message["reasoning"] = thought(step)
        message["reasoning_details"] = [
            {"type": "reasoning.summary", "summary": thought(step), **form},
            {"type": "reasoning.encrypted", "data": sealed(vendor, step), "id": f"rs_{step}", **form},
        ]
    elif step:
        message["reasoning_content"] = thought(step)
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    return {"id": f"c-{step}", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}  # fmt: skip


def _responses(vendor: Vendor, said: str | None, calls: _Calls, step: int) -> Json:
    output: list[Json] = []
    if step:
        summary = [{"type": "summary_text", "text": thought(step)}]
        output.append(
            {
                "type": "reasoning",
                "id": f"rs_{step}",
                "summary": summary,
                "encrypted_content": sealed(vendor, step),
            }
        )
    if said:
        part = {"type": "output_text", "text": said, "annotations": []}
        output.append(
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}
        )
    output += [
        {"type": "function_call", "id": f"fc_{i}", "call_id": i, "name": n, "arguments": orjson.dumps(a).decode(),
         "status": "completed"}
        for i, n, a in calls
    ]  # fmt: skip
    usage = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
    return {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "error": None,
            "incomplete_details": None, "output": output, "usage": usage}  # fmt: skip


def _anthropic(vendor: Vendor, said: str | None, calls: _Calls, step: int) -> Json:
    content: list[Json] = (
        [{"type": "thinking", "thinking": thought(step), "signature": sealed(vendor, step)}] if step else []
    )
    content += [{"type": "text", "text": said}] if said else []
    content += [{"type": "tool_use", "id": i, "name": n, "input": a} for i, n, a in calls]
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
            "stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None,
            "usage": {"input_tokens": 9, "output_tokens": 4}}  # fmt: skip


def _gemini(vendor: Vendor, said: str | None, calls: _Calls, step: int) -> Json:
    parts: list[Json] = [{"text": thought(step), "thought": True}] if step else []
    parts += [{"functionCall": {"name": n, "args": a}} for _, n, a in calls]
    parts += [{"text": said}] if said else []
    if step:  # of parallel calls the first alone is sealed
        parts[1]["thoughtSignature"] = sealed(vendor, step)
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "modelVersion": "m", "responseId": "r",
            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13}}  # fmt: skip


def _bedrock(vendor: Vendor, said: str | None, calls: _Calls, step: int) -> Json:
    sealing = {"text": thought(step), "signature": sealed(vendor, step)}
    content: list[Json] = [{"reasoningContent": {"reasoningText": sealing}}] if step else []
    content += [{"text": said}] if said else []
    content += [{"toolUse": {"toolUseId": i, "name": n, "input": a}} for i, n, a in calls]
    return {"output": {"message": {"role": "assistant", "content": content}},
            "stopReason": "tool_use" if calls else "end_turn", "metrics": {"latencyMs": 1},
            "usage": {"inputTokens": 9, "outputTokens": 4, "totalTokens": 13}}  # fmt: skip


def _cohere(vendor: Vendor, said: str | None, calls: _Calls, step: int) -> Json:
    message: Json = {"role": "assistant"}
    if said:
        message["content"] = [{"type": "text", "text": said}]
    if calls:
        message["tool_plan"] = "I look it up."
        message["tool_calls"] = [
            {"id": i, "type": "function", "function": {"name": n, "arguments": orjson.dumps(a).decode()}}
            for i, n, a in calls
        ]
    counts = {"input_tokens": 9, "output_tokens": 4}
    return {"id": "c", "finish_reason": "TOOL_CALL" if calls else "COMPLETE", "message": message,
            "usage": {"billed_units": counts, "tokens": counts}}  # fmt: skip
