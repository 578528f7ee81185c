from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.canonical import Usage
from adapters.dialects.openai_chat.dialect import OPENAI_CHAT
from adapters.dialects.openai_chat.tap import ChatStreamTap
from adapters.errors import ErrorKind, ProviderError, Truncated

HEAD = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":'


def chunk(delta: str, finish: str = "null", usage: str = "null") -> bytes:
    return HEAD + f'[{{"index":0,"delta":{delta},"finish_reason":{finish}}}],"usage":{usage}}}\n\n'.encode()


ROLE = chunk('{"role":"assistant","content":""}')
TEXT = chunk('{"content":"say \\"usage\\":{ and \\"finish_reason\\":\\"stop\\" [DONE"}')
END = chunk("{}", '"stop"')
USAGE = (
    HEAD
    + b'[],"usage":{"prompt_tokens":9,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":0}}}\n\n'
)
DONE = b"data: [DONE]\n\n"
KEEP = b": keep-alive\n\n"
STREAM = KEEP + ROLE + TEXT * 3 + KEEP + END + USAGE + DONE


def tap(*, keep_usage: bool = True, cost: float | None = 0.5) -> ChatStreamTap:
    return ChatStreamTap(keep_usage=keep_usage, cost_of=lambda usage: cost)


def run(watch, *pieces: bytes) -> bytes:
    return b"".join([watch.feed(piece) for piece in pieces]) + watch.close()


def test_an_ordinary_read_passes_as_the_same_object():
    watch = tap()
    watch.feed(ROLE)
    assert watch.feed(TEXT) is TEXT
    both = TEXT + TEXT
    assert watch.feed(both) is both


def test_what_is_ordinary_is_known_from_the_first_content_on_while_nothing_is_held_back():
    watch = tap()
    assert watch.ordinary is None
    watch.feed(ROLE)
    assert watch.ordinary is None
    watch.feed(TEXT)
    head, tail, rest, lead = watch.ordinary
    assert lead == b""
    assert TEXT.startswith(head)
    assert TEXT.endswith(tail)
    assert TEXT.index(b"\n", len(head)) == len(TEXT) - rest
    assert not END.endswith(tail)
    assert not USAGE.startswith(head)
    watch.feed(TEXT[:50])
    assert watch.ordinary is None
    watch.feed(TEXT[50:])
    watch.feed(TEXT)
    assert watch.ordinary == (head, tail, rest, b"")


PADDED = {
    "OpenAI": b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],'
    b'"usage":null,"obfuscation":"f00Bar"}\n\n',
    "Azure": b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null,"index":0}],"id":"c",'
    b'"obfuscation":"Zz9","system_fingerprint":"fp"}\n\n',
    "Mistral": b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],'
    b'"p":"abcdef"}\n\n',
    "spaced": b'data: {"id": "c", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": null}], '
    b'"p": ""}\n\n',
}


@pytest.mark.parametrize("event", PADDED.values(), ids=PADDED)
def test_events_that_are_padded_are_ordinary_whatever_their_padding(event):
    watch = tap()
    watch.feed(event)
    head, tail, rest, lead = watch.ordinary
    assert event.startswith(head)
    assert event.endswith(tail)
    assert event.index(b"\n", len(head)) == len(event) - rest
    before, _, padding = event.removesuffix(tail).rpartition(b'"')
    assert (before + b'"').endswith(lead)
    assert lead.startswith(b'"finish_reason":')
    assert padding.isalnum() or padding == b""


def test_the_ledger_learns_what_it_must_know():
    watch = tap(cost=None)
    assert run(watch, STREAM) == STREAM
    assert (watch.id, watch.model, watch.finish, watch.content, watch.done) == (
        "chatcmpl-1",
        "m-1",
        "stop",
        True,
        True,
    )
    assert watch.usage == Usage(input=9, output=0, cached=0)


def test_the_cost_is_spliced_into_the_usage_and_every_other_byte_stays():
    watch = tap()
    out = run(watch, STREAM)
    assert out == STREAM.replace(b'"usage":{"prompt', b'"usage":{"cost":0.5,"prompt')


def test_a_usage_only_chunk_that_nobody_asked_for_is_dropped():
    watch = tap(keep_usage=False)
    assert run(watch, STREAM) == STREAM.replace(USAGE, b"")
    assert watch.usage is not None


@pytest.mark.parametrize("keep", [True, False])
def test_usage_on_a_chunk_with_choices_is_kept_and_priced(keep):
    both = chunk("{}", '"stop"', '{"prompt_tokens":3,"completion_tokens":4}')
    watch = tap(keep_usage=keep)
    out = run(watch, ROLE, TEXT, both, DONE)
    assert b'"usage":{"cost":0.5,"prompt_tokens":3' in out
    assert watch.usage == Usage(input=3, output=4)


def test_an_upstream_that_names_its_cost_keeps_it():
    named = USAGE.replace(b'{"prompt_tokens"', b'{"cost":0.25,"prompt_tokens"')
    watch = ChatStreamTap(keep_usage=True, cost_of=lambda usage: usage.cost_usd)
    assert named in run(watch, ROLE, TEXT, END, named, DONE)
    assert watch.usage is not None
    assert watch.usage.cost_usd == 0.25


