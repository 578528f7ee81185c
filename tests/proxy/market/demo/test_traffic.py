"""The demo's client, against a gateway of a few lines."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.market.catalogue import Catalogue, Question
from proxy.market.demo.traffic import Answered, Grades, ask

HEADERS = {"X-Meritorder-Arm": "a/b", "X-Meritorder-Propensity": "0.25"}


class Script:
    """Answers with what the test says; keeps what was posted."""

    def __init__(self) -> None:
        self.answer = b""
        self.status = 200
        self.cut = False
        self.asked: list[dict[str, Any]] = []
        self.feedback: list[dict[str, Any]] = []
        self.fed = asyncio.Event()
        self.feedback_status = 200

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        if not self.cut:
            return web.Response(status=self.status, body=self.answer, headers=HEADERS)
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        await response.write(self.answer)
        assert request.transport is not None
        request.transport.abort()
        return response

    async def take(self, request: web.Request) -> web.Response:
        self.feedback += await request.json()
        self.fed.set()
        return web.Response(status=self.feedback_status)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def session(script: Script) -> AsyncIterator[aiohttp.ClientSession]:
    application = web.Application()
    application.router.add_post("/v1/chat/completions", script.chat)
    application.router.add_post("/v1/feedback", script.take)
    async with TestServer(application) as server, aiohttp.ClientSession(server.make_url("/")) as opened:
        yield opened


@pytest.fixture
def question(catalogue: Catalogue) -> Question:
    return replace(catalogue.questions[0], key="C")


def whole(letter: str) -> bytes:
    return (
        b'{"id":"x","choices":[{"message":{"content":"So. The answer is (%s)."}}],"usage":{"cost":0.002}}'
        % letter.encode()
    )


PIECES = (
    b'data: {"id":"x","choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
    b'data: {"id":"x","choices":[{"delta":{"content":"The answer"}}]}\n\n: waiting\n\n'
    b'data: {"id":"x","choices":[{"delta":{"content":" is (C)."}}]}\n\n'
)
END = b'data: {"id":"x","choices":[],"usage":{"cost":0.002}}\n\ndata: [DONE]\n\n'


async def test_the_answers_text_alone_decides_the_grade(
    script: Script, session: aiohttp.ClientSession, question: Question
) -> None:
    for letter in "CD":
        script.answer = whole(letter)
        answered = await ask(session, 7, question, stream=False)
        assert answered.right == (letter == "C")
        assert (answered.index, answered.id, answered.arm, answered.propensity) == (7, "x", "a/b", 0.25)
        assert answered.cost_usd == 0.002
        assert answered.ttft_s is None
    assert script.asked[0]["model"] == "auto"
    assert script.asked[0]["messages"] == [{"role": "user", "content": question.prompt}]
    assert question.key not in script.asked[0]


async def test_a_stream_is_put_together(
    script: Script, session: aiohttp.ClientSession, question: Question
) -> None:
    script.answer = PIECES + END
    answered = await ask(session, 0, question, stream=True)
    assert answered.right
    assert answered.error is None
    assert answered.cost_usd == 0.002
    assert answered.ttft_s is not None
    assert 0 < answered.ttft_s <= answered.seconds


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_status_is_a_failure(
    script: Script, session: aiohttp.ClientSession, question: Question, *, stream: bool
) -> None:
    script.status, script.answer = 503, b'{"error":{"message":"no arm"}}'
    answered = await ask(session, 0, question, stream=stream)
    assert answered.error == "no arm"
    assert not answered.right


async def test_an_error_in_the_stream_is_a_failure(
    script: Script, session: aiohttp.ClientSession, question: Question
) -> None:
    script.answer = PIECES + b'data: {"id":"x","choices":[],"error":{"message":"upstream cut"}}\n\n'
    answered = await ask(session, 0, question, stream=True)
    assert answered.error == "upstream cut"
    assert not answered.right


async def test_a_cut_connection_is_a_failure(
    script: Script, session: aiohttp.ClientSession, question: Question
) -> None:
    script.answer, script.cut = PIECES, True
    answered = await ask(session, 0, question, stream=True)
    assert answered.error is not None
    assert not answered.right


def answered(question: Question, number: int, *, error: str | None = None) -> Answered:
    return Answered(number, question, f"id-{number}", "a/b", 0.5, number % 2 == 0, 0.0, None, 0.1, error)


async def test_seven_grades_in_ten_are_posted_in_batches(
    script: Script, session: aiohttp.ClientSession, question: Question
) -> None:
    feedback = Grades(session, rng=random.Random(1), speed=1e6)
    for number in range(200):
        feedback.consider(answered(question, number))
    for number in range(200, 220):
        feedback.consider(answered(question, number, error="cut"))
    poster = asyncio.create_task(feedback.run())
    await asyncio.wait_for(script.fed.wait(), 30)
    poster.cancel()
    await asyncio.gather(poster, return_exceptions=True)
    assert 120 < len(script.feedback) < 160
    for grade in script.feedback:
        number = int(grade["id"].removeprefix("id-"))
        assert grade == {"id": f"id-{number}", "metric": "quality", "value": float(number % 2 == 0)}
        assert number < 200


async def test_no_grade_is_posted_before_it_is_due(
    script: Script, session: aiohttp.ClientSession, question: Question
) -> None:
    feedback = Grades(session, rng=random.Random(1), speed=1e-6)
    for number in range(50):
        feedback.consider(answered(question, number))
    await feedback._post(until=asyncio.get_running_loop().time() + 1.0)
    assert script.feedback == []
    await feedback._post(until=float("inf"))
    assert feedback.posted == len(script.feedback) > 20
