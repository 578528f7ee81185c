"""AWS Bedrock's Converse, whose streams are binary messages with checksums."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import orjson

from tests.clients.upstreams import plots

Json = dict[str, Any]

_USAGE = {
    "inputTokens": plots.INPUT - plots.CACHED,
    "outputTokens": plots.OUTPUT,
    "totalTokens": plots.INPUT + plots.OUTPUT,
    "cacheReadInputTokens": plots.CACHED,
    "cacheWriteInputTokens": 0,
}


def whole(plot: str) -> Json:
    content: list[Json] = []
    if plot == "think":
        thought = {"text": "".join(plots.THOUGHT), "signature": plots.SIGNATURE}
        content.append({"reasoningContent": {"reasoningText": thought}})
    if plots.pieces(plot):
        content.append({"text": "".join(plots.pieces(plot))})
    if plot == "tool":
        arguments = orjson.loads("".join(plots.ARGUMENTS))
        content.append({"toolUse": {"toolUseId": plots.CALL_ID, "name": plots.TOOL, "input": arguments}})
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _stop(plot),
        "usage": _USAGE,
        "metrics": {"latencyMs": 10},
    }


def stream(plot: str) -> list[bytes]:
    events = [message("messageStart", {"role": "assistant"})]
    index = 0
    if plot == "think":
        events += [_delta(index, {"reasoningContent": {"text": piece}}) for piece in plots.THOUGHT]
        events.append(_delta(index, {"reasoningContent": {"signature": plots.SIGNATURE}}))
        events.append(message("contentBlockStop", {"contentBlockIndex": index}))
        index += 1
    events += [_delta(index, {"text": piece}) for piece in plots.pieces(plot)]
    if plot == "broken":
        error = {"message": "The model is overloaded."}
        return [*events, message("serviceUnavailableException", error, kind="exception")]
    if plot == "tool":
        start = {"toolUse": {"toolUseId": plots.CALL_ID, "name": plots.TOOL}}
        events.append(message("contentBlockStart", {"contentBlockIndex": index, "start": start}))
        events += [_delta(index, {"toolUse": {"input": piece}}) for piece in plots.ARGUMENTS]
    return [
        *events,
        message("contentBlockStop", {"contentBlockIndex": index}),
        message("messageStop", {"stopReason": _stop(plot)}),
        message("metadata", {"usage": _USAGE, "metrics": {"latencyMs": 10}}),
    ]


def limited() -> Json:
    return {"message": "Too many requests, please wait before trying again."}


def message(name: str, payload: Json, *, kind: str = "event") -> bytes:
    """Encodes one message: prelude, its checksum, headers, payload, checksum of all."""
    headers = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    packed = b"".join(
        struct.pack("!B", len(key)) + key.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for key, value in headers.items()
    )
    body = orjson.dumps(payload)
    prelude = struct.pack("!II", 16 + len(packed) + len(body), len(packed))
    whole_message = prelude + struct.pack("!I", zlib.crc32(prelude)) + packed + body
    return whole_message + struct.pack("!I", zlib.crc32(whole_message))


def _stop(plot: str) -> str:
    return "tool_use" if plot == "tool" else "end_turn"


def _delta(index: int, delta: Json) -> bytes:
    return message("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
