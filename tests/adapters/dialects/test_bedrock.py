from __future__ import annotations

import datetime as dt

import botocore.auth
import orjson
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Theirs
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.canonical import BuiltinTool, Message, Reasoning, Request, Text, TextDelta, Usage, UsageReport
from adapters.dialects.bedrock.dialect import BEDROCK_CONVERSE
from adapters.dialects.bedrock.sigv4 import Credentials, sign
from adapters.errors import ErrorKind, Inexpressible, InvalidRequest, ProviderError, Truncated
from tests.adapters.dialects.laws import REQUEST, conversation, decoded, free, meaning, streamed

EVENTS = conversation("anthropic")


def _expected():
    events = list(EVENTS)
    # It doesn't count thoughts apart.
    events[-1] = UsageReport(Usage(input=11, output=7, cached=3))
    return meaning(events)


def test_a_stream_decodes_to_what_was_encoded():
    assert meaning(decoded(BEDROCK_CONVERSE, streamed(BEDROCK_CONVERSE, EVENTS), 1 << 20)) == _expected()


def test_a_whole_answer_decodes_to_what_was_encoded():
    body = BEDROCK_CONVERSE.encode_answer(EVENTS, REQUEST, free)
    assert meaning(BEDROCK_CONVERSE.decode_answer(body)) == _expected()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300))
def test_the_splitting_of_a_stream_does_not_matter(size):
    data = streamed(BEDROCK_CONVERSE, EVENTS)
    assert decoded(BEDROCK_CONVERSE, data, size) == decoded(BEDROCK_CONVERSE, data, 1 << 20)


def test_a_cut_stream_is_no_answer():
    data = streamed(BEDROCK_CONVERSE, EVENTS[:6])
    decoder = BEDROCK_CONVERSE.stream_decoder()
    decoder.feed(data[: len(data) // 2])
    with pytest.raises(Truncated):
        decoder.close()


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_the_tap_passes_every_byte_and_knows_what_the_decoder_knows(size):
    data = streamed(BEDROCK_CONVERSE, EVENTS)
    tap = BEDROCK_CONVERSE.tap(stream=True, keep_usage=True, cost_of=free)
    sent = b"".join(tap.feed(data[at : at + size]) for at in range(0, len(data), size)) + tap.close()
    assert sent == data
    assert (tap.content, tap.done, tap.finish) == (True, True, "tool_calls")
    assert tap.usage == _expected()[-1].usage


def test_an_error_within_the_stream_is_raised_after_the_words_before_it():
    encoder = BEDROCK_CONVERSE.stream_encoder(REQUEST, free)
    error = ProviderError(ErrorKind.OVERLOADED, "too busy")
    data = encoder.feed(EVENTS[:6]) + encoder.error(error)
    decoder = BEDROCK_CONVERSE.stream_decoder()
    assert any(isinstance(event, TextDelta) for event in decoder.feed(data))
    with pytest.raises(ProviderError, match="too busy") as raised:
        decoder.close()
    assert raised.value.kind is ErrorKind.OVERLOADED


def test_an_error_answer_keeps_its_message():
    body = BEDROCK_CONVERSE.encode_error(ProviderError(ErrorKind.RATE_LIMIT, "slow down"))
    error = BEDROCK_CONVERSE.decode_error(429, {"retry-after": "3"}, body)
    assert (error.kind, error.message, error.retry_after_s) == (ErrorKind.RATE_LIMIT, "slow down", 3.0)


def test_a_request_without_turns_names_the_missing_field():
    with pytest.raises(InvalidRequest) as raised:
        BEDROCK_CONVERSE.decode_request({"model": "m", "max_tokens": 5})
    assert raised.value.field is not None


@pytest.mark.parametrize(
    "change", [{"logit_bias": {"1": 2}}, {"tools": (BuiltinTool("other", {"type": "x"}),)}]
)
def test_what_it_has_no_words_for_makes_a_request_inexpressible(change):
    with pytest.raises(Inexpressible):
        BEDROCK_CONVERSE.encode_request(Request("m", REQUEST.messages, **change))


def test_thoughts_of_another_vendor_are_not_sent():
    other = "gemini"
    foreign = Message("assistant", (Reasoning("hm", f"{other}:sealed"), Text("hi")))
    body = BEDROCK_CONVERSE.encode_request(Request("m", (*REQUEST.messages, foreign, *REQUEST.messages)))
    assert b"sealed" not in orjson.dumps(body)


def test_the_signature_is_the_one_that_the_vendors_signer_makes(monkeypatch):
    now = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: now.replace(tzinfo=None))
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/a.b-v1%3A0/converse"
    theirs = AWSRequest("POST", url, data=b"{}", headers={"Content-Type": "application/json"})
    botocore.auth.SigV4Auth(Theirs("AK", "SK", "ST"), "bedrock", "us-east-1").add_auth(theirs)
    ours = sign(
        "POST",
        url,
        {"Content-Type": "application/json"},
        b"{}",
        Credentials("AK", "SK", "ST"),
        "us-east-1",
        now.timestamp(),
    )
    assert ours["Authorization"] == theirs.headers["Authorization"]


def test_a_broken_frame_is_the_upstreams_fault():
    data = bytearray(streamed(BEDROCK_CONVERSE, EVENTS))
    data[20] ^= 1
    with pytest.raises(ProviderError) as raised:
        BEDROCK_CONVERSE.stream_decoder().feed(bytes(data))
    assert raised.value.kind is ErrorKind.UPSTREAM
