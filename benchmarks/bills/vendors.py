"""Answers as vendors send them, of what a call really used: the wire side of the simulated day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from benchmarks.bills.ledger import Used

Json = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """One call of the day. `counted` False: the vendor leaves its usage block out. `sent` pieces of `pieces` are sent,
    the rest never, where the client leaves.
    """

    number: int
    arm: str
    client: str
    stream: bool
    text: str
    used: Used
    counted: bool = True
    pieces: int = 8
    sent: int | None = None

    def parts(self) -> list[str]:
        size = -(-len(self.text) // self.pieces)
        return [self.text[at : at + size] for at in range(0, len(self.text), size)]


def event(value: Json, name: str | None = None) -> bytes:
    head = b"" if name is None else b"event: %s\n" % name.encode()
    return head + b"data: " + orjson.dumps(value) + b"\n\n"


# --- OpenAI's chat and those who speak it ---------------------------------------------------------------


def chat_usage(turn: Turn) -> Json:
    used = turn.used
    output = used.output
    if turn.arm == "grok":  # counts reasoning beside the answer
        output -= used.reasoning
    usage: Json = {
        "prompt_tokens": used.input,
        "completion_tokens": output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {"cached_tokens": used.cached, "audio_tokens": used.heard},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
    }
    if used.reported is not None and turn.arm == "grok":
        usage["cost_in_usd_ticks"] = round(used.reported * 1e10)
    elif used.reported is not None and turn.number % 2:
        # With a key of one's own the vendor's part stands beside OpenRouter's fee.
        fee = used.reported / 21
        usage |= {
            "cost": fee,
            "is_byok": True,
            "cost_details": {"upstream_inference_cost": used.reported - fee},
        }
    elif used.reported is not None:
        usage |= {
            "cost": used.reported,
            "is_byok": False,
            "cost_details": {"upstream_inference_cost": used.reported},
        }
    elif turn.arm == "own":
        usage["cost"] = 0  # a gateway that knows no prices
    return usage


def chat_body(turn: Turn) -> bytes:
    body: Json = {
        "id": f"c{turn.number}",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "service_tier": turn.used.tier,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": turn.text}, "finish_reason": "stop"}
        ],
    }
    if turn.counted:
        body["usage"] = chat_usage(turn)
    return orjson.dumps(body)


def chat_stream(turn: Turn) -> Iterator[bytes]:
    def chunk(delta: Json, finish: str | None = None, **more: Any) -> bytes:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        return event(
            {
                "id": f"c{turn.number}",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "m",
                "service_tier": turn.used.tier,
                "choices": choices,
                **more,
            }
        )

    yield chunk({"role": "assistant", "content": ""})
    for part in turn.parts():
        yield chunk({"content": part})
    yield chunk({}, "stop")
    if turn.counted:
        counts = event(
            {
                "id": f"c{turn.number}",
                "choices": [],
                "service_tier": turn.used.tier,
                "usage": chat_usage(turn),
            }
        )
        # Some write it with other spaces than all before, and some twice.
        yield counts.replace(b'"usage":{', b'"usage" : { ') if turn.number % 3 == 0 else counts
        if turn.number % 5 == 0:
            yield counts
    yield b"data: [DONE]\n\n"


# --- OpenAI's responses ---------------------------------------------------------------------------------


def _response(turn: Turn) -> Json:
    used = turn.used
    output: list[Json] = [
        {
            "type": "web_search_call",
            "id": f"ws{n}",
            "status": "completed",
            "action": {"type": "search", "query": "q"},
        }
        for n in range(used.searches)
    ]
    output += [
        {"type": "file_search_call", "id": f"fs{n}", "status": "completed", "queries": []}
        for n in range(used.files)
    ]
    output += [
        {
            "type": "code_interpreter_call",
            "id": f"ci{n}",
            "status": "completed",
            "container_id": f"cn{n}",
            "code": "",
        }
        for n in range(used.containers)
    ]
    content = [{"type": "output_text", "text": turn.text, "annotations": []}]
    output.append(
        {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": content}
    )
    response: Json = {
        "id": f"r{turn.number}",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "m",
        "service_tier": used.tier,
        "output": output,
    }
    if turn.counted:
        response["usage"] = {
            "input_tokens": used.input,
            "input_tokens_details": {"cached_tokens": used.cached},
            "output_tokens": used.output,
            "output_tokens_details": {"reasoning_tokens": used.reasoning},
            "total_tokens": used.input + used.output,
        }
    return response


def responses_body(turn: Turn) -> bytes:
    return orjson.dumps(_response(turn))


def responses_stream(turn: Turn) -> Iterator[bytes]:
    whole = _response(turn)
    yield event(
        {
            "type": "response.created",
            "response": {**whole, "status": "in_progress", "output": [], "usage": None},
        },
        "response.created",
    )
    for part in turn.parts():
        yield event(
            {
                "type": "response.output_text.delta",
                "item_id": "m1",
                "output_index": 0,
                "content_index": 0,
                "delta": part,
            },
            "response.output_text.delta",
        )
    yield event({"type": "response.completed", "response": whole}, "response.completed")


# --- Anthropic ------------------------------------------------------------------------------------------


def _anthropic_usage(turn: Turn) -> Json:
    used = turn.used
    usage: Json = {
        "input_tokens": used.input - used.cached - used.write_5m - used.write_1h,
        "output_tokens": used.output,
        "cache_read_input_tokens": used.cached,
        "cache_creation_input_tokens": used.write_5m + used.write_1h,
        "cache_creation": {
            "ephemeral_5m_input_tokens": used.write_5m,
            "ephemeral_1h_input_tokens": used.write_1h,
        },
        "service_tier": "standard" if used.tier == "default" else used.tier,
        "speed": "fast" if used.fast else "standard",
        "inference_geo": "us" if used.in_us else "global",
    }
    if used.searches:
        usage["server_tool_use"] = {"web_search_requests": used.searches}
    return usage


def anthropic_body(turn: Turn) -> bytes:
    body: Json = {
        "id": f"msg{turn.number}",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": turn.text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
    }
    if turn.counted:
        body["usage"] = _anthropic_usage(turn)
    return orjson.dumps(body)


def anthropic_stream(turn: Turn) -> Iterator[bytes]:
    message: Json = {
        "id": f"msg{turn.number}",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }
    if turn.counted:
        message["usage"] = {**_anthropic_usage(turn), "output_tokens": 1}
    yield event({"type": "message_start", "message": message}, "message_start")
    yield event(
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        "content_block_start",
    )
    for part in turn.parts():
        yield event(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": part}},
            "content_block_delta",
        )
    yield event({"type": "content_block_stop", "index": 0}, "content_block_stop")
    last: Json = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}}
    if turn.counted:
        last["usage"] = _anthropic_usage(turn)  # once more, and not in addition
    yield event(last, "message_delta")
    yield event({"type": "message_stop"}, "message_stop")


# --- Gemini, Cohere, Bedrock ----------------------------------------------------------------------------


def _gemini(turn: Turn, text: str, *, last: bool) -> Json:
    used = turn.used
    candidate: Json = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if last:
        candidate["finishReason"] = "STOP"
        if used.searches:
            candidate["groundingMetadata"] = {"webSearchQueries": [f"q{n}" for n in range(used.searches)]}
    chunk: Json = {"candidates": [candidate], "responseId": f"g{turn.number}", "modelVersion": "m"}
    if turn.counted and last:
        chunk["usageMetadata"] = {
            "promptTokenCount": used.input,
            "candidatesTokenCount": used.output - used.reasoning,
            "thoughtsTokenCount": used.reasoning,
            "totalTokenCount": used.input + used.output,
            "cachedContentTokenCount": used.cached,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": used.input - used.heard},
                {"modality": "AUDIO", "tokenCount": used.heard},
            ],
            "trafficType": "ON_DEMAND_FLEX" if used.tier == "flex" else "ON_DEMAND",
        }
    return chunk


def gemini_body(turn: Turn) -> bytes:
    return orjson.dumps(_gemini(turn, turn.text, last=True))


def gemini_stream(turn: Turn) -> Iterator[bytes]:
    parts = turn.parts()
    for number, part in enumerate(parts):
        yield event(_gemini(turn, part, last=number == len(parts) - 1))


def cohere_body(turn: Turn) -> bytes:
    counts = {"input_tokens": turn.used.input, "output_tokens": turn.used.output}
    body: Json = {
        "id": f"co{turn.number}",
        "finish_reason": "COMPLETE",
        "message": {"role": "assistant", "content": [{"type": "text", "text": turn.text}]},
    }
    if turn.counted:
        body["usage"] = {"billed_units": counts, "tokens": counts}
    return orjson.dumps(body)


def bedrock_body(turn: Turn) -> bytes:
    used = turn.used
    body: Json = {
        "output": {"message": {"role": "assistant", "content": [{"text": turn.text}]}},
        "stopReason": "end_turn",
    }
    if turn.counted:
        body["usage"] = {
            "inputTokens": used.input - used.cached - used.write_5m - used.write_1h,
            "outputTokens": used.output,
            "totalTokens": used.input + used.output,
            "cacheReadInputTokens": used.cached,
            "cacheWriteInputTokens": used.write_5m + used.write_1h,
            "cacheDetails": [
                {"ttl": "5m", "inputTokens": used.write_5m},
                {"ttl": "1h", "inputTokens": used.write_1h},
            ],
        }
    return orjson.dumps(body)


WHOLE = {
    "opus": anthropic_body,
    "sonnet": anthropic_body,
    "answers": responses_body,
    "flash": gemini_body,
    "command": cohere_body,
    "converse": bedrock_body,
}
STREAMED = {
    "opus": anthropic_stream,
    "sonnet": anthropic_stream,
    "answers": responses_stream,
    "flash": gemini_stream,
}
