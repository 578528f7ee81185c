"""Node's `openai` and Vercel's `ai` in front of the gateway.

`npm ci --prefix tests/clients/node` installs them; without them, or without node, these tests are skipped.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import orjson
import pytest

from tests.clients.upstreams import plots
from tests.clients.upstreams.replay import Replay
from tests.proxy.running import Launch

HERE = Path(__file__).parent / "node"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules" / "openai").is_dir(),
    reason="needs node and `npm ci --prefix tests/clients/node`",
)

LIBRARIES = (
    "openai-chat",
    "openai-responses",
    "ai-compatible",
    "ai-chat",
    "ai-responses",
    "ai-anthropic",
)


@pytest.mark.parametrize("upstream", ["openai_chat", "anthropic_messages", "openai_responses", "gemini"])
@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_node_client_understands(replay: Replay, launch: Launch, library: str, upstream: str) -> None:
    plot_names = ("text", "tool", "json", "think", "limit", "broken")
    gateway = await launch(*(replay.arm(upstream, plot) for plot in plot_names))
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE,
        "talk.mjs",
        library,
        gateway.url,
        upstream,
        cwd=HERE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, complaints = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, complaints.decode()
    said = orjson.loads(out)
    assert said["text"] == said["streamed"] == "".join(plots.TEXT)
    assert said["tokens"] == [plots.INPUT, plots.OUTPUT]
    assert said["call"] == [plots.TOOL, {"city": "Oslo", "days": 2}]
    assert said["object"] == {"city": "Oslo"}
    if library in ("ai-compatible", "ai-responses", "ai-anthropic"):
        assert said["thinking"] == "".join(plots.THOUGHT)
    assert said["limited"][0] == 429
    # @ai-sdk/openai drops an `error` that stands beside `choices`; what it keeps is that this was no good end.
    assert (
        said["broken"][1] == "finished: other" if library == "ai-chat" else "verloaded" in said["broken"][1]
    )
