"""Claude Code and Codex as their packages come, working through a loop of tools at every kind of arm.

`npm ci --prefix tests/clients/agents` installs them; without them, or without node, these tests are skipped. The
environment turns their telemetry and updates off, which nobody has to; nothing of it is about the gateway.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clients.upstreams.looping import DONE, STEPS, Looping
from tests.proxy.running import Launch, Running

HERE = Path(__file__).parent / "agents"
BIN = HERE / "node_modules" / ".bin"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (BIN / "codex").exists(),
    reason="needs node and `npm ci --prefix tests/clients/agents`",
)

ARMS = {
    "openai_chat": ("openai", "gpt-4.1", "/v1"),
    "anthropic_messages": ("anthropic", "claude-sonnet-4-5", ""),
    "gemini": ("google", "gemini-2.5-flash", "/v1beta"),
    "openai_responses": ("openai", "gpt-5.1", "/v1"),
}
_QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
}
_LONGEST_S = 120
WRITE = "echo tide-{} >> tides.txt"


def _arms(upstream: Looping) -> list[dict[str, Any]]:
    return [
        {
            "name": dialect,
            "provider": provider,
            "model": model,
            "dialect": dialect,
            "base_url": upstream.url + base,
            "api_key": "sk-upstream",
            "input_usd_per_mtok": 1.0,
            "output_usd_per_mtok": 2.0,
        }
        for dialect, (provider, model, base) in ARMS.items()
    ]


@asynccontextmanager
async def _working(
    launch: Launch, call: Callable[[list[str], int], Any], *, once: bool = False, **config: Any
) -> AsyncIterator[tuple[Looping, Running]]:
    upstream = await Looping(call, once=once).start()
    try:
        yield upstream, await launch(*_arms(upstream), **config)
    finally:
        await upstream.close()


async def _run(folder: Path, environment: dict[str, str], *command: str) -> str:
    """Runs an agent in `folder`, which is its home, too; returns what it said."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **_QUIET, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said, complaints = await asyncio.wait_for(process.communicate(), _LONGEST_S)
    except TimeoutError:
        process.kill()
        said, complaints = await process.communicate()
        raise AssertionError(f"still at work: {said.decode()} {complaints.decode()}") from None
    assert process.returncode == 0, said.decode() + complaints.decode()
    return said.decode()


def _did_all(folder: Path, said: str, upstream: Looping) -> None:
    assert upstream.broken == []
    assert [step for _, step in upstream.turns] == list(range(STEPS + 1))
    assert (folder / "tides.txt").read_text().split() == [f"tide-{n}" for n in range(STEPS)]
    assert DONE in said


# --- Claude Code -----------------------------------------------------------------------------------------------


def _bash(tools: list[str], step: int) -> tuple[str, dict[str, Any]]:
    assert "Bash" in tools
    return "Bash", {"command": WRITE.format(step), "description": "Write a tide down"}


async def _claude(folder: Path, gateway: Running, **more: str) -> str:
    environment = {"ANTHROPIC_BASE_URL": gateway.url, "ANTHROPIC_AUTH_TOKEN": "sk-client", **more}
    return await _run(
        folder, environment, str(BIN / "claude"), "-p", "Write three tides down.", "--allowedTools", "Bash"
    )


@pytest.mark.parametrize("arm", ARMS)
async def test_claude_code_works_at_every_kind_of_arm(tmp_path: Path, launch: Launch, arm: str) -> None:
    async with _working(launch, _bash) as (upstream, gateway):
        said = await _claude(tmp_path, gateway, ANTHROPIC_MODEL=arm)
        _did_all(tmp_path, said, upstream)
        assert {name for name, _ in upstream.turns} == {arm}


async def test_claude_code_works_when_every_turn_is_another_arms(tmp_path: Path, launch: Launch) -> None:
    async with _working(launch, _bash, once=True) as (upstream, gateway):
        said = await _claude(tmp_path, gateway, ANTHROPIC_MODEL="auto")
        _did_all(tmp_path, said, upstream)
        assert {name for name, _ in upstream.turns} == set(ARMS)


# --- Codex -----------------------------------------------------------------------------------------------------

_PATCH = """*** Begin Patch
*** {} File: tides.txt
{}+tide-{}
*** End Patch"""


def _patch(tools: list[str], step: int) -> tuple[str, Any]:
    """A tool that takes free text, to Codex; a function with one text to most models."""
    assert "apply_patch" in tools
    text = _PATCH.format("Update" if step else "Add", f"@@\n tide-{step - 1}\n" if step else "", step)
    return "apply_patch", {"input": text}


def _shell(tools: list[str], step: int) -> tuple[str, dict[str, Any]]:
    assert "exec_command" in tools
    return "exec_command", {"cmd": WRITE.format(step)}


async def _codex(folder: Path, gateway: Running, model: str) -> str:
    settings = folder / ".codex"
    settings.mkdir()
    (settings / "config.toml").write_text(
        f"""
model = "{model}"
model_provider = "meritorder"
check_for_update_on_startup = false
analytics.enabled = false

[model_providers.meritorder]
name = "Meritorder"
base_url = "{gateway.url}/v1"
env_key = "MERITORDER_KEY"
wire_api = "responses"
"""
    )
    return await _run(
        folder,
        {"MERITORDER_KEY": "sk-client"},
        str(BIN / "codex"),
        "exec",
        "--skip-git-repo-check",
        "--sandbox",
        "danger-full-access",
        "Write three tides down.",
    )


@pytest.mark.parametrize("arm", ARMS)
async def test_codex_works_at_every_kind_of_arm(tmp_path: Path, launch: Launch, arm: str) -> None:
    async with _working(launch, _shell) as (upstream, gateway):
        said = await _codex(tmp_path, gateway, arm)
        _did_all(tmp_path, said, upstream)
        assert {name for name, _ in upstream.turns} == {arm}


async def test_codex_works_when_every_turn_is_another_arms(tmp_path: Path, launch: Launch) -> None:
    async with _working(launch, _shell, once=True) as (upstream, gateway):
        said = await _codex(tmp_path, gateway, "auto")
        _did_all(tmp_path, said, upstream)
        assert {name for name, _ in upstream.turns} == set(ARMS)


@pytest.mark.parametrize("arm", [*ARMS, "*"])
async def test_codex_changes_files_by_free_text_at_every_kind_of_arm(
    tmp_path: Path, launch: Launch, arm: str
) -> None:
    """Under the name of a model that Codex knows to be good at it, it offers no function for that."""
    routes = {"gpt-5.5": {"arms": [arm]}}
    async with _working(launch, _patch, once=arm == "*", routes=routes) as (upstream, gateway):
        said = await _codex(tmp_path, gateway, "gpt-5.5")
        _did_all(tmp_path, said, upstream)


async def test_claude_code_needs_no_model_set_where_a_route_takes_its_names(
    tmp_path: Path, launch: Launch
) -> None:
    async with _working(launch, _bash, once=True, routes={"claude-*": {}}) as (upstream, gateway):
        said = await _claude(tmp_path, gateway)
        _did_all(tmp_path, said, upstream)
        assert {decision.route for decision in await gateway.decisions()} == {"claude-*"}
