"""Which events of other dialects than chat may pass unread."""

import pytest

from adapters.dialects.anthropic.dialect import ANTHROPIC_MESSAGES
from adapters.dialects.cohere.dialect import COHERE
from adapters.dialects.responses.dialect import OPENAI_RESPONSES
from tests.adapters.dialects.laws import conversation, free, streamed


def event(kind: str, rest: str, name: str | None = None) -> bytes:
    return f'event: {name or kind}\ndata: {{"type":"{kind}",{rest}}}\n\n'.encode()


BLOCK = event("content_block_delta", '"index":0,"delta":{"type":"text_delta","text":"a"}')
TEXT = event("response.output_text.delta", '"delta":"a"')
CALL = event("response.function_call_arguments.delta", '"delta":"{"')


def fed(dialect, *reads):
    tap = dialect.tap(stream=True, keep_usage=True, cost_of=free)
    for read in reads:
        tap.feed(read)
    return tap


@pytest.mark.parametrize(("dialect", "delta"), [(ANTHROPIC_MESSAGES, BLOCK), (OPENAI_RESPONSES, TEXT)])
def test_more_of_the_same_content_is_ordinary_while_nothing_is_held_back(dialect, delta):
    assert fed(dialect).ordinary is None
    assert fed(dialect, delta).ordinary is None  # the first may be anything
    head, tail, rest, lead = fed(dialect, delta, delta).ordinary
    assert delta.startswith(head)
    assert delta.endswith(tail)
    assert (delta.index(b"\n", len(head)), lead) == (len(delta) - rest, b"")
    assert fed(dialect, delta, delta, delta[:20]).ordinary is None


@pytest.mark.parametrize(("dialect", "delta"), [(ANTHROPIC_MESSAGES, BLOCK), (OPENAI_RESPONSES, TEXT)])
def test_no_event_that_tells_something_is_ordinary(dialect, delta):
    form = fed(dialect, delta, delta).ordinary
    told = [text + b"\n\n" for text in streamed(dialect, conversation("openai")).split(b"\n\n")]
    telling = [text for text in told if b"delta" not in text.split(b"\n")[0] or b"message_delta" in text]
    assert len(telling) > 3
    assert not [text for text in telling if text.startswith(form.head)]


def test_what_is_ordinary_follows_the_kind_of_content():
    tap = fed(OPENAI_RESPONSES, TEXT, TEXT)
    before = tap.ordinary
    tap.feed(CALL)
    assert CALL.startswith(tap.ordinary.head)
    assert not CALL.startswith(before.head)
    tap.feed(event("response.output_text.done", '"text":"a"'))
    assert CALL.startswith(tap.ordinary.head)


@pytest.mark.parametrize(
    "delta",
    [
        event("response.completed", '"delta":"a"', name="response.output_text.delta"),
        event("response.output_text.delta", '"delta":"a"', name="response.completed"),
        b'event: response.output_text.delta\ndata: {"delta":"a","type":"response.output_text.delta"}\n\n',
        TEXT.replace(b"\n", b"\r\n"),
    ],
    ids=["another type", "another name", "another order", "CRLF"],
)
def test_an_event_of_another_form_is_never_taken_for_the_model(delta):
    assert fed(OPENAI_RESPONSES, TEXT, delta, delta).ordinary is None


def test_a_dialect_that_says_nothing_of_its_deltas_has_all_of_them_read():
    delta = event("content-delta", '"index":0,"delta":{"message":{"content":{"text":"a"}}}')
    tap = fed(COHERE, delta, delta)
    assert (tap.content, tap.ordinary) == (True, None)
