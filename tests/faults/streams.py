"""Answers in every dialect of a provider, and questions in every dialect of a client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.canonical import Event, Finish, Message, Request, Start, Text, TextDelta, Usage, UsageReport
from adapters.dialects import by_name

DIALECTS = (
    "openai_chat",
    "openai_completions",
    "openai_responses",
    "anthropic_messages",
    "gemini",
    "cohere",
    "bedrock",
)
WITHOUT_END_MARK = frozenset({"gemini"})
IN_PATH = frozenset({"gemini", "bedrock"})
"""Dialects whose requests name the model in the path."""

ENDPOINTS = {
    "openai_chat": "/v1/chat/completions",
    "openai_completions": "/v1/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
}
REQUEST = Request(model="m", messages=(Message("user", (Text("Hi"),)),), stream=True, include_usage=True)


def events(
    *texts: str, id: str = "answer-1", finish: bool = True, usage: Usage | None = Usage(input=7, output=3)
) -> list[Event]:
    """Returns an answer that says `texts`, one after the other."""
    found: list[Event] = [Start(id, "m"), *(TextDelta(text) for text in texts)]
    if finish:
        found.append(Finish("stop"))
    if usage is not None:
        found.append(UsageReport(usage))
    return found


def stream(dialect: str, said: Sequence[Event], *, ended: bool = True) -> bytes:
    """Returns an answer as a provider streams it; one that isn't `ended` lacks what its dialect writes at the end."""
    encoder = by_name(dialect).stream_encoder(REQUEST, lambda _: None)
    begun = encoder.feed(said)
    return begun + encoder.close() if ended else begun


def whole(dialect: str, said: Sequence[Event]) -> bytes:
    """Returns an answer in one piece."""
    return by_name(dialect).encode_answer(said, REQUEST, lambda _: None)


def question(client: str, *, stream: bool = True, **more: Any) -> dict[str, Any]:
    """Returns the body of a request in a client's dialect."""
    body: dict[str, Any] = {"model": "auto", "stream": stream, **more}
    match client:
        case "openai_completions":
            body["prompt"] = "Hi"
        case "openai_responses":
            body["input"] = "Hi"
        case _:
            body["messages"] = [{"role": "user", "content": "Hi"}]
    if client == "anthropic_messages":
        body["max_tokens"] = 20
    if client in ("openai_chat", "openai_completions") and stream:
        body["stream_options"] = {"include_usage": True}
    return body
