"""What is asked of every gateway."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Setup:
    """How our gateway is configured; one process is started for each distinct setup."""

    arms: int = 12
    journal: bool = True
    workers: int = 1
    tls: bool = False
    upstream_model: str = "mock"


@dataclass(frozen=True)
class Scenario:
    """One load pattern. `chunks` = 0 means answers that are not streamed; `gap_ms` = 0 is a flood.

    `beside`: the prompt, in bytes, that one more connection sends again and again while this is measured; what
    the streams then wait for is the event loop's longest stall, seen from outside.
    """

    name: str
    about: str
    connections: int
    chunks: int = 0
    gap_ms: int = 0
    seconds: float = 3.0
    warm_up: float = 0.5
    ramp: float = 0.0
    prompt_bytes: int = 300
    dialect: str = "openai"
    setup: Setup = field(default_factory=Setup)
    latency: bool = False
    all_cores: bool = False
    ours_only: bool = False
    peers: bool = True
    beside: int = 0
    padded: bool = False

    @property
    def streamed(self) -> bool:
        return self.chunks > 0

    @property
    def upstream_model(self) -> str:
        """The name in which the mock upstream reads how it shall answer."""
        if not self.streamed:
            return "mock-n20-d0"
        return f"mock-n{self.chunks}-d{self.gap_ms}" + "-o1" * self.padded

    def background(self) -> Scenario:
        """What the connection beside sends."""
        return Scenario(f"{self.name}-beside", "", 1, prompt_bytes=self.beside)

    def shortened(self) -> Scenario:
        return replace(self, seconds=max(self.seconds / 2, 1.0))


def _requests(name: str, about: str, connections: int = 32, **more: object) -> Scenario:
    return replace(Scenario(name, about, connections), **more)  # type: ignore[arg-type]


def _streams(name: str, about: str, gap_ms: int, **more: object) -> Scenario:
    base = Scenario(name, about, 50, chunks=200, gap_ms=gap_ms, warm_up=1.0, ramp=min(0.2 * gap_ms, 1.0))
    return replace(base, **more)  # type: ignore[arg-type]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        _requests("c1", "one connection", 1, seconds=1.5, latency=True),
        _requests("c32", "32 connections"),
        _requests("prompt-2k", "32 connections, 2 KB prompts", prompt_bytes=2_000),
        _requests("prompt-50k", "8 connections, 50 KB prompts", 8, prompt_bytes=50_000),
        _requests("prompt-500k", "4 connections, 500 KB prompts", 4, prompt_bytes=500_000),
        Scenario(
            "stall-500k",
            "4 streams of 1,000 chunks, 1 ms apart, beside one connection with 500 KB prompts",
            4,
            chunks=1000,
            gap_ms=1,
            seconds=4.0,
            warm_up=1.0,
            latency=True,
            beside=500_000,
        ),
        _streams("paced", "50 streams of 200 chunks, 20 ms apart", 20, seconds=4.0, latency=True),
        _streams(
            "paced-short",
            "50 streams of 20 chunks, 20 ms apart: ten times as many first tokens",
            20,
            chunks=20,
            seconds=4.0,
            ramp=0.4,
            latency=True,
        ),
        _streams("fast", "50 streams of 200 chunks, 2 ms apart", 2, latency=True),
        _streams("padded", "fast streams, chunks padded as OpenAI's are", 2, padded=True),
        _streams("flood", "50 streams of 200 chunks, no gap", 0),
        Scenario(
            "slow-1000",
            "1,000 streams of 25 chunks, 200 ms apart",
            1000,
            chunks=25,
            gap_ms=200,
            seconds=6.0,
            warm_up=4.0,
            ramp=4.0,
            latency=True,
        ),
        _requests("tls", "32 connections, upstream over TLS", setup=Setup(tls=True)),
        _streams("tls-fast", "fast streams, upstream over TLS", 2, setup=Setup(tls=True)),
        _streams(
            "translated",
            "paced streams, Anthropic client, OpenAI upstream",
            20,
            seconds=4.0,
            dialect="anthropic",
            setup=Setup(upstream_model="mock-n200-d20"),
        ),
        _streams(
            "translated-fast",
            "fast streams, Anthropic client, OpenAI upstream",
            2,
            dialect="anthropic",
            setup=Setup(upstream_model="mock-n200-d2"),
        ),
        _requests(
            "arms-400", "32 connections, 2 KB prompts, 400 arms", prompt_bytes=2_000, setup=Setup(arms=400)
        ),
        _requests(
            "journal-off",
            "32 connections, 2 KB prompts, no journal",
            prompt_bytes=2_000,
            setup=Setup(journal=False),
        ),
        _requests("workers-1", "32 connections, 1 worker, all cores shared", all_cores=True, ours_only=True),
        _requests(
            "workers-2",
            "32 connections, 2 workers, all cores shared",
            all_cores=True,
            ours_only=True,
            setup=Setup(workers=2),
        ),
    )
}

# What other gateways are measured in when all scenarios are asked for.
WITH_PEERS = frozenset({"c1", "c32", "paced", "fast", "flood"})
DEFAULT = ("c1", "c32", "prompt-2k", "paced", "fast", "flood")
