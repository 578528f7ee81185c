"""One run of the demo: requests in flight, grades on their way, and the market's changes between them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Protocol

from proxy.market.catalogue import Question
from proxy.market.demo.gateway import DemoGateway
from proxy.market.demo.process import MarketProcess
from proxy.market.demo.story import Event, Story
from proxy.market.demo.traffic import Answered, Grades, ask, streamed


class Watcher(Protocol):
    """Hears of events as they happen."""

    def answered(self, answer: Answered) -> None: ...

    def happened(self, event: Event) -> None: ...


class Run:
    """Sends `requests` questions with `in_flight` of them at a time."""

    def __init__(
        self,
        story: Story,
        questions: tuple[Question, ...],
        market: MarketProcess,
        gateway: DemoGateway,
        *,
        seed: int,
        requests: int,
        in_flight: int,
        speed: float,
        watcher: Watcher,
    ) -> None:
        self._market = market
        self._gateway = gateway
        self._requests = requests
        self._in_flight = in_flight
        self._watcher = watcher
        rng = random.Random(seed)
        self._questions = _shuffled_forever(questions, random.Random(rng.getrandbits(64)))
        self._streams = random.Random(rng.getrandbits(64))
        self.feedback = Grades(gateway.session, rng=random.Random(rng.getrandbits(64)), speed=speed)
        self._pending = list(story.events)
        self._sent = 0
        self._turn = asyncio.Lock()
        self.answers: list[Answered] = []

    async def send(self) -> None:
        """Sends everything; afterwards `answers` holds the answers in the order of sending."""
        poster = asyncio.create_task(self.feedback.run(), name="demo feedback")
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._in_flight):
                    group.create_task(self._client(), name=f"demo client {number}")
                # A refused or broken feedback call ends the run with its error, not in silence.
                group.create_task(self._until_sent(poster), name="demo watch")
        finally:
            poster.cancel()
            await asyncio.gather(poster, return_exceptions=True)
        self.answers.sort(key=lambda answer: answer.index)

    async def _until_sent(self, poster: asyncio.Task[None]) -> None:
        while len(self.answers) < self._requests:
            done, _ = await asyncio.wait([poster], timeout=0.2)
            if done:
                await poster

    async def _client(self) -> None:
        while (turn := await self._next()) is not None:
            index, question, stream = turn
            answer = await ask(self._gateway.session, index, question, stream=stream)
            self.answers.append(answer)
            self.feedback.consider(answer)
            self._watcher.answered(answer)

    async def _next(self) -> tuple[int, Question, bool] | None:
        async with self._turn:
            if self._sent == self._requests:
                return None
            while self._pending and self._pending[0].at <= self._sent:
                await self._enact(self._pending.pop(0))
            index = self._sent
            self._sent += 1
            return index, next(self._questions), streamed(self._streams)

    async def _enact(self, event: Event) -> None:
        """Changes the market; the gateway is told only what an operator would tell it."""
        await self._market.ask(event.kind, event.arm, event.amount)
        if event.kind in ("price", "offer"):
            arm = next(arm for arm in self._market.arms if arm.name == event.arm)
            if event.kind == "offer":
                await self._gateway.add_arm(arm)
            else:
                await self._gateway.set_price(arm.name, arm.input_usd_per_mtok, arm.output_usd_per_mtok)
        self._watcher.happened(event)


def _shuffled_forever(questions: tuple[Question, ...], rng: random.Random) -> Iterator[Question]:
    """Every question once in random order, then again in another order."""
    while True:
        yield from rng.sample(questions, len(questions))
