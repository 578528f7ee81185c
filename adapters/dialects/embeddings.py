"""OpenAI's embeddings: requests checked, answers counted; the vectors pass through."""

from __future__ import annotations

import struct
from base64 import b64decode
from dataclasses import dataclass, replace
from typing import Any

from adapters.canonical import Json, Usage
from adapters.dialect import CostOf, Tap
from adapters.dialects.openai_shared.body_tap import ChatBodyTap
from adapters.dialects.openai_shared.usage import decode_usage
from adapters.dialects.shared.lenient import count
from adapters.dialects.shared.no_answer import no_answer, whole_object
from adapters.dialects.shared.strict import fail, maybe_count, string

PATH = "/embeddings"


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """`inputs` are texts or lists of token numbers; everything else stays in the body."""

    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingAnswer:
    """`vectors` are (index, numbers) as sent."""

    model: str | None
    vectors: tuple[tuple[int, list[float]], ...]
    usage: Usage


def decode_embedding_request(body: Json) -> EmbeddingRequest:
    """Raises InvalidRequest."""
    model = string(body.get("model"), "model", empty=False)
    encoding = body.get("encoding_format")
    if encoding not in (None, "float", "base64"):
        fail('encoding_format must be "float" or "base64"', "encoding_format")
    return EmbeddingRequest(model, _inputs(body.get("input")), maybe_count(body, "dimensions", least=1))


def _inputs(raw: Any) -> tuple[str | tuple[int, ...], ...]:
    if isinstance(raw, str):
        raw = [raw]
    if not isinstance(raw, list) or not raw:
        fail("input must be a text or a list that isn't empty", "input")
    if all(_is_token(item) for item in raw):
        return (tuple(raw),)
    inputs: list[str | tuple[int, ...]] = []
    for i, item in enumerate(raw):
        if isinstance(item, str):
            inputs.append(item)
        elif isinstance(item, list) and item and all(_is_token(token) for token in item):
            inputs.append(tuple(item))
        else:
            fail(f"input[{i}] must be a text or a list of token numbers", f"input[{i}]")
    return tuple(inputs)


def _is_token(item: object) -> bool:
    return isinstance(item, int) and not isinstance(item, bool)


def decode_embeddings(body: bytes) -> EmbeddingAnswer:
    """Raises ProviderError or Truncated."""
    obj = _whole(body)
    vectors = tuple(
        (item.get("index", i), _vector(item.get("embedding"))) for i, item in enumerate(obj["data"])
    )
    raw = obj.get("usage")
    return EmbeddingAnswer(obj.get("model"), vectors, _usage(raw if isinstance(raw, dict) else {}))


def _whole(body: bytes) -> Json:
    """Raises ProviderError for a body that holds no vectors: what was asked for has one at least."""
    raw = whole_object(body)
    data = raw.get("data")
    if raw.get("error") or not isinstance(data, list) or not data:
        raise no_answer(raw)
    if not all(isinstance(item, dict) and item.get("embedding") for item in data):
        raise no_answer(raw)
    return raw


def _usage(raw: Json) -> Usage:
    usage = decode_usage(raw)
    if usage.input is None:
        # Voyage reports the total only, which is all input here.
        usage = replace(usage, input=count(raw.get("total_tokens")))
    return usage


def _vector(raw: Any) -> list[float]:
    if isinstance(raw, str):
        packed = b64decode(raw)
        return list(struct.unpack(f"<{len(packed) // 4}f", packed))
    return list(raw or ())


def embeddings_tap(cost_of: CostOf) -> Tap:
    """Watches an answer that passes through: usage is noted and its cost spliced in."""
    return ChatBodyTap(cost_of=cost_of, read=_whole, count=_usage)
