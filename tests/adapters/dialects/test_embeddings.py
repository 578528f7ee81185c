from __future__ import annotations

import base64
import struct

import orjson
import pytest

from adapters.canonical import Usage
from adapters.dialects.embeddings import decode_embedding_request, decode_embeddings, embeddings_tap
from adapters.errors import InvalidRequest, ProviderError


@pytest.mark.parametrize(
    ("given", "inputs"),
    [("a", ("a",)), (["a", "b"], ("a", "b")), ([1, 2], ((1, 2),)), ([[1], [2, 3]], ((1,), (2, 3)))],
)
def test_texts_and_tokens_are_read(given, inputs):
    assert decode_embedding_request({"model": "m", "input": given}).inputs == inputs


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model": ""}, "model"),
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"input": ["a", 1.5]}, "input[1]"),
        ({"input": [[]]}, "input[0]"),
        ({"dimensions": 0}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_a_request_that_is_wrong_names_the_field(change, field):
    with pytest.raises(InvalidRequest) as caught:
        decode_embedding_request({"model": "m", "input": "a"} | change)
    assert caught.value.field == field


def test_vectors_are_read_as_numbers_and_as_base64():
    packed = base64.b64encode(struct.pack("<2f", 0.5, -1.0)).decode()
    data = [{"index": 0, "embedding": [0.5, -1.0]}, {"index": 1, "embedding": packed}]
    answer = decode_embeddings(orjson.dumps({"model": "m", "data": data, "usage": {"prompt_tokens": 3}}))
    assert answer.vectors == ((0, [0.5, -1.0]), (1, [0.5, -1.0]))
    assert answer.usage == Usage(input=3)


def test_the_tap_adds_the_cost():
    tap = embeddings_tap(lambda usage: 0.5)
    tap.feed(b'{"data":[{"index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":3,"total_tokens":3}}')
    assert orjson.loads(tap.close())["usage"]["cost"] == 0.5


def test_an_error_body_is_an_error():
    with pytest.raises(ProviderError):
        decode_embeddings(b'{"error":{"message":"no"}}')
