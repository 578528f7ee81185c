"""A gateway process from start to end: what ends it orderly, and what it says on the way."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from proxy.commands.serve import ends
from proxy.config import Config
from state.sqlite.store import SqliteStore
from tests.proxy.process import GatewayProcess
from tests.proxy.provider import Exchange, Provider, chunk


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_an_orderly_end_lets_a_stream_finish_and_keeps_what_was_learnt(
    tmp_path: Path, provider: Provider, number: signal.Signals, workers: str
) -> None:
    go = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("one"))
        await go.wait()
        await exchange.event(chunk("two", finish="stop"))
        await exchange.end_stream()

    provider.scripts["slow"] = slow
    running = await GatewayProcess.start(tmp_path, [provider.arm("slow")], "--workers", workers)
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    try:
        async with (
            aiohttp.ClientSession(running.url) as session,
            session.post("/v1/chat/completions", json=body) as answer,
        ):
            await answer.content.readuntil(b"one")
            if number is not signal.SIGTERM:
                os.killpg(running.process.pid, number)  # as a terminal does
            else:
                running.signal(number)
            await running.says("draining")
            go.set()
            assert (await answer.read()).endswith(b"data: [DONE]\n\n")
        assert await running.ended() == 0
    finally:
        await running.kill()
    store = await SqliteStore.open(tmp_path / "journal.db")
    [row] = await store.decisions_between(0.0, 1e12)
    assert row.status == "ok"
    newest, *_ = await store.load_snapshots("learner")
    assert newest[0] == 1, running.lines
    await store.close()


def test_a_lost_terminal_ends_it_unless_it_was_started_to_outlive_it() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        assert ends() == [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert ends() == [signal.SIGTERM, signal.SIGINT]
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_what_it_serves_and_where_is_said_at_the_start(tmp_path: Path, provider: Provider) -> None:
    running = await GatewayProcess.start(tmp_path, [provider.arm("good")])
    await running.kill()
    said = "".join(running.lines)
    assert f"1 arm; what is learnt is kept in {tmp_path / 'journal.db'}" in said
    assert "sk-upstream-secret" not in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"api_key_env": "NO_SUCH_KEY"},
            "meritorder.toml: arm p/good: the environment variable NO_SUCH_KEY is not set",
        )
    ],
)
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_configuration_that_cannot_be_used_ends_it_with_a_reason(
    tmp_path: Path, provider: Provider, change: dict[str, Any], words: str, workers: str
) -> None:
    arm = {**provider.arm("good"), **change}
    del arm["api_key"]
    running = await GatewayProcess.spawn(tmp_path, [arm], "--workers", workers)
    assert await running.ended() == 1
    said = "".join(running.lines)
    assert words in said
    assert "Traceback" not in said


def test_the_default_is_this_machine_alone() -> None:
    assert Config().server.host == "127.0.0.1"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_the_same_signal_again_ends_at_once_and_the_stream_says_why(
    tmp_path: Path, provider: Provider, path: str
) -> None:
    async def hanging(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("one"))
        await exchange.left()

    provider.scripts["hanging"] = hanging
    running = await GatewayProcess.start(tmp_path, [provider.arm("hanging")])
    body = {"model": "auto", "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    try:
        async with (
            aiohttp.ClientSession(running.url) as session,
            session.post(path, json=body) as answer,
        ):
            await answer.content.readuntil(b"one")
            running.signal(signal.SIGTERM)
            await running.says("draining: 1 under way")
            running.signal(signal.SIGTERM)
            rest = await answer.read()
        assert b"The gateway is shutting down." in rest
        assert b"error" in rest
        assert await running.ended() == 0
    finally:
        await running.kill()
    store = await SqliteStore.open(tmp_path / "journal.db")
    [row] = await store.decisions_between(0.0, 1e12)
    assert row.status == "shutdown"  # not the arm's failure
    await store.close()


@pytest.mark.parametrize("level", ["warning", "debug"])
async def test_no_secret_and_nothing_of_a_prompt_is_in_log_database_answers_or_process_list(
    tmp_path: Path, provider: Provider, level: str
) -> None:
    async def refuses(exchange: Exchange) -> None:
        await exchange.answer({"error": {"message": "Incorrect API key provided: sk-upstream-secret."}}, 401)

    provider.scripts["refuses"] = refuses
    arms = [provider.arm("good"), provider.arm("refuses")]
    told = "[server]\napi_keys = ['sk-client-secret']\n"
    running = await GatewayProcess.start(tmp_path, arms, "--log-level", level, told=told)
    heard, rows = "", ""
    try:
        async with aiohttp.ClientSession(running.url) as session:
            for key in ("sk-client-secret", "sk-wrong-secret"):
                for model in ("p/good", "p/refuses"):
                    body = {"model": model, "messages": [{"role": "user", "content": "prompt-secret"}]}
                    headers = {"Authorization": f"Bearer {key}"}
                    async with session.post("/v1/chat/completions", json=body, headers=headers) as answer:
                        heard += await answer.text() + str(answer.headers)
            feedback = {"id": "chatcmpl-1", "value": 1, "comment": "comment-secret"}
            headers = {"x-api-key": "sk-client-secret"}
            async with session.post("/v1/feedback", json=feedback, headers=headers) as answer:
                assert answer.status == 200
            async with session.get("/v1/arms", headers=headers) as answer:
                heard += await answer.text()
        rows = " ".join(psutil.Process(running.process.pid).cmdline())
        running.signal(signal.SIGTERM)
        assert await running.ended() == 0
    finally:
        await running.kill()
    said = "".join(running.lines)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("journal.db*"))
    for secret in ("sk-client-secret", "sk-wrong-secret", "sk-upstream-secret", "prompt-secret"):
        assert secret not in said + heard + rows
        assert secret.encode() not in stored
    assert "comment-secret" not in said
    assert b"comment-secret" in stored  # it was asked to keep that one