def test_the_cost_goes_into_the_answers_own_usage_when_a_vendor_nests_another():
    nested = (
        HEAD
        + b'[],"x_groq":{"usage":{"queue_time":1}},"usage":{"prompt_tokens":9,"completion_tokens":1}}\n\n'
    )
    out = run(tap(), ROLE, TEXT, END, nested, DONE)
    event = json.loads(out.split(b"\n\n")[3][6:])
    assert event["usage"]["cost"] == 0.5
    assert event["x_groq"]["usage"] == {"queue_time": 1}


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("spaced", [False, True])
def test_every_way_of_writing_events_is_read(newline, spaced):
    stream = STREAM.replace(b'":', b'": ') if spaced else STREAM
    stream = stream.replace(b"\n", newline)
    for pieces in ([stream], [stream[i : i + 1] for i in range(len(stream))]):
        watch = tap(keep_usage=False)
        out = run(watch, *pieces)
        assert watch.usage == Usage(input=9, output=0, cached=0)
        assert watch.finish == "stop"
        assert watch.done
        assert b"prompt_tokens" not in out


def test_unusual_spacing_is_never_taken_for_granted():
    stream = STREAM.replace(b'":', b'" : ')
    watch = tap()
    watch_out = (
        b"".join(watch.feed(event + b"\n\n") for event in stream.split(b"\n\n") if event) + watch.close()
    )
    assert watch.finish == "stop"
    assert watch.usage is not None
    assert b'"cost":0.5' in watch_out


@given(st.lists(st.integers(0, len(STREAM)), max_size=20), st.booleans())
def test_any_splitting_gives_the_same_bytes_and_facts(cuts, keep):
    marks = [0, *sorted(cuts), len(STREAM)]
    whole, cut = tap(keep_usage=keep), tap(keep_usage=keep)
    assert run(cut, *[STREAM[a:b] for a, b in zip(marks, marks[1:])]) == run(whole, STREAM)
    assert (cut.id, cut.usage, cut.finish, cut.done) == (whole.id, whole.usage, whole.finish, whole.done)


def test_a_role_is_no_content():
    watch = tap()
    watch.feed(ROLE)
    assert not watch.content
    watch.feed(chunk('{"content":"a"}'))
    assert watch.content


@pytest.mark.parametrize(
    "delta",
    ['{"reasoning_content":"a"}', '{"reasoning":"a"}', '{"tool_calls":[{"index":0}]}', '{"refusal":"a"}'],
)
def test_reasoning_tool_calls_and_refusals_are_content(delta):
    watch = tap()
    watch.feed(chunk(delta))
    assert watch.content


def test_azures_annotations_come_first_and_are_passed_on():
    filtered = (
        b'data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[]}\n\n'
    )
    watch = tap(keep_usage=False)
    assert run(watch, filtered, ROLE, TEXT, END, DONE) == filtered + ROLE + TEXT + END + DONE
    assert watch.id == "chatcmpl-1"


def test_a_stream_that_breaks_off_is_truncated():
    watch = tap()
    watch.feed(ROLE + TEXT + TEXT[:40])
    with pytest.raises(Truncated):
        watch.close()


def test_half_an_event_is_never_sent():
    watch = tap()
    out = watch.feed(ROLE + TEXT + TEXT[:40])
    assert out == ROLE + TEXT


def test_a_finish_without_done_is_whole():
    watch = tap()
    run(watch, ROLE, TEXT, END)
    assert watch.finish == "stop"
    assert not watch.done


def test_a_missing_last_blank_line_is_forgiven():
    watch = tap()
    assert run(watch, ROLE + TEXT + END + DONE.rstrip()) == ROLE + TEXT + END + DONE.rstrip()
    assert watch.done


ERROR = b'data: {"error":{"message":"Key sk-abcdefghijkl overloaded","code":503},"choices":[{"index":0,"delta":{}}]}\n\n'


@pytest.mark.parametrize(
    "error", [ERROR, b'event: error\ndata: {"message":"too slow","type":"overloaded_error"}\n\n']
)
def test_an_error_in_the_stream_is_raised_and_not_forwarded(error):
    watch = tap()
    watch.feed(ROLE + TEXT)
    with pytest.raises(ProviderError) as caught:
        watch.feed(error)
    assert caught.value.kind is ErrorKind.OVERLOADED
    assert "sk-" not in caught.value.message


def test_good_events_before_an_error_in_one_read_are_not_lost():
    watch = tap()
    assert watch.feed(ROLE + TEXT + ERROR) == ROLE + TEXT
    with pytest.raises(ProviderError):
        watch.close()
    with pytest.raises(ProviderError):
        watch.feed(TEXT)


def test_an_event_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("adapters.dialects.openai_chat.tap.MAX_EVENT_BYTES", 1000)
    watch = tap()
    for _ in range(4):
        watch.feed(b"data: " + b"x" * 200)
    with pytest.raises(ProviderError):
        watch.feed(b"data: " + b"x" * 200)


BODY = (
    b'{"id":"1","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"a"},'
    b'"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
)


def body_tap():
    return OPENAI_CHAT.tap(stream=False, keep_usage=True, cost_of=lambda usage: 0.5)


def test_a_whole_answer_gains_its_cost():
    watch = body_tap()
    out = run(watch, *[BODY[i : i + 7] for i in range(0, len(BODY), 7)])
    assert out == BODY.replace(b'"usage":{', b'"usage":{"cost":0.5,')
    assert (watch.id, watch.finish, watch.usage) == ("1", "length", Usage(input=1, output=2))


def test_blank_lines_before_a_queued_answer_are_no_harm():
    assert run(body_tap(), b"\n\n", b"\n" + BODY).lstrip().startswith(b'{"id"')


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error":{"message":"no","code":429}}', ProviderError),
        (b'{"object":"error","message":"no"}', ProviderError),
        (b"<html>", ProviderError),
        (b"[]", ProviderError),
        (BODY[:60], Truncated),
        (b"", Truncated),
    ],
)
def test_a_body_that_is_no_answer_is_a_failure(body, error):
    watch = body_tap()
    watch.feed(body)
    with pytest.raises(error):
        watch.close()
