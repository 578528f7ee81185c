"""Outcome tables: every arm's recorded answer to every query."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.routing.text import text_statistics

Floats = npt.NDArray[np.float64]

_CHARACTERS_PER_TOKEN = 4.0
_DEFAULT_USD_PER_TOKEN = 1e-6
_LEAST_COVERAGE = 0.5


@dataclass(frozen=True, slots=True)
class Table:
    """n queries × k arms; money in US dollars, prices in dollars per token. No entry is NaN.

    quality        (n, k) in [0, 1]
    cost           (n, k) what the answer cost
    input_tokens   (n, k); a quarter of the prompt's characters where not recorded
    output_tokens  (n, k); where not recorded: what was paid beyond the input, over the output price
    input_usd, output_usd  (k,) per token
    statistics     (n, d) cheap statistics of the prompt, for policies that take vectors
    skipped        queries left out because an arm's quality was missing
    folder         where it was read from; recordings of latency and prices are looked for beside it
    """

    name: str
    arms: tuple[str, ...]
    tasks: tuple[str, ...]
    prompts: tuple[str, ...]
    quality: Floats
    cost: Floats
    input_tokens: Floats
    output_tokens: Floats
    input_usd: Floats
    output_usd: Floats
    statistics: Floats
    skipped: int = 0
    folder: Path | None = None

    @property
    def reference_cost(self) -> float:
        """Mean cost of the arm with the best mean quality: the unit of λ."""
        best = int(self.quality.mean(axis=0).argmax())
        return max(float(self.cost[:, best].mean()), 1e-12)


def find_tables(directory: Path) -> list[Path]:
    """Returns `directory` itself if it is an outcome table, else its children that are."""
    if (directory / "outcomes.jsonl.gz").exists():
        return [directory]
    return sorted(path.parent for path in directory.glob("*/outcomes.jsonl.gz"))


def load_table(directory: Path) -> Table:
    """Reads `arms.json` and `outcomes.jsonl.gz`. Raises ValueError if no two arms can be compared."""
    prices: dict[str, dict[str, float | None]] = json.loads((directory / "arms.json").read_text("utf-8"))
    with gzip.open(directory / "outcomes.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    return replace(table_from(directory.name, prices, rows), folder=directory)


def table_from(name: str, prices: dict[str, dict[str, float | None]], rows: list[dict[str, Any]]) -> Table:
    """Builds a table from parsed rows; arms that answered too few queries are left out, then such queries."""
    answered = {arm: sum(_field(row, arm, "quality") is not None for row in rows) for arm in prices}
    arms = tuple(arm for arm in prices if answered[arm] >= _LEAST_COVERAGE * max(1, len(rows)))
    kept = [row for row in rows if all(_field(row, arm, "quality") is not None for arm in arms)]
    if len(arms) < 2 or not kept:
        raise ValueError(f"{name}: fewer than two arms answered the same queries")

    def column(key: str) -> Floats:
        values = [[_field(row, arm, key) for arm in arms] for row in kept]
        return np.array(values, dtype=np.float64)

    prompts = tuple(str(row.get("prompt") or "") for row in kept)
    quality, cost = column("quality"), column("cost_usd")
    tokens_in, tokens_out = column("input_tokens"), column("output_tokens")
    characters = np.array([len(prompt) for prompt in prompts])[:, None]
    tokens_in = np.where(np.isnan(tokens_in), np.ceil(characters / _CHARACTERS_PER_TOKEN), tokens_in)
    input_usd = np.array([_per_token(prices[arm].get("input_usd_per_mtok")) for arm in arms])
    output_usd = np.array([_per_token(prices[arm].get("output_usd_per_mtok")) for arm in arms])
    input_usd, output_usd = _fill_prices(input_usd, output_usd, cost, tokens_in, tokens_out)
    paid = np.maximum(0.0, cost - tokens_in * input_usd) / output_usd
    tokens_out = np.where(np.isnan(tokens_out), np.where(np.isnan(paid), 0.0, np.round(paid)), tokens_out)
    cost = np.where(np.isnan(cost), tokens_in * input_usd + tokens_out * output_usd, cost)
    return Table(
        name=name,
        arms=arms,
        tasks=tuple(str(row.get("task") or "") for row in kept),
        prompts=prompts,
        quality=np.clip(quality, 0.0, 1.0),
        cost=cost,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        input_usd=input_usd,
        output_usd=output_usd,
        statistics=np.array([text_statistics(prompt) for prompt in prompts]),
        skipped=len(rows) - len(kept),
    )


def _field(row: dict[str, Any], arm: str, key: str) -> float | None:
    entry = row["arms"].get(arm)
    value = None if entry is None else entry.get(key)
    return None if value is None else float(value)


def _per_token(price: float | None) -> float:
    return np.nan if price is None else float(price) / 1e6


def _fill_prices(
    input_usd: Floats, output_usd: Floats, cost: Floats, tokens_in: Floats, tokens_out: Floats
) -> tuple[Floats, Floats]:
    """Prices that the table doesn't know: what the arm's answers cost per token, else that of the others.

    A gateway's price list would have them; without any, only the product of price and tokens matters.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        billed = np.where(np.isnan(tokens_out), 0.0, tokens_out)
        rate = np.nansum(cost, axis=0) / np.maximum(1.0, (tokens_in + billed).sum(axis=0))
    known = output_usd[np.isfinite(output_usd) & (output_usd > 0.0)]
    typical = float(np.median(known)) if known.size else _DEFAULT_USD_PER_TOKEN
    counted = np.isfinite(tokens_out).any(axis=0) & (rate > 0.0)
    # Without token counts the whole cost is booked as output at a typical price.
    output = np.where(np.isfinite(output_usd), output_usd, np.where(counted, rate, typical))
    entry = np.where(np.isfinite(input_usd), input_usd, np.where(counted, rate, 0.0))
    return entry, np.maximum(output, 1e-12)
