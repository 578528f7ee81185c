"""OpenAI's Responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from tests.clients.upstreams import plots

Json = dict[str, Any]

_USAGE = {
    "input_tokens": plots.INPUT,
    "input_tokens_details": {"cached_tokens": plots.CACHED},
    "output_tokens": plots.OUTPUT,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": plots.INPUT + plots.OUTPUT,
}


def whole(plot: str) -> Json:
    return _response(plot, "completed", _output(plot), _USAGE)


def stream(plot: str) -> list[bytes]:
    events: list[Json] = []

    def add(kind: str, **fields: Any) -> None:
        events.append({"type": kind, "sequence_number": len(events), **fields})

    add("response.created", response=_response(plot, "in_progress", [], None))
    add("response.in_progress", response=_response(plot, "in_progress", [], None))
    for index, item in enumerate(_output(plot)):
        bare = {**item, "status": "in_progress"}
        match item["type"]:
            case "reasoning":
                add("response.output_item.added", output_index=index, item={**item, "summary": []})
                _thought(add, index, item)
            case "message":
                add("response.output_item.added", output_index=index, item={**bare, "content": []})
                if _text(add, index, item, plot):
                    return [_event(event) for event in events]
            case _:
                add("response.output_item.added", output_index=index, item={**bare, "arguments": ""})
                where = {"item_id": item["id"], "output_index": index}
                for piece in plots.ARGUMENTS:
                    add("response.function_call_arguments.delta", **where, delta=piece)
                add("response.function_call_arguments.done", **where, arguments=item["arguments"])
        add("response.output_item.done", output_index=index, item=item)
    add("response.completed", response=whole(plot))
    return [_event(event) for event in events]


def limited() -> Json:
    return {
        "error": {
            "message": "Rate limit reached for requests",
            "type": "requests",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }


def _output(plot: str) -> list[Json]:
    output: list[Json] = []
    if plot == "think":
        summary = [{"type": "summary_text", "text": "".join(plots.THOUGHT)}]
        output.append(
            {"id": "rs_1", "type": "reasoning", "summary": summary, "encrypted_content": plots.SIGNATURE}
        )
    if plots.pieces(plot):
        part = {"type": "output_text", "text": "".join(plots.pieces(plot)), "annotations": [], "logprobs": []}
        output.append(
            {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
        )
    if plot == "tool":
        output.append(
            {
                "id": "fc_1",
                "type": "function_call",
                "status": "completed",
                "call_id": plots.CALL_ID,
                "name": plots.TOOL,
                "arguments": "".join(plots.ARGUMENTS),
            }
        )
    return output


def _thought(add: Callable[..., None], index: int, item: Json) -> None:
    where = {"item_id": item["id"], "output_index": index, "summary_index": 0}
    add("response.reasoning_summary_part.added", **where, part={"type": "summary_text", "text": ""})
    for piece in plots.THOUGHT:
        add("response.reasoning_summary_text.delta", **where, delta=piece)
    add("response.reasoning_summary_text.done", **where, text="".join(plots.THOUGHT))
    add("response.reasoning_summary_part.done", **where, part=item["summary"][0])


def _text(add: Callable[..., None], index: int, item: Json, plot: str) -> bool:
    """Returns whether the stream breaks off here."""
    where = {"item_id": item["id"], "output_index": index, "content_index": 0}
    part = item["content"][0]
    add("response.content_part.added", **where, part={**part, "text": ""})
    for piece in plots.pieces(plot):
        add("response.output_text.delta", **where, delta=piece, logprobs=[])
    if plot == "broken":
        failed = _response(plot, "failed", [], None)
        failed["error"] = {"code": "server_error", "message": "The engine is overloaded."}
        add("response.failed", response=failed)
        return True
    add("response.output_text.done", **where, text=part["text"], logprobs=[])
    add("response.content_part.done", **where, part=part)
    return False


def _response(plot: str, status: str, output: list[Json], usage: Json | None) -> Json:
    return {
        "id": f"resp_{plot}",
        "object": "response",
        "created_at": 1,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": f"{plot}-2025",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": usage,
    }


def _event(value: Json) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (value["type"].encode(), orjson.dumps(value))
