"""CPU time of one round of the bandit: features, decision with its whole probability vector, learning.

    python -m benchmarks.decision [--rounds N]

Prints the median microseconds of CPU for 12, 50 and 400 arms; `update` is the outcome and its feedback.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time

import numpy as np

from bandit import ArmPrior, Bandit, Objective, Quote, RequestFacts

START = 1.7e9
PROMPTS = (
    "A projectile is launched at 30 degrees with a velocity of 20 m/s. How high does it fly? Explain.",
    "Write a Python function that returns the n-th prime number; add type hints and a short docstring.",
    (
        "The defendant sold the land to a buyer who had notice of the easement. Which argument will the court "
        "find most persuasive, and what remedy can the plaintiff ask for? Options: damages, injunction, none."
    ),
    "Summarise the following paragraph in two sentences and keep a friendly tone: "
    + "lorem ipsum dolor " * 30,
)


def facts(number: int) -> RequestFacts:
    text = f"{PROMPTS[number % len(PROMPTS)]} ({number})"
    return RequestFacts("auto", None, "", text, len(text), 1, False, False, False, None)


def measure(arms: int, rounds: int) -> dict[str, float]:
    """Returns the median microseconds of each part over the last three quarters of the rounds."""
    rng = np.random.default_rng(1)
    bandit = Bandit()
    for arm in range(arms):
        bandit.add_arm(f"arm-{arm}", ArmPrior(usd_per_mtok=float(rng.uniform(0.1, 10.0))))
    candidates = np.arange(arms)
    truth = rng.uniform(0.3, 0.8, arms)
    quote = Quote(rng.uniform(1e-5, 1e-3, arms), rng.uniform(1e-7, 1e-5, arms))
    objective = Objective(value_usd=0.05, second_usd=0.0002)
    uniforms, luck = rng.random(rounds), rng.random(rounds)
    times = np.zeros((rounds, 3))
    for number in range(rounds):
        now = START + number
        asked = facts(number)
        t0 = time.thread_time_ns()
        context = bandit.context(asked)
        t1 = time.thread_time_ns()
        decision = bandit.decide(
            context.x, candidates, quote, objective, max_tokens=None, now=now, uniform=float(uniforms[number])
        )
        t2 = time.thread_time_ns()
        arm = decision.arm
        bandit.observe_outcome(
            arm,
            context.x,
            task=context.task,
            output_tokens=200,
            ttft_s=0.4,
            token_s=0.01,
            error=False,
            now=now,
        )
        bandit.observe_quality(arm, context.x, float(luck[number] < truth[arm]), at=now)
        bandit.fit_if_due()
        times[number] = (t1 - t0, t2 - t1, time.thread_time_ns() - t2)
    kept = times[rounds // 4 :] / 1e3
    features, decide, update = np.median(kept, axis=0).tolist()
    total = float(np.median(kept.sum(axis=1)))
    return {
        "features": features,
        "decision": decide,
        "update": update,
        "sum p50": total,
        "mean": float(kept.sum(axis=1).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4000)
    rounds = parser.parse_args().rounds
    print(f"{'arms':>5} {'features':>9} {'decision':>9} {'update':>9} {'sum p50':>9} {'mean':>9}   µs")
    for arms in (12, 50, 400):
        row = measure(arms, rounds)
        print(f"{arms:>5} " + " ".join(f"{value:>9.1f}" for value in row.values()), flush=True)


if __name__ == "__main__":
    main()
