"""Request bodies: several different ones per scenario, so that no gateway answers from a cache."""

from __future__ import annotations

import json
import random
from pathlib import Path

from benchmarks.gateway.scenarios import Scenario

_VARIANTS = 16
_WORDS = [
    "the",
    "market",
    "opened",
    "with",
    "a",
    "small",
    "surplus",
    "of",
    "wind",
    "while",
    "three",
    "plants",
    "were",
    "down",
    "for",
    "repair",
    "and",
    "the",
    "price",
    "of",
    "gas",
    "rose",
    "so",
    "dispatch",
    "moved",
    "to",
    "hydro;",
    "please",
    "summarise",
    "what",
    "happened,",
    "list",
    "3",
    "causes,",
    "and",
    "give",
    "x",
    "=",
    "(a",
    "+",
    "b)",
    "/",
    "2",
    "for",
    "a",
    "=",
    "41.5,",
    "b",
    "=",
    "17",
    "in",
    "def",
    "mean(a,",
    "b):",
    "return",
    "(a",
    "+",
    "b)",
    "/",
    "2",
    "style",
    "where",
    "that",
    "helps",
]


def _prompt(rng: random.Random, size: int) -> str:
    words: list[str] = []
    length = 0
    while length < size:
        words.append(rng.choice(_WORDS))
        length += len(words[-1]) + 1
    return " ".join(words)[:size]


def body(scenario: Scenario, model: str, seed: int) -> bytes:
    """Returns one JSON body that asks `model`, deterministic in `seed`."""
    system = "You are a helpful assistant."
    prompt = _prompt(random.Random(seed), max(scenario.prompt_bytes - 250, 50))
    user = {"role": "user", "content": prompt}
    document: dict[str, object] = {"model": model}
    if scenario.dialect == "anthropic":
        document |= {"max_tokens": 1024, "system": system, "messages": [user]}
    else:
        document |= {
            "user": scenario.upstream_model,
            "messages": [{"role": "system", "content": system}, user],
            "temperature": 0.7,
        }
    if scenario.streamed:
        document["stream"] = True
    return json.dumps(document, separators=(",", ":")).encode()


def write_bodies(scenario: Scenario, model: str, folder: Path) -> list[Path]:
    """Writes the scenario's bodies into `folder`, unless they are there, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{seed}.json" for seed in range(_VARIANTS)]
    for seed, path in enumerate(paths):
        if not path.exists():
            path.write_bytes(body(scenario, model, seed))
    return paths
