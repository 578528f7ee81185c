"""Completions, embeddings, transcriptions and speech, with OpenAI's client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from tests.clients.upstreams import plots
from tests.clients.upstreams.others import SOUND, VECTOR
from tests.clients.upstreams.replay import Replay
from tests.proxy.running import Launch, Running

TEXT = "".join(plots.TEXT)
WAVE = ("voice.wav", b"RIFF\x00\r\n--\x00\xffWAVE" * 50, "audio/wav")
COST = (plots.INPUT * 1.0 + plots.OUTPUT * 2.0) * 1e-6

MODELS = ("text-embedding-3-small", "whisper-1", "tts-1", "base", "limit", "limit-tts", "broken-tts")


@pytest.fixture
async def gateway(replay: Replay, launch: Launch) -> Running:
    arms = [replay.arm("openai_chat", model, provider="p") for model in MODELS if model != "base"]
    arms += [
        {**replay.arm("openai_chat", "base", provider="p"), "dialect": "openai_completions"},
        replay.arm("openai_chat", "text", provider="p"),
        replay.arm("anthropic_messages", "text"),
    ]
    routes = {
        "embed": {"arms": ["*/text-embedding-3-small", "*/text"]},
        "voice": {"arms": ["*/limit-tts", "*/tts-1", "*/text"]},
    }
    return await launch(*arms, routes=routes)


@pytest.fixture
async def client(gateway: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=gateway.url + "/v1", api_key="k", max_retries=0) as made:
        yield made


async def test_completions_pass_through_to_a_completion_server(
    gateway: Running, client: openai.AsyncOpenAI, replay: Replay
) -> None:
    answer = await client.completions.create(model="base", prompt="Bon", suffix="!", max_tokens=9)
    assert (answer.choices[0].text, answer.usage.cost) == (TEXT, pytest.approx(COST))
    assert replay.seen[0].json == {"model": "base", "prompt": "Bon", "suffix": "!", "max_tokens": 9}


@pytest.mark.parametrize("model", ["base", "openai_chat/text", "anthropic_messages/text"])
@pytest.mark.parametrize("counted", [False, True])
async def test_completions_stream_from_every_kind_of_arm(
    gateway: Running, client: openai.AsyncOpenAI, model: str, counted: bool
) -> None:
    more: Any = {"stream_options": {"include_usage": True}} if counted else {}
    stream = await client.completions.create(model=model, prompt="Bon", stream=True, **more)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == TEXT
    assert [chunk.usage.completion_tokens for chunk in chunks if chunk.usage] == [plots.OUTPUT] * counted
    [decision] = await gateway.decisions()
    assert (decision.output_tokens, decision.usage_estimated) == (plots.OUTPUT, False)


@pytest.mark.parametrize("model", ["text-embedding-3-small", "embed"])
async def test_embeddings_come_with_their_cost(
    gateway: Running, client: openai.AsyncOpenAI, replay: Replay, model: str
) -> None:
    answer = await client.embeddings.create(model=model, input=["a", "b"], encoding_format="float")
    assert [item.embedding for item in answer.data] == [VECTOR, VECTOR]
    assert answer.usage.cost == pytest.approx(plots.INPUT * 1e-6)
    assert replay.seen[-1].json == {
        "model": "text-embedding-3-small",
        "input": ["a", "b"],
        "encoding_format": "float",
    }
    [decision] = await gateway.decisions()
    assert (decision.task, decision.cost_usd) == ("embeddings", pytest.approx(plots.INPUT * 1e-6))


async def test_a_chat_arm_is_not_asked_for_embeddings(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="offers embeddings"):
        await client.embeddings.create(model="anthropic_messages/text", input="a")
    with pytest.raises(openai.BadRequestError, match="input"):
        await client.embeddings.create(model="auto", input=[])
    with pytest.raises(openai.RateLimitError):
        await client.embeddings.create(model="limit", input="a")


async def test_a_recording_arrives_whole_and_its_words_come_back(
    gateway: Running, client: openai.AsyncOpenAI, replay: Replay
) -> None:
    answer = await client.audio.transcriptions.create(model="whisper-1", file=WAVE, language="fr")
    assert answer.text == "Bonjour"
    assert WAVE[1] in replay.seen[-1].raw
    assert b"whisper-1" in replay.seen[-1].raw
    assert b"content-type: multipart/form-data; boundary=" in replay.seen[-1].head
    [decision] = await gateway.decisions()
    assert (decision.task, decision.cost_usd) == ("transcription", pytest.approx(COST))


async def test_the_model_of_a_form_is_the_arms_own(client: openai.AsyncOpenAI, replay: Replay) -> None:
    await client.audio.transcriptions.create(model="auto", file=WAVE)
    sent = replay.seen[-1].raw
    assert b'name="model"\r\n\r\nwhisper-1\r\n' in sent
    assert WAVE[1] in sent


async def test_a_transcription_may_be_plain_text_or_a_stream(client: openai.AsyncOpenAI) -> None:
    text = await client.audio.transcriptions.create(model="whisper-1", file=WAVE, response_format="srt")
    assert text == "1\r\n"
    stream = await client.audio.transcriptions.create(model="whisper-1", file=WAVE, stream=True)
    assert [event.type async for event in stream] == ["transcript.text.delta", "transcript.text.done"]


async def test_a_form_without_file_or_model_is_refused(client: openai.AsyncOpenAI) -> None:
    url = f"{client.base_url}audio/transcriptions"
    async with httpx.AsyncClient() as http:
        for form, missing in (({"model": (None, "whisper-1")}, "file"), ({"file": WAVE}, "model")):
            answer = await http.post(url, files=form)
            assert answer.status_code == 400
            assert missing in answer.json()["error"]["message"]
        assert (await http.post(url, json={"model": "whisper-1"})).status_code == 400


@pytest.mark.parametrize("model", ["tts-1", "voice"])
async def test_speech_comes_as_bytes_after_a_failed_arm_was_passed_over(
    gateway: Running, client: openai.AsyncOpenAI, model: str
) -> None:
    async with client.audio.speech.with_streaming_response.create(
        model=model, voice="alloy", input="Bonjour"
    ) as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert answer.headers["x-meritorder-arm"] == "openai_chat/tts-1"
        assert await answer.read() == SOUND
    [decision] = await gateway.decisions()
    assert (decision.task, decision.status, decision.cost_usd) == ("speech", "ok", None)


@pytest.mark.parametrize(
    ("model", "more", "usd", "estimated"),
    [
        ("whisper-by-the-minute", {}, 1.5 * 0.006, False),
        ("whisper-by-the-minute", {"response_format": "verbose_json"}, 30.5 / 60 * 0.006, False),
        ("whisper-by-the-minute-silent", {}, 2.0 / 60 * 0.006, True),
    ],
)
async def test_a_transcription_paid_by_the_minute_has_its_cost(
    replay: Replay, launch: Launch, model: str, more: Any, usd: float, estimated: bool
) -> None:
    arm = replay.arm("openai_chat", model, provider="p", audio_minute_usd=0.006)
    del arm["input_usd_per_mtok"], arm["output_usd_per_mtok"]
    gateway = await launch(arm)
    head = (
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0"
        + (8000).to_bytes(4, "little")
        + (16000).to_bytes(4, "little")
    )
    wave = ("voice.wav", head + bytes(32_000 - len(head)), "audio/wav")
    async with openai.AsyncOpenAI(base_url=gateway.url + "/v1", api_key="k", max_retries=0) as client:
        await client.audio.transcriptions.create(model=model, file=wave, **more)
    [decision] = await gateway.decisions()
    assert decision.cost_usd == pytest.approx(usd)
    assert decision.usage_estimated is estimated


async def test_speech_paid_by_the_character_has_its_cost_and_says_that_it_is_counted_here(
    replay: Replay, launch: Launch
) -> None:
    arm = replay.arm("openai_chat", "tts-1", provider="p", speech_usd_per_mchar=15.0)
    gateway = await launch(arm)
    async with openai.AsyncOpenAI(base_url=gateway.url + "/v1", api_key="k", max_retries=0) as client:
        await client.audio.speech.create(model="tts-1", voice="alloy", input="Bonjour")
    [decision] = await gateway.decisions()
    assert decision.cost_usd == pytest.approx(7 * 15e-6)
    assert decision.usage_estimated


async def test_the_cheaper_of_two_voices_is_known_before_the_call(replay: Replay, launch: Launch) -> None:
    arms = [
        replay.arm("openai_chat", "tts-1", provider="p", speech_usd_per_mchar=15.0),
        {**replay.arm("openai_chat", "tts-1", provider="p", speech_usd_per_mchar=30.0), "name": "p/dear-tts"},
    ]
    gateway = await launch(*arms)
    price_only = {"objective": {"value_usd": 1e-6, "second_usd": 0.0}}
    async with openai.AsyncOpenAI(base_url=gateway.url + "/v1", api_key="k", max_retries=0) as client:
        await client.audio.speech.create(model="auto", voice="alloy", input="Bonjour", extra_body=price_only)
    [decision] = await gateway.decisions()
    chances = dict(zip(decision.arms, decision.probabilities, strict=True))
    assert chances["p/dear-tts"] < 0.05


async def test_speech_that_breaks_is_cut_and_not_ended(gateway: Running, client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.APIConnectionError):
        await client.audio.speech.create(model="broken-tts", voice="alloy", input="Bonjour")
    [decision] = await gateway.decisions()
    assert decision.status == "upstream"
