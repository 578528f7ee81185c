"""Answers of the market in the OpenAI chat format."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import orjson

from proxy.market.catalogue import Question
from proxy.market.conditions import Conditions, chosen_letter

_FILLER = (
    "The sample records whether this model was right and how long its answer was, but not the wording,"
    " so these words only fill the answer up to its length."
)

_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Head:
    """What every message of one answer repeats."""

    id: str
    model: str
    created: int


@dataclass(frozen=True, slots=True)
class MarketReply:
    """One answer before it is put on the wire; `pieces` joined are the text."""

    pieces: tuple[str, ...]
    input_tokens: int
    output_tokens: int
    finish_reason: str

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def usage(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
        }


def replay(question: Question, position: int, conditions: Conditions, max_tokens: int | None) -> MarketReply:
    """Returns the recorded answer of model `position`: filled up to its length, ending in its choice."""
    length = question.outcomes[position].output_tokens
    conclusion = f"The answer is ({chosen_letter(question, position, conditions)}).".split(" ")
    words = [*islice(cycle(_FILLER.split()), max(0, length - len(conclusion))), *conclusion]
    return _reply(words, question.input_tokens, length, max_tokens)


def improvise(arm: str, prompt: str, max_tokens: int | None) -> MarketReply:
    """Returns an answer to a prompt that was not recorded: it says where it comes from."""
    words = (
        f"This answer comes from Meritorder's simulated market: arm {arm}, no language model was asked."
        " Set a provider key (OPENAI_API_KEY, MISTRAL_API_KEY, ...) and start again to talk to a real one."
        f' Your message had {len(prompt)} characters and began with "{prompt[:60].strip()}".'
    ).split(" ")
    return _reply(words, len(prompt) // _CHARACTERS_PER_TOKEN + 1, len(words), max_tokens)


def _reply(words: list[str], input_tokens: int, length: int, max_tokens: int | None) -> MarketReply:
    cut = max_tokens is not None and max_tokens < length
    if cut:
        words, length = words[:max_tokens], min(length, max_tokens or 0)
    pieces = tuple(word if position == 0 else f" {word}" for position, word in enumerate(words))
    return MarketReply(pieces, input_tokens, length, "length" if cut else "stop")


def completion(reply: MarketReply, head: Head) -> bytes:
    """Encodes a whole answer."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": reply.text, "refusal": None},
        "logprobs": None,
        "finish_reason": reply.finish_reason,
    }
    return orjson.dumps(
        {
            "id": head.id,
            "object": "chat.completion",
            "created": head.created,
            "model": head.model,
            "choices": [choice],
            "usage": reply.usage,
        }
    )


class Chunks:
    """Encodes the events of one streamed answer."""

    def __init__(self, head: Head) -> None:
        self._head = {
            "id": head.id,
            "object": "chat.completion.chunk",
            "created": head.created,
            "model": head.model,
        }

    def role(self) -> bytes:
        return self._choice({"role": "assistant", "content": ""}, None)

    def content(self, text: str) -> bytes:
        return self._choice({"content": text}, None)

    def finish(self, reason: str) -> bytes:
        return self._choice({}, reason)

    def usage(self, usage: dict[str, int]) -> bytes:
        return self._event({"choices": [], "usage": usage})

    def _choice(self, delta: dict[str, str], finish_reason: str | None) -> bytes:
        return self._event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})

    def _event(self, body: dict[str, Any]) -> bytes:
        return b"data: " + orjson.dumps({**self._head, **body}) + b"\n\n"


DONE = b"data: [DONE]\n\n"


def error_body(message: str, kind: str, code: str | None = None) -> bytes:
    """Encodes an error as OpenAI does."""
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})
