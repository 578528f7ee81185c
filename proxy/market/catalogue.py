"""The recorded market: questions, what each model answered, how long real calls took."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

import orjson

LETTERS = "ABCDEFGHIJ"
"""The choices of a question; every key is one of them."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one model did with one question."""

    right: bool
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Question:
    """One recorded question; `outcomes` is in the order of `Catalogue.models`."""

    id: str
    task: str
    prompt: str
    key: str
    input_tokens: int
    outcomes: tuple[Recorded, ...]


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One model with its list price (US dollars per million tokens) and measured calls.

    `latencies` are pairs (TTFT, seconds per output token).
    """

    provider: str
    model: str
    input_usd_per_mtok: float
    output_usd_per_mtok: float
    latencies: tuple[tuple[float, float], ...]

    @property
    def arm(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True)
class Catalogue:
    """Everything that was recorded."""

    models: tuple[ModelRecord, ...]
    questions: tuple[Question, ...]

    @cached_property
    def by_prompt(self) -> Mapping[str, Question]:
        return {question.prompt: question for question in self.questions}

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Index into `models` and `Question.outcomes` by arm name."""
        return {model.arm: position for position, model in enumerate(self.models)}


def load_catalogue() -> Catalogue:
    """Reads the shipped sample; see data/NOTICE for its sources."""
    folder = files("proxy.market") / "data"
    models = tuple(
        ModelRecord(
            provider=row["provider"],
            model=row["model"],
            input_usd_per_mtok=float(row["input_usd_per_mtok"]),
            output_usd_per_mtok=float(row["output_usd_per_mtok"]),
            latencies=tuple((float(ttft), float(token)) for ttft, token in row["latencies"]),
        )
        for row in orjson.loads(gzip.decompress((folder / "arms.json.gz").read_bytes()))
    )
    lines = gzip.decompress((folder / "questions.jsonl.gz").read_bytes()).splitlines()
    return Catalogue(models, tuple(_question(orjson.loads(line)) for line in lines))


def _question(row: Mapping[str, object]) -> Question:
    outcomes = row["arms"]
    assert isinstance(outcomes, list)
    return Question(
        id=str(row["id"]),
        task=str(row["task"]),
        prompt=str(row["prompt"]),
        key=str(row["key"]),
        input_tokens=int(str(row["input_tokens"])),
        outcomes=tuple(Recorded(bool(right), int(tokens)) for right, tokens in outcomes),
    )
