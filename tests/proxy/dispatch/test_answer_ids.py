"""The id that a client reads leads to one answer, whatever the upstream does with its own."""

from __future__ import annotations

import orjson
import pytest

from proxy.dispatch.answer_ids import _MOST, AnswerId, AnswerIds

OWN = "gen-1"


def answer_id(ids: AnswerIds | None = None, *, owner: str = "", everywhere: bool = True) -> AnswerId:
    return AnswerId(ids or AnswerIds(), owner, OWN, everywhere=everywhere)


def taken(id: str) -> AnswerIds:
    ids = AnswerIds()
    ids.claim("", id)
    return ids


def test_an_id_that_is_new_passes_untouched() -> None:
    body = b'{ "id": "x", "choices": [] }'
    one = answer_id()
    assert one.settle(body, "x", streamed=False) is body
    assert (one.shown, one.old) == ("x", b"")


@pytest.mark.parametrize("form", [b'"id":"x"', b'"id": "x"', b'"responseId" : "x"'])
def test_an_id_that_repeats_is_the_gateways_own_in_every_event(form: bytes) -> None:
    one = answer_id(taken("x"))
    event = b'data: {%s,"content":"\\"id\\":\\"x\\""}\n\n' % form
    wanted = event.replace(b'"x"', b'"gen-1"', 1)
    assert one.settle(event, "x", streamed=True) == wanted
    assert one.renamed(event + event) == wanted * 2
    assert one.shown == OWN


def test_another_owners_id_is_no_repetition() -> None:
    one = answer_id(taken("x"), owner="team")
    assert one.settle(b'{"id":"x"}', "x", streamed=False) == b'{"id":"x"}'


def test_an_id_that_is_not_found_in_the_bytes_stays() -> None:
    one = answer_id(taken("x"))
    assert one.settle(b'{"\\u0069d":"x"}', "x", streamed=False) == b'{"\\u0069d":"x"}'
    assert one.shown == "x"


@pytest.mark.parametrize("body", [b'{"choices":[]}', b' {"id":null,"choices":[]}', b'{"choices":[],"id":""}'])
def test_a_body_without_an_id_gets_the_gateways_own(body: bytes) -> None:
    one = answer_id()
    assert orjson.loads(one.settle(body, None, streamed=False)) == {"id": OWN, "choices": []}
    assert one.shown == OWN


@pytest.mark.parametrize(
    "event", [b'data: {"a":1}\n\n', b'data: {"id":"","a":1}\n\n', b'data:{"id": null, "a":1}\n\n']
)
def test_a_stream_without_ids_gets_the_gateways_own(event: bytes) -> None:
    one = answer_id()
    events = one.settle(event, None, streamed=True) + one.renamed(event)
    assert [orjson.loads(line[5:]) for line in events.split(b"\n\n")[:-1]] == [{"id": OWN, "a": 1}] * 2
    assert one.renamed(b"data: [DONE]\n\n") == b"data: [DONE]\n\n"


@pytest.mark.parametrize("body", [b"\xff\xfb audio", b"[1]", b'{"data":[]}'])
def test_what_has_no_id_by_its_api_gets_none(body: bytes) -> None:
    assert answer_id(everywhere=False).settle(body, None, streamed=False) is body
    if not body.startswith(b"{"):
        assert answer_id().settle(body, None, streamed=False) is body


def test_what_is_remembered_is_bounded_and_the_newest_are_kept() -> None:
    ids = AnswerIds()
    assert all(ids.claim("", str(n)) for n in range(2 * _MOST + 1))
    assert not ids.claim("", str(2 * _MOST))
    assert not ids.claim("", str(_MOST + 1))
    assert ids.claim("", "0")
