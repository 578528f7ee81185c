"""The demo's clients: questions through the gateway, grades posted back late, or never."""

from __future__ import annotations

import asyncio
import heapq
import random
import re
import time
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from proxy.market.catalogue import Question

_CONCLUSION = re.compile(r"The answer is \(([A-J])\)")

_STREAMED = 0.5
_FEEDBACK_SHARE = 0.7
"""Three answers in ten are never graded."""

_FEEDBACK_DELAY_S = 20.0
"""Mean delay of a grade at speed 1; exponentially distributed."""

_POST_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Answered:
    """One request as its client saw it. `ttft_s` is None unless the answer was streamed."""

    index: int
    question: Question
    id: str | None
    arm: str | None
    propensity: float | None
    right: bool
    cost_usd: float
    ttft_s: float | None
    seconds: float
    error: str | None


async def ask(session: aiohttp.ClientSession, index: int, question: Question, *, stream: bool) -> Answered:
    """Sends one question to the route "auto" and grades the answer against the key."""
    body: dict[str, Any] = {
        "model": "auto",
        "task": question.task,
        "messages": [{"role": "user", "content": question.prompt}],
        "stream": stream,
    }
    if stream:
        body["stream_options"] = {"include_usage": True}
    start = time.perf_counter()
    reading = _Reading(start)
    arm = propensity = None
    try:
        async with session.post("/v1/chat/completions", data=orjson.dumps(body), headers=_JSON) as response:
            arm = response.headers.get("X-Meritorder-Arm")
            propensity = response.headers.get("X-Meritorder-Propensity")
            if stream and response.status == 200:
                async for line in response.content:
                    reading.line(line)
            else:
                reading.whole(response.status, await response.read())
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
        reading.error = repr(error)
    conclusion = _CONCLUSION.search("".join(reading.text))
    return Answered(
        index=index,
        question=question,
        id=reading.id,
        arm=arm,
        propensity=None if propensity is None else float(propensity),
        right=reading.error is None and conclusion is not None and conclusion[1] == question.key,
        cost_usd=reading.cost_usd,
        ttft_s=reading.ttft_s,
        seconds=time.perf_counter() - start,
        error=reading.error,
    )


_JSON = {"Content-Type": "application/json"}


class _Reading:
    """What was read of one answer so far."""

    def __init__(self, start: float) -> None:
        self._start = start
        self.text: list[str] = []
        self.id: str | None = None
        self.cost_usd = 0.0
        self.ttft_s: float | None = None
        self.error: str | None = None

    def line(self, line: bytes) -> None:
        """Reads one line of an event stream."""
        if not line.startswith(b"data: {"):
            return
        event = orjson.loads(line[6:])
        self._take(event)
        for choice in event.get("choices") or ():
            if piece := choice["delta"].get("content"):
                if self.ttft_s is None:
                    self.ttft_s = time.perf_counter() - self._start
                self.text.append(piece)

    def whole(self, status: int, body: bytes) -> None:
        """Reads an answer that was not streamed."""
        answer = orjson.loads(body)
        self._take(answer)
        if status != 200:
            self.error = self.error or f"HTTP {status}"
        for choice in answer.get("choices") or ():
            self.text.append(choice["message"]["content"] or "")

    def _take(self, message: dict[str, Any]) -> None:
        self.id = message.get("id") or self.id
        self.cost_usd = (message.get("usage") or {}).get("cost") or self.cost_usd
        if failure := message.get("error"):
            self.error = str(failure.get("message"))


class Grades:
    """Posts grades, each after a delay of its own, those that fall due together as one batch."""

    def __init__(self, session: aiohttp.ClientSession, *, rng: random.Random, speed: float) -> None:
        self._session = session
        self._rng = rng
        self._mean_delay_s = _FEEDBACK_DELAY_S / speed
        self._due: list[tuple[float, str, float]] = []
        self.posted = 0
        self.refused = 0

    def consider(self, answered: Answered) -> None:
        """Schedules the grade of an answer, or lets it be forgotten."""
        given = self._rng.random() < _FEEDBACK_SHARE
        delay = self._rng.expovariate(1.0 / self._mean_delay_s)
        if given and answered.id is not None and answered.error is None:
            heapq.heappush(self._due, (time.monotonic() + delay, answered.id, float(answered.right)))

    async def run(self) -> None:
        """Posts what falls due until cancelled."""
        while True:
            await asyncio.sleep(_POST_EVERY_S)
            await self._post(until=time.monotonic())

    async def _post(self, until: float) -> None:
        batch = []
        while self._due and self._due[0][0] <= until:
            _, answer_id, value = heapq.heappop(self._due)
            batch.append({"id": answer_id, "metric": "quality", "value": value})
        if not batch:
            return
        async with self._session.post("/v1/feedback", json=batch) as response:
            if response.status < 300:
                self.posted += len(batch)
            else:
                self.refused += len(batch)


def streamed(rng: random.Random) -> bool:
    """Draws whether a request asks for a stream."""
    return rng.random() < _STREAMED
