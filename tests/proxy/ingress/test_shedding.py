"""Who is let in, by what is under way, what waits to be booked, and how long a turn of the event loop takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
import pytest

from proxy.ingress.errors import Refusal
from proxy.ingress.shedding import BUSY, LATE_S, MOST_FEEDBACK, Shedding
from proxy.learning.journal import Journal
from proxy.learning.learner import Learner
from proxy.learning.pace import LONGEST_S, SHARE, Pace
from state.sqlite.store import SqliteStore
from tests.proxy.provider import Exchange, Provider
from tests.proxy.running import Launch

ASKED = [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}),
    ("/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}),
    ("/v1/responses", {"input": "Hi"}),
    ("/v1/completions", {"prompt": "Hi"}),
    ("/v1/embeddings", {"input": "Hi"}),
    ("/v1/audio/speech", {"input": "Hi", "voice": "x"}),
]


class Loop:
    """The time, and what is to be called in the next turn."""

    def __init__(self) -> None:
        self.now = 0.0
        self.soon: list[Callable[[], None]] = []

    def turn(self) -> None:
        soon = self.soon.copy()
        self.soon.clear()
        for callback in soon:
            callback()


async def shedding(loop: Loop, calls: dict[int, int]) -> Shedding:
    store = await SqliteStore.open(":memory:")
    journal = Journal(store, Learner(lambda _: None), shared=False)
    await store.close()
    return Shedding(calls, journal, loop.soon.append, most=1000, most_rows=10, clock=lambda: loop.now)


@pytest.mark.parametrize(
    ("calls", "late", "shed"),
    [
        (999, 0.0, None),
        (1000, 0.0, "in_flight"),
        (BUSY, LATE_S, None),
        (BUSY, LATE_S + 0.1, "lag"),
        (BUSY - 1, 60.0, None),
    ],
)
async def test_a_request_is_refused_where_there_is_too_much(
    calls: int, late: float, shed: str | None
) -> None:
    loop = Loop()
    gate = await shedding(loop, dict.fromkeys(range(calls), 0))
    if shed != "in_flight":
        gate.admit()
    loop.now = late
    if shed is None:
        gate.admit()
        return
    with pytest.raises(Refusal) as refused:
        gate.admit()
    assert (refused.value.status, refused.value.shed, refused.value.retry_after_s) == (503, shed, 1.0)
    counts = gate.state()["shed"]
    assert isinstance(counts, dict)
    assert counts[shed] == 1


async def test_the_next_turn_of_the_loop_begins_anew() -> None:
    loop = Loop()
    gate = await shedding(loop, dict.fromkeys(range(BUSY), 0))
    gate.admit()
    loop.now = LATE_S + 0.1
    loop.turn()
    gate.admit()
    loop.now += LATE_S - 0.1
    gate.admit()


async def test_feedback_has_a_bound_of_its_own() -> None:
    gate = await shedding(Loop(), dict.fromkeys(range(5000), 0))
    gate.admit_feedback()
    gate._journal.backlog_feedback = MOST_FEEDBACK
    with pytest.raises(Refusal, match="feedback"):
        gate.admit_feedback()


@pytest.mark.parametrize(("path", "body"), ASKED)
async def test_every_api_refuses_in_its_own_words_and_the_rest_goes_on(
    provider: Provider, launch: Launch, path: str, body: dict[str, object]
) -> None:
    asked, free = asyncio.Event(), asyncio.Event()

    async def waiting(exchange: Exchange) -> None:
        asked.set()
        await free.wait()
        await provider_answer(exchange)

    provider.scripts["slow"] = waiting
    gateway = await launch(provider.arm("slow"), server={"max_in_flight": 1})
    first = asyncio.ensure_future(gateway.chat())
    await asked.wait()
    status, told, headers = await gateway.post(path, {"model": "auto", **body})
    assert status == 503
    assert headers["X-Meritorder-Shed"] == "in_flight"
    assert int(headers["Retry-After"]) >= 1
    assert told["error"]["type"] == "overloaded_error"
    assert ("type" in told) == (path == "/v1/messages")
    for others in ("/v1/arms", "/readyz", "/healthz", "/v1/models"):
        assert (await gateway.get(others))[0] == 200
    load = (await gateway.get("/readyz"))[1]["load"]
    assert (load["in_flight"], load["shed"]["in_flight"], load["dropped"]) == (1, 1, 0)
    free.set()
    assert (await first)[0] == 200
    status, answer, _ = await gateway.chat()
    assert status == 200
    assert (await gateway.post("/v1/feedback", {"id": answer["id"], "value": 1.0}))[0] == 200


async def provider_answer(exchange: Exchange) -> None:
    message = {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}
    await exchange.answer(
        {
            "id": f"c{id(exchange)}",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [message],
        }
    )


async def test_answers_that_cannot_be_booked_are_not_given(
    provider: Provider, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.learning.journal.LINGER_S", 3600.0)
    gateway = await launch(provider.arm("good"), server={"max_journal_backlog": 2})
    assert [(await gateway.chat())[0] for _ in range(2)] == [200, 200]
    status, told, headers = await gateway.chat()
    assert (status, headers["X-Meritorder-Shed"]) == (503, "journal")
    assert "wait to be written" in told["error"]["message"]
    assert len(await gateway.decisions()) == 2
    assert (await gateway.chat())[0] == 200


async def test_a_request_without_a_key_is_told_so_before_the_load(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"), server={"api_keys": ["k"]})
    gateway.gateway.shedding._most = 0
    assert (await gateway.chat())[0] == 401
    gateway.session.headers["Authorization"] = "Bearer k"
    assert (await gateway.chat())[0] == 503


async def test_learning_gets_its_share_of_what_others_took() -> None:
    now = 0.0
    turns = 0

    def clock() -> float:
        return now

    pace = Pace(clock)

    async def others(seconds: float) -> None:
        nonlocal now, turns
        now += seconds
        turns += 1

    async def taken(seconds: float) -> None:
        """The others' next turn takes so long."""
        asyncio.ensure_future(others(seconds))
        await pace.turn()

    await taken(0.1)
    assert turns == 1
    now += SHARE * 0.1 / 2  # a slice
    await pace.turn()
    assert turns == 1  # there is time for another one
    now += SHARE * 0.1
    await taken(10.0)
    assert turns == 2
    now += LONGEST_S
    await taken(0.0)
    assert turns == 3


def test_a_refusal_is_small() -> None:
    refusal = Refusal(503, "The gateway is overloaded.", kind="overloaded_error", shed="lag")
    assert orjson.loads(refusal.body())["error"]["type"] == "overloaded_error"


async def test_feedback_is_shed_where_too_much_of_it_waits(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"))
    _, answer, _ = await gateway.chat()
    journal = gateway.gateway.journal
    journal.backlog_feedback += MOST_FEEDBACK
    status, body, headers = await gateway.post("/v1/feedback", {"id": answer["id"], "value": 1})
    assert (status, body["error"]["code"], headers["X-Meritorder-Shed"]) == (503, "overloaded", "feedback")
    assert (await gateway.chat())[0] == 200
    journal.backlog_feedback -= 1
    assert (await gateway.post("/v1/feedback", {"id": answer["id"], "value": 1}))[0] == 200
    journal.backlog_feedback = 0
