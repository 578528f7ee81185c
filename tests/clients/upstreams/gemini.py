"""Google's generateContent and streamGenerateContent."""

from __future__ import annotations

from typing import Any

import orjson

from tests.clients.upstreams import plots

Json = dict[str, Any]

_USAGE = {
    "promptTokenCount": plots.INPUT,
    "cachedContentTokenCount": plots.CACHED,
    "candidatesTokenCount": plots.OUTPUT,
    "totalTokenCount": plots.INPUT + plots.OUTPUT,
}


def whole(plot: str) -> Json:
    parts: list[Json] = []
    if plot == "think":
        parts.append({"text": "".join(plots.THOUGHT), "thought": True})
    if plots.pieces(plot):
        text: Json = {"text": "".join(plots.pieces(plot))}
        parts.append(text | ({"thoughtSignature": plots.SIGNATURE} if plot == "think" else {}))
    if plot == "tool":
        parts.append(_call())
    return _answer(plot, parts, finished=True)


def stream(plot: str) -> list[bytes]:
    parts: list[Json] = []
    if plot == "think":
        parts += [{"text": piece, "thought": True} for piece in plots.THOUGHT]
    parts += [{"text": piece} for piece in plots.pieces(plot)]
    if plot == "tool":
        parts.append(_call())
    chunks = [_event(_answer(plot, [part], finished=False)) for part in parts]
    if plot == "broken":
        error = {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
        return [*chunks, _event({"error": error})]
    last = {"text": "", **({"thoughtSignature": plots.SIGNATURE} if plot == "think" else {})}
    return [*chunks, _event(_answer(plot, [last], finished=True))]


def limited() -> Json:
    return {
        "error": {
            "code": 429,
            "message": "You exceeded your current rate limit.",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}],
        }
    }


def _call() -> Json:
    call = {"name": plots.TOOL, "args": orjson.loads("".join(plots.ARGUMENTS))}
    return {"functionCall": call, "thoughtSignature": plots.SIGNATURE}


def _answer(plot: str, parts: list[Json], *, finished: bool) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finished:
        candidate["finishReason"] = "STOP"
    return {
        "candidates": [candidate],
        "usageMetadata": _USAGE,
        "modelVersion": f"{plot}-2025",
        "responseId": f"resp-{plot}",
    }


def _event(value: Json) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\r\n\r\n"
