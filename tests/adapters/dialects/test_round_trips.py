"""Canonical → dialect → canonical is the identity for what the dialect can express."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from adapters.canonical import merge
from tests.adapters.dialects.answer_strategies import answers
from tests.adapters.dialects.laws import REQUEST, free
from tests.adapters.dialects.strategies import FEATURES, requests
from tests.adapters.dialects.voices import VOICES

every_dialect = pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.dialect.name)
ASK = replace(REQUEST, include_usage=True)
settled = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
thorough = settings(settled, max_examples=70)


def by_choice(events):
    """Choices may take turns in any way; each keeps its own order."""
    last = [event for event in events if not hasattr(event, "choice")]
    return [
        *sorted((event for event in events if hasattr(event, "choice")), key=lambda event: event.choice),
        *last,
    ]


@every_dialect
def test_what_a_dialect_lacks_is_a_feature_and_has_a_reason(voice):
    assert voice.lacks.keys() <= FEATURES
    assert all(voice.lacks.values())


@every_dialect
@settled
@given(st.data())
def test_a_request_comes_back_as_it_was(voice, data):
    request = data.draw(requests(voice))
    body = orjson.loads(orjson.dumps(voice.dialect.encode_request(request)))
    # Where model and streaming stand in the path, the reader finds them in the body.
    body = {"model": request.model, "stream": request.stream, **body}
    assert voice.dialect.decode_request(body) == request


@every_dialect
@thorough
@given(st.data())
def test_a_whole_answer_comes_back_as_it_was(voice, data):
    events = data.draw(answers(voice))
    body = voice.dialect.encode_answer(events, ASK, free)
    assert by_choice(merge(voice.dialect.decode_answer(body))) == by_choice(events)


@every_dialect
@thorough
@given(st.data())
def test_a_streamed_answer_comes_back_as_it_was_however_it_is_cut(voice, data):
    events = data.draw(answers(voice))
    encoder = voice.dialect.stream_encoder(ASK, free)
    step = data.draw(st.integers(1, 5))
    wire = (
        b"".join(encoder.feed(events[at : at + step]) for at in range(0, len(events), step)) + encoder.close()
    )
    size = data.draw(st.integers(1, len(wire)))
    decoder = voice.dialect.stream_decoder()
    found = [event for at in range(0, len(wire), size) for event in decoder.feed(wire[at : at + size])]
    assert by_choice(merge(found + decoder.close())) == by_choice(events)
