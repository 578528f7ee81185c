"""Builds the sample that the simulated market replays: proxy/market/data/.

    python benchmarks/build_market_data.py FOLDER

FOLDER holds `mmlu_pro/outcomes.jsonl.gz`, `mmlu_pro/arms.json` and `llmperf_latency/individual.csv.gz`.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import random
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "proxy" / "market" / "data"

QUESTIONS = 2000
LONGEST_PROMPT = 2400
LATENCIES = 100
LETTERS = "ABCDEFGHIJ"

# (name in the market, provider, name in the outcome table, row of the latency table)
ARMS = (
    ("gpt-4o", "alder", "gpt-4o-2024-05 (history)", "perplexity_70b"),
    ("gemini-1.5-pro", "birch", "gemini-1.5-pro-002", "bedrock_70b"),
    ("gemini-1.5-flash", "birch", "gemini-1.5-flash-002", "groq_70b"),
    ("llama-3.1-70b", "cedar", "Meta-Llama-3_1-70B-Instruct", "together_70b"),
    ("llama-3.1-8b", "cedar", "Meta-Llama-3_1-8B-Instruct", "fireworks_7b"),
    ("mixtral-8x7b", "cedar", "Mixtral-8x7B-Instruct-v0.1", "anyscale_13b"),
    ("deepseek-v2", "douglas", "deepseek-chat-v2 (history)", "fireworks_70b"),
)


def questions(folder: Path) -> list[dict[str, Any]]:
    """Returns the sampled questions: id, task, prompt, key, input tokens, [right, output tokens] by arm."""
    found = []
    seen = set()
    with gzip.open(folder / "mmlu_pro" / "outcomes.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            outcomes = [row["arms"].get(recorded) for _, _, recorded, _ in ARMS]
            usable = all(o and o["output_tokens"] and o["input_tokens"] for o in outcomes)
            if not usable or len(row["prompt"]) > LONGEST_PROMPT or row["prompt"] in seen:
                continue
            seen.add(row["prompt"])
            found.append(
                {
                    "id": row["id"],
                    "task": row["task"],
                    "prompt": row["prompt"],
                    "key": LETTERS[hashlib.sha256(row["id"].encode()).digest()[0] % len(LETTERS)],
                    "input_tokens": outcomes[0]["input_tokens"],
                    "arms": [[int(o["quality"]), o["output_tokens"]] for o in outcomes],
                }
            )
    sample = random.Random(2).sample(found, QUESTIONS)
    return sorted(sample, key=lambda row: row["id"])


def latencies(folder: Path) -> dict[str, list[list[float]]]:
    """Returns [TTFT, seconds per output token] of real calls, by market arm."""
    calls = defaultdict(list)
    with gzip.open(folder / "llmperf_latency" / "individual.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["ttft_s"] and not row["error_code"]:
                pair = [round(float(row["ttft_s"]), 4), round(float(row["inter_token_latency_s"]), 5)]
                calls[row["provider_model"]].append(pair)
    rng = random.Random(3)
    return {name: rng.sample(calls[source], LATENCIES) for name, _, _, source in ARMS}


def write(path: Path, text: str) -> None:
    """Writes `text` so that the same input gives the same bytes."""
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as file:
        file.write(text.encode())


def main() -> None:
    folder = Path(sys.argv[1])
    prices = json.loads((folder / "mmlu_pro" / "arms.json").read_text())
    delays = latencies(folder)
    arms = [
        {
            "model": model,
            "provider": provider,
            "recorded_as": recorded,
            "latency_of": source,
            **prices[recorded],
            "latencies": delays[model],
        }
        for model, provider, recorded, source in ARMS
    ]
    TARGET.mkdir(parents=True, exist_ok=True)
    rows = questions(folder)
    lines = "\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    write(TARGET / "questions.jsonl.gz", lines + "\n")
    write(TARGET / "arms.json.gz", json.dumps(arms, separators=(",", ":")))
    for path in sorted(TARGET.glob("*.gz")):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
