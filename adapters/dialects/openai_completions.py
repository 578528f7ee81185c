"""OpenAI's text completions, which old clients and base models still speak.

A prompt is one user message, so a chat model can answer it, and a completion server can serve a chat of one
message. What only completions know (`suffix`, `echo`, `best_of`) travels in `extras`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson

from adapters.canonical import (
    Event,
    Finish,
    FinishReason,
    Json,
    Message,
    Request,
    Start,
    Text,
    TextDelta,
    UsageReport,
    merge,
    text_of,
)
from adapters.dialect import CostOf, Dialect, StreamDecoder, StreamEncoder, Tap, Traits
from adapters.dialects.openai_chat.decode_answer import ChatStreamDecoder, ChunkReader
from adapters.dialects.openai_chat.decode_request import decode_request as decode_chat
from adapters.dialects.openai_chat.encode_request import encode_request as encode_chat
from adapters.dialects.openai_chat.tap import ChatStreamTap
from adapters.dialects.openai_shared import errors as openai_errors
from adapters.dialects.openai_shared.body_tap import ChatBodyTap
from adapters.dialects.openai_shared.choices import whole_answer
from adapters.dialects.openai_shared.errors import error_object
from adapters.dialects.openai_shared.usage import encode_usage
from adapters.dialects.shared.strict import fail, string
from adapters.errors import Inexpressible, ProviderError

NAME = "openai_completions"

# `logprobs` is a number here and a switch in chat: as an extra it stays what it is.
_OWN = ("suffix", "echo", "best_of", "logprobs")


def decode_request(body: Json) -> Request:
    """Raises InvalidRequest; several prompts in one request are several requests."""
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        fail("prompt must be one text", "prompt")
    plain = {name: value for name, value in body.items() if name != "prompt" and name not in _OWN}
    own = {name: body[name] for name in _OWN if body.get(name) is not None}
    request = decode_chat({**plain, "messages": [{"role": "user", "content": string(prompt, "prompt")}]})
    return replace(request, extras=request.extras | own, dialect=NAME)


def encode_request(request: Request) -> Json:
    """Raises Inexpressible for more than one plain user message."""
    if len(request.messages) != 1 or request.messages[0].role != "user":
        raise Inexpressible("a conversation")
    message: Message = request.messages[0]
    if not all(isinstance(part, Text) for part in message.parts):
        raise Inexpressible("anything but text")
    for feature in ("tools", "tool_choice", "output_format", "thinking", "parallel_tool_calls"):
        if getattr(request, feature):
            raise Inexpressible(feature)
    extras = request.extras if request.dialect == NAME else {}
    body = encode_chat(replace(request, extras={} if extras else request.extras))
    del body["messages"]
    body.pop("verbosity", None)
    return {**body, "prompt": text_of(message.parts), **extras}


class _Reader(ChunkReader):
    def read(self, obj: Json) -> list[Event]:
        choices = obj.get("choices")
        if isinstance(choices, list):
            obj = {**obj, "choices": [_as_chat(choice) for choice in choices if isinstance(choice, dict)]}
        return super().read(obj)


def _as_chat(choice: Json) -> Json:
    return {
        "index": choice.get("index"),
        "delta": {"content": choice.get("text")},
        "finish_reason": choice.get("finish_reason"),
        "error": choice.get("error"),
    }


class CompletionStreamDecoder(ChatStreamDecoder):
    def __init__(self) -> None:
        super().__init__()
        self._reader = _Reader()


class CompletionStreamEncoder:
    """See `StreamEncoder`."""

    def __init__(self, request: Request, cost_of: CostOf) -> None:
        self._request = request
        self._cost_of = cost_of
        self._base = _base(Start(model=request.model), request)

    def feed(self, events: Sequence[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            match event:
                case Start():
                    self._base = _base(event, self._request)
                case TextDelta():
                    out.append(self._choice(event.choice, event.text, None))
                case Finish():
                    out.append(self._choice(event.choice, "", event.reason))
                case UsageReport() if self._request.include_usage:
                    usage = encode_usage(event.usage, self._cost_of(event.usage))
                    out.append(self._chunk({"choices": [], "usage": usage}))
                case _:
                    pass
        return b"".join(out)

    def close(self) -> bytes:
        return b"data: [DONE]\n\n"

    def error(self, error: ProviderError) -> bytes:
        choices = [{"index": 0, "text": "", "finish_reason": "error"}]
        return self._chunk({"error": error_object(error), "choices": choices})

    def _choice(self, number: int, text: str, reason: str | None) -> bytes:
        return self._chunk({"choices": [_choice(number, text, reason)]})

    def _chunk(self, body: Json) -> bytes:
        return b"data: " + orjson.dumps(self._base | body) + b"\n\n"


def _base(start: Start, request: Request) -> Json:
    return {
        "id": start.id or "",
        "object": "text_completion",
        "created": start.created or 0,
        "model": start.model or request.model,
    }


def _choice(number: int, text: str, reason: str | None) -> Json:
    return {"text": text, "index": number, "logprobs": None, "finish_reason": reason}


class OpenAICompletions:
    """See `Dialect`."""

    name = NAME
    traits = Traits(counts_on_request=True, openai_family=True, id_everywhere=True)

    def path(self, model: str, *, stream: bool) -> str:  # noqa: ARG002  the model stands in the body
        return "/completions"

    def encode_request(self, request: Request) -> Json:
        return encode_request(request)

    def stream_decoder(self) -> StreamDecoder:
        return CompletionStreamDecoder()

    def decode_answer(self, body: bytes) -> list[Event]:
        reader = _Reader()
        events = reader.read(whole_answer(body))
        return events + reader.end()

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        return openai_errors.decode_error(status, headers, body)

    def decode_request(self, body: Json) -> Request:
        return decode_request(body)

    def stream_encoder(self, request: Request, cost_of: CostOf) -> StreamEncoder:
        return CompletionStreamEncoder(request, cost_of)

    def encode_answer(self, events: Sequence[Event], request: Request, cost_of: CostOf) -> bytes:
        start = next((event for event in events if isinstance(event, Start)), Start())
        body: Json = _base(start, request)
        texts: dict[int, list[str]] = {}
        reasons: dict[int, FinishReason] = {}
        for event in merge(events):
            match event:
                case TextDelta():
                    texts.setdefault(event.choice, []).append(event.text)
                case Finish():
                    texts.setdefault(event.choice, [])
                    reasons[event.choice] = event.reason
                case UsageReport():
                    body["usage"] = encode_usage(event.usage, cost_of(event.usage))
                case _:
                    pass
        body["choices"] = [_choice(i, "".join(texts[i]), reasons.get(i, "stop")) for i in sorted(texts)]
        return orjson.dumps(body)

    def encode_error(self, error: ProviderError) -> bytes:
        return openai_errors.encode_error(error)

    def tap(self, *, stream: bool, keep_usage: bool, cost_of: CostOf) -> Tap:
        if stream:
            return ChatStreamTap(keep_usage=keep_usage, cost_of=cost_of)
        return ChatBodyTap(cost_of=cost_of)


COMPLETIONS: Dialect = OpenAICompletions()
