"""Answers of audio APIs: sound passes as it comes, and what is no answer is a failure."""

from __future__ import annotations

import pytest

from adapters.canonical import Usage
from adapters.dialects.openai_audio.tap import SoundTap
from adapters.errors import ErrorKind, ProviderError, Truncated

JSON, EVENTS, TEXT = b"application/json", b"text/event-stream", b"text/plain; charset=utf-8"


def tap(kind: bytes, *, speech: bool = False) -> SoundTap:
    watch = SoundTap(speech=speech)
    watch.expect(kind)
    return watch


def passed(watch: SoundTap, body: bytes, size: int = 0) -> bytes:
    pieces = [body[at : at + (size or len(body))] for at in range(0, len(body), size or len(body) or 1)]
    return b"".join(map(watch.feed, pieces)) + watch.close()


@pytest.mark.parametrize("kind", [b"audio/mpeg", b"application/octet-stream"])
def test_sound_passes_at_once(kind: bytes) -> None:
    watch = tap(kind, speech=True)
    assert watch.feed(b"ID3\x04") == b"ID3\x04"
    assert watch.content
    assert watch.feed(b'{"error":1}') == b'{"error":1}'
    assert (watch.close(), watch.finish) == (b"", "stop")


def test_sound_that_begins_like_an_object_is_sound() -> None:
    assert passed(tap(b"audio/pcm", speech=True), b'{"\x00\x01', 1) == b'{"\x00\x01'
    assert passed(tap(b"application/octet-stream", speech=True), b'{"\x00\x01', 1) == b'{"\x00\x01'
    long = b"{" + bytes(200_000)
    assert passed(tap(b"application/octet-stream", speech=True), long, 1000) == long


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize(
    "body",
    [b'{"text":"Jupiter."}', b'{"text":""}', b'{"segments":[],"duration":2.5}', b'{"text":"a","error":null}'],
)
def test_a_transcript_is_an_answer(body: bytes, size: int) -> None:
    assert passed(tap(JSON), body, size) == body


@pytest.mark.parametrize("speech", [False, True])
@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("kind", [JSON, TEXT, b"text/html"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"detail":"Not authenticated"}',
        b'{"error":{"message":"no"}}',
        b'{"object":"error","message":"no"}',
        b"<!DOCTYPE html><title>502</title>",
    ],
)
def test_an_error_is_none_whatever_it_is_called(kind: bytes, body: bytes, size: int, speech: bool) -> None:
    watch = tap(kind, speech=speech)
    with pytest.raises(ProviderError):
        passed(watch, body, size)
    assert not watch.content


@pytest.mark.parametrize("body", [b"{}", b"null", b"[]", b"", b"oops"])
def test_json_that_says_nothing_is_no_answer(body: bytes) -> None:
    for speech in (False, True):
        with pytest.raises((ProviderError, Truncated)):
            passed(tap(JSON, speech=speech), body)


def test_no_sound_is_no_answer_but_a_silent_recording_has_no_words() -> None:
    with pytest.raises(ProviderError):
        tap(b"audio/mpeg", speech=True).close()
    assert passed(tap(TEXT), b"") == b""
    assert passed(tap(TEXT), b"{inaudible} yes", 1) == b"{inaudible} yes"


DELTA = b'data: {"type":"transcript.text.delta","delta":"Ju"}\n\n'
ENDED = b'data: {"type":"transcript.text.done","text":"Ju","usage":{"input_tokens":7,"output_tokens":2}}\n\n'


@pytest.mark.parametrize("size", [0, 1, 9])
def test_events_pass_and_tell_the_usage(size: int) -> None:
    watch = tap(EVENTS)
    assert passed(watch, DELTA * 3 + ENDED, size) == DELTA * 3 + ENDED
    assert watch.usage == Usage(input=7, output=2)


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize(
    "body",
    [
        b'data: {"error":{"message":"busy","code":503}}\n\n',
        b'data: {"detail":"no"}\n\n',
        b"data: {oops\n\n",
        b"data: [DONE]\n\n",
        b": wait\n\n",
        b'event: error\ndata: {"message":"no"}\n\n',
        b'{"detail":"no"}',
        b"",
    ],
)
def test_events_that_say_nothing_are_no_answer(body: bytes, size: int) -> None:
    watch = tap(EVENTS)
    with pytest.raises(ProviderError):
        passed(watch, body, size)
    assert not watch.content


def test_an_error_after_the_first_event_is_told() -> None:
    watch = tap(EVENTS)
    assert watch.feed(DELTA) == DELTA
    with pytest.raises(ProviderError) as caught:
        watch.feed(b'data: {"error":{"message":"busy","code":503}}\n\n')
    assert caught.value.kind is ErrorKind.OVERLOADED


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (b'{"seconds":2.5}', Usage(seconds=2.5)),
        (b'{"seconds":"2"}', None),
        (b'{"seconds":-1}', None),
        (b'{"input_tokens":null,"output_tokens":null}', None),
        (b'{"input_tokens":7,"output_tokens":2}', Usage(input=7, output=2)),
        (b"null", None),
    ],
)
def test_a_usage_that_is_none_leaves_what_was_measured(usage: bytes, counted: Usage | None) -> None:
    watch = tap(JSON)
    passed(watch, b'{"text":"a","usage":%b}' % usage)
    assert watch.usage == counted
