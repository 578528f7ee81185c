"""An independent ledger: vendors' prices written down by hand, and the arithmetic of their pages. It imports nothing of
the gateway, so that a mistake there isn't made twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Used:
    """What a call really used. `input` is the whole prompt with all that was read from or written to caches, `output` the
    whole answer with all that was thought.
    """

    input: int
    output: int
    cached: int = 0
    write_5m: int = 0
    write_1h: int = 0
    reasoning: int = 0
    heard: int = 0
    searches: int = 0
    files: int = 0
    containers: int = 0
    tier: str = "default"
    fast: bool = False
    in_us: bool = False
    reported: float | None = None


@dataclass(frozen=True)
class Listed:
    """USD per million tokens, and per use. `source` is where it stands, `read` when."""

    source: str
    read: str
    input: float
    output: float
    cached: float
    write_5m: float = 0.0
    write_1h: float = 0.0
    heard: float = 0.0
    search: float = 0.0
    file: float = 0.0
    container: float = 0.0
    per_prompt: bool = False  # searches are billed once, however many
    tiers: dict[str, float] = field(default_factory=dict)  # times the usual price
    fast: float = 1.0
    in_us: float = 1.0


OPENAI = "https://developers.openai.com/api/docs/pricing"
ANTHROPIC = "https://platform.claude.com/docs/en/about-claude/pricing"
GOOGLE = "https://ai.google.dev/gemini-api/docs/pricing"

PRICES = {
    "gpt": Listed(
        OPENAI,
        "2026-10",
        1.25,
        10.0,
        0.125,
        search=0.01,
        file=0.0025,
        container=0.03,
        tiers={"flex": 0.5, "priority": 2.0},
    ),
    "answers": Listed(
        OPENAI,
        "2026-10",
        1.25,
        10.0,
        0.125,
        search=0.01,
        file=0.0025,
        container=0.03,
        tiers={"flex": 0.5, "priority": 2.0},
    ),
    "opus": Listed(
        ANTHROPIC,
        "2026-11",
        5.0,
        25.0,
        0.5,
        6.25,
        10.0,
        search=0.01,
        fast=2.0,
        in_us=1.1,
        tiers={"batch": 0.5},
    ),
    "sonnet": Listed(ANTHROPIC, "2026-11", 3.0, 15.0, 0.3, 3.75, 6.0, search=0.01),
    "flash": Listed(
        GOOGLE, "2026-10", 0.3, 2.5, 0.03, heard=1.0, search=0.035, per_prompt=True, tiers={"flex": 0.5}
    ),
    "grok": Listed("https://docs.x.ai/developers/models", "2026-11", 3.0, 15.0, 0.75),
    "router": Listed("https://openrouter.ai/anthropic/claude-sonnet-4.5", "2026-11", 3.0, 15.0, 0.3),
    "command": Listed("https://cohere.com/pricing", "2026-10", 2.5, 10.0, 2.5),
    "converse": Listed("stated in the configuration", "", 1.0, 5.0, 0.1, 1.25, 2.0),
    "own": Listed("stated in the configuration", "", 0.2, 0.8, 0.02),
    "flex": Listed(
        "stated in the configuration: a tier that is an arm", "", 0.625, 5.0, 0.0625, tiers={"default": 2.0}
    ),
}


def bill(arm: str, used: Used) -> float:
    """Returns US dollars."""
    if used.reported is not None:
        return used.reported
    price = PRICES[arm]
    plain = used.input - used.cached - used.write_5m - used.write_1h - used.heard
    dollars = (
        plain * price.input
        + used.cached * price.cached
        + used.write_5m * price.write_5m
        + used.write_1h * price.write_1h
        + used.heard * price.heard
        + used.output * price.output
    ) / 1e6
    dollars *= price.fast if used.fast else price.tiers.get(used.tier, 1.0)
    dollars *= price.in_us if used.in_us else 1.0
    searches = min(used.searches, 1) if price.per_prompt else used.searches
    return dollars + searches * price.search + used.files * price.file + used.containers * price.container
