"""The market's servers, with the vendor's own client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import aiohttp
import openai
import pytest

from proxy.market.catalogue import Catalogue
from proxy.market.market import Market
from tests.proxy.market.conftest import FLASH

LLAMA = "cedar/llama-3.1-70b"

Client = Callable[[str], openai.AsyncOpenAI]


@pytest.fixture
async def client(market: Market) -> AsyncIterator[Client]:
    """Clients by arm name, with the provider's address and key."""
    opened: list[openai.AsyncOpenAI] = []

    def of(arm: str) -> openai.AsyncOpenAI:
        found = next(offered for offered in market.arms if offered.name == arm)
        opened.append(
            openai.AsyncOpenAI(base_url=found.base_url, api_key=found.api_key, max_retries=0, timeout=10)
        )
        return opened[-1]

    yield of
    for one in opened:
        await one.close()


async def test_a_known_prompt_gets_the_recorded_answer(client: Client, catalogue: Catalogue) -> None:
    position = catalogue.positions[LLAMA]
    for question in catalogue.questions[:20]:
        answer = await client(LLAMA).chat.completions.create(
            model="llama-3.1-70b", messages=[{"role": "user", "content": question.prompt}]
        )
        text = answer.choices[0].message.content or ""
        assert text.endswith(f"The answer is ({question.key}).") == question.outcomes[position].right
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == question.input_tokens
        assert answer.usage.completion_tokens == question.outcomes[position].output_tokens


async def test_a_stream_has_the_same_text_and_usage(client: Client, catalogue: Catalogue) -> None:
    question = catalogue.questions[0]
    messages = [{"role": "user", "content": [{"type": "text", "text": question.prompt}]}]
    whole = await client(LLAMA).chat.completions.create(model="llama-3.1-70b", messages=messages)
    stream = await client(LLAMA).chat.completions.create(
        model="llama-3.1-70b", messages=messages, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


async def test_usage_is_streamed_only_on_demand(client: Client) -> None:
    stream = await client(LLAMA).chat.completions.create(
        model="llama-3.1-70b", messages=[{"role": "user", "content": "hello"}], stream=True
    )
    assert all(chunk.usage is None for chunk in [chunk async for chunk in stream])


async def test_an_unknown_prompt_gets_an_answer_that_says_where_it_is_from(client: Client) -> None:
    answer = await client(LLAMA).chat.completions.create(
        model="llama-3.1-70b", messages=[{"role": "user", "content": "What is the capital of Peru?"}]
    )
    assert "simulated market" in (answer.choices[0].message.content or "")
    assert "capital of Peru" in (answer.choices[0].message.content or "")


async def test_max_tokens_cuts_the_answer(client: Client, catalogue: Catalogue) -> None:
    answer = await client(LLAMA).chat.completions.create(
        model="llama-3.1-70b",
        messages=[{"role": "user", "content": catalogue.questions[0].prompt}],
        max_tokens=3,
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3
    assert len((answer.choices[0].message.content or "").split()) == 3


async def test_a_collapsed_arm_answers_wrongly(market: Market, client: Client, catalogue: Catalogue) -> None:
    position = catalogue.positions[LLAMA]
    question = next(q for q in catalogue.questions if q.outcomes[position].right)
    market.set_quality(LLAMA, 0.0)
    answer = await client(LLAMA).chat.completions.create(
        model="llama-3.1-70b", messages=[{"role": "user", "content": question.prompt}]
    )
    assert f"({question.key})" not in (answer.choices[0].message.content or "")


async def test_an_arm_that_is_down_answers_503_and_others_of_its_provider_go_on(
    market: Market, client: Client
) -> None:
    await market.take_down(LLAMA)
    messages = [{"role": "user", "content": "hello"}]
    with pytest.raises(openai.InternalServerError):
        await client(LLAMA).chat.completions.create(model="llama-3.1-70b", messages=messages)
    await client(LLAMA).chat.completions.create(model="llama-3.1-8b", messages=messages)
    await market.bring_up(LLAMA)
    await client(LLAMA).chat.completions.create(model="llama-3.1-70b", messages=messages)


async def test_a_dark_provider_refuses_connections_and_returns_on_its_port(
    market: Market, client: Client
) -> None:
    before = {arm.name: arm.base_url for arm in market.arms}
    await market.take_down(LLAMA, refuse=True)
    messages = [{"role": "user", "content": "hello"}]
    with pytest.raises(openai.APIConnectionError):
        await client(LLAMA).chat.completions.create(model="llama-3.1-70b", messages=messages)
    await market.bring_up(LLAMA)
    await client(LLAMA).chat.completions.create(model="llama-3.1-70b", messages=messages)
    assert {arm.name: arm.base_url for arm in market.arms} == before


async def test_an_arm_can_be_called_once_it_is_on_offer(market: Market, client: Client) -> None:
    birch = client("birch/gemini-1.5-pro")
    messages = [{"role": "user", "content": "hello"}]
    with pytest.raises(openai.NotFoundError):
        await birch.chat.completions.create(model="gemini-1.5-flash", messages=messages)
    assert FLASH not in [arm.name for arm in market.arms]
    market.offer(FLASH)
    await birch.chat.completions.create(model="gemini-1.5-flash", messages=messages)
    assert FLASH in [arm.name for arm in market.arms]


async def test_a_price_rise_shows_in_the_arms_and_in_the_providers_list(market: Market) -> None:
    market.set_price(LLAMA, 5.0)
    arm = next(arm for arm in market.arms if arm.name == LLAMA)
    assert arm.input_usd_per_mtok == pytest.approx(5 * 0.88)
    headers = {"Authorization": f"Bearer {arm.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{arm.base_url}/models") as r:
        rows = {row["id"]: row["pricing"] for row in (await r.json())["data"]}
    assert rows["llama-3.1-70b"]["prompt"] == pytest.approx(5 * 0.88e-6)
    assert rows["llama-3.1-8b"]["prompt"] == pytest.approx(0.18e-6)


async def test_a_wrong_key_is_refused(market: Market) -> None:
    async with openai.AsyncOpenAI(base_url=market.arms[0].base_url, api_key="wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.models.list()


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"model": "gpt-4o"}', b'{"model": "gpt-4o", "messages": [1]}']
)
async def test_a_malformed_request_is_the_clients_fault(market: Market, body: bytes) -> None:
    arm = market.arms[0]
    headers = {"Authorization": f"Bearer {arm.api_key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{arm.base_url}/chat/completions", data=body) as response,
    ):
        assert response.status == 400
        assert (await response.json())["error"]["type"] == "invalid_request_error"


async def test_no_two_answers_have_the_same_id(client: Client) -> None:
    ids = set()
    for _ in range(2):
        answer = await client(LLAMA).chat.completions.create(
            model="llama-3.1-70b", messages=[{"role": "user", "content": "hello"}]
        )
        ids.add(answer.id)
    assert len(ids) == 2
