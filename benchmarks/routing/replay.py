"""One pass of one policy through one world, with bandit feedback only."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from benchmarks.routing.policies.base import Outcome, Policy, Round, feature_matrix
from benchmarks.routing.table import Floats
from benchmarks.routing.world import SECONDS_PER_ROUND, START, Ints, World


@dataclass(slots=True)
class Trace:
    """What one run showed, arrays over its T rounds.

    arm         (T,) drawn
    reward      (T,) what its answer was worth; cost in US dollars; quality in [0, 1]
    probability (T, k) of the draw, one-hot where the policy has no vector
    micros      (T,) processor µs spent in the policy: selection and learning together
    """

    arm: Ints
    reward: Floats
    cost: Floats
    quality: Floats
    probability: Floats
    micros: Floats


def replay(world: World, policy: Policy, rng: np.random.Generator) -> Trace:
    """Shows `policy` round after round; its feedback comes `world.delay` rounds later, if it comes."""
    rounds, arms = world.rounds, len(world.table.arms)
    vectors = feature_matrix(world, world.rows)
    uniforms = rng.random(rounds)
    chosen = np.zeros(rounds, dtype=np.intp)
    probability = np.zeros((rounds, arms), dtype=np.float32)
    paid = np.zeros(rounds)
    micros = np.zeros(rounds)
    last_arm: dict[int, int] = {}
    waiting: list[int] = []
    turns: dict[int, list[int]] = {}
    ends = set() if world.session is None else set(_last_rounds(world.session))
    table, goal = world.table, world.goal
    if world.labels is not None:
        policy.warm(world)
    for t in range(rounds):
        now = START + t * SECONDS_PER_ROUND
        opened = time.thread_time_ns()
        while waiting and waiting[0] + world.delay < t:
            due = waiting.pop(0)
            policy.feedback(due, float(world.quality[due, chosen[due]]), now)
        spent = time.thread_time_ns() - opened
        row = int(world.rows[t])
        fixed = world.fixed_usd[t]
        warm_arm = None
        if world.session is not None and world.prefix_usd is not None:
            warm_arm = last_arm.get(int(world.session[t]))
            if warm_arm is not None:
                fixed = fixed.copy()
                fixed[warm_arm] -= world.prefix_usd[t, warm_arm]
        shown = Round(
            number=t,
            now=now,
            prompt=table.prompts[row],
            task=table.tasks[row] if world.declared else None,
            x=vectors[t],
            fixed_usd=fixed,
            output_usd=world.output_usd[t],
            open=world.open_at(t),
            uniform=float(uniforms[t]),
        )
        opened = time.thread_time_ns()
        arm, vector = policy.select(shown)
        spent += time.thread_time_ns() - opened
        chosen[t] = arm
        if vector is None:
            probability[t, arm] = 1.0
        else:
            probability[t] = vector
        failed = bool(world.error[t, arm])
        cost = 0.0 if failed else float(world.cost[t, arm])
        if world.prefix_usd is not None and warm_arm == arm and not failed:
            cost = max(0.0, cost - float(world.prefix_usd[t, arm]))
        paid[t] = cost
        if world.session is not None and not failed:
            last_arm[int(world.session[t])] = arm
        outcome = Outcome(
            arm=arm,
            cost=cost,
            tokens=0 if failed else int(world.tokens[t, arm]),
            seconds=None if world.seconds is None or failed else float(world.seconds[t, arm]),
            ttft=None if world.ttft is None or failed else float(world.ttft[t, arm]),
            error=failed,
        )
        opened = time.thread_time_ns()
        policy.outcome(shown, outcome, float(probability[t, arm]))
        if world.episodes and world.session is not None:
            episode = turns.setdefault(int(world.session[t]), [])
            if not failed:
                episode.append(t)
            if t in ends and episode:
                verdict = float(world.quality[episode, chosen[episode]].mean())
                for turn in episode:
                    policy.feedback(turn, verdict, now, 1.0 / len(episode))
        elif not failed and world.seen[t, arm]:
            if world.delay:
                waiting.append(t)
            else:
                policy.feedback(t, float(world.quality[t, arm]), now)
        micros[t] = (spent + time.thread_time_ns() - opened) / 1000.0
    every = np.arange(rounds)
    answered = ~world.error[every, chosen]
    quality = np.where(answered, world.quality[every, chosen], 0.0)
    reward = quality - goal.lam * paid / goal.reference
    if world.seconds is not None:
        reward = reward - np.where(answered, goal.waiting_price * world.seconds[every, chosen], 0.0)
    return Trace(chosen, reward, paid, quality, probability, micros)


def _last_rounds(session: Ints) -> list[int]:
    return list({int(number): t for t, number in enumerate(session)}.values())
