"""`GET /v1/arms`: what every arm does and what is known of it; `?by=task` splits by task."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from proxy.arms.arm import Arm
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.gateway import Gateway
from proxy.ingress.errors import invalid
from proxy.ingress.reply import Reply, json_reply
from proxy.learning.statistics import Cell, Shares, Statistics
from proxy.learning.windows import moment
from state.interface import StoreError


async def listing(asked: EndpointRequest) -> Reply:
    """Returns the statistics of every arm: totals of everything in the journal, shares of the traffic in each window.

    `behind` says why newer requests are missing: the journal can't be written or read, or learning is late, by the
    rows and seconds of `lag`.
    """
    gateway = asked.gateway
    by = parse_qs(asked.http.raw_path.partition("?")[2]).get("by", [""])[0]
    if by not in ("", "task"):
        raise invalid("`by` can only be `task`.", "by")
    behind = None
    try:
        await gateway.journal.flush()
    except StoreError as error:  # what was learnt till then is worth seeing most of all now
        behind = str(error)
    rows_behind, seconds_behind = gateway.journal.lag
    if behind is None and rows_behind:
        behind = gateway.journal.unread or f"{rows_behind} rows are committed and not learnt yet"
    # As of the end of the current slot: two workers that learnt the same rows answer the same.
    now = moment(gateway.now())
    statistics = gateway.learner.statistics
    shares, tasks = statistics.shares(gateway.now()), statistics.tasks()
    rows: list[dict[str, object]] = []
    for arm in gateway.arms:
        if by == "task":
            rows += [
                _row(gateway, arm, task, shares, now) for task in tasks if statistics.seen(arm.name, task)
            ]
        else:
            rows.append(_row(gateway, arm, None, shares, now))
        await asyncio.sleep(0)  # many arms are many milliseconds; traffic goes first
    rows += [
        _gone(gateway, name, task, shares)
        for name in statistics.arms()
        if name not in gateway.arms.by_name
        for task in (tasks if by == "task" else (None,))
        if task is None or statistics.seen(name, task)
    ]
    return json_reply(
        {
            "object": "list",
            "data": rows,
            "requests": gateway.learner.statistics.requests(),
            "tasks": tasks,
            "journal_seq": gateway.learner.seq,
            "behind": behind,
            "lag": {"rows": rows_behind, "seconds": round(seconds_behind, 3)},
            "at": moment(gateway.clock.now()),
        }
    )


def _gone(gateway: Gateway, name: str, task: str | None, shares: Shares) -> dict[str, object]:
    """Returns the row of an arm that is in service no more: what it did stays in the totals."""
    statistics = gateway.learner.statistics
    cell = statistics.total(name, task)
    nothing: dict[str, object] = dict.fromkeys(("mean", "low", "high", "effective_samples"))
    return {
        "arm": name,
        **({} if task is None else {"task": task}),
        "removed": True,
        "model": None,
        "provider": None,
        "share": shares.of(name, task),
        "requests": cell.requests,
        "errors": cell.errors,
        "failed_attempts": statistics.failed_attempts(name, task),
        "cooldown": None,
        "quality": nothing,
        "feedback": cell.feedback,
        "changes_detected": cell.changes,
        "cost": _cost(cell),
        "price": {
            "input_usd_per_mtok": None,
            "output_usd_per_mtok": None,
            "known": False,
            "source": "unknown",
            "until": None,
        },
        "ttft_s": _ttft(statistics, name, task),
        "tokens_per_second": cell.decode_tokens / cell.decode_s if cell.decode_s > 0.0 else None,
        "mean_propensity": cell.propensity / cell.requests if cell.requests else None,
    }


def _cost(cell: Cell) -> dict[str, float | None]:
    return {"mean_usd": cell.cost_usd / cell.costed if cell.costed else None, "total_usd": cell.cost_usd}


def _ttft(statistics: Statistics, arm: str, task: str | None) -> dict[str, float | None]:
    return {"p50": statistics.ttft(arm, 0.5, task), "p95": statistics.ttft(arm, 0.95, task)}


def _row(gateway: Gateway, arm: Arm, task: str | None, shares: Shares, now: float) -> dict[str, object]:
    statistics, bandit = gateway.learner.statistics, gateway.learner.bandit
    cell = statistics.total(arm.name, task)
    quality = bandit.quality_estimate(arm.index, now, task)
    samples = quality.effective_samples
    row: dict[str, object] = {"arm": arm.name}
    if task is not None:
        row["task"] = task
    row |= {
        "model": arm.model,
        "provider": arm.provider,
        "share": shares.of(arm.name, task),
        "requests": cell.requests,
        "errors": cell.errors,
        "failed_attempts": statistics.failed_attempts(arm.name, task),
        "cooldown": gateway.cooldowns.state(arm.index, gateway.loop.time()),
        # What it refused of single requests, and is spared now.
        "refusals": gateway.refusals.state(arm.index, gateway.loop.time()),
        "quality": {
            "mean": quality.mean,
            "low": quality.low,
            "high": quality.high,
            "effective_samples": samples
            if task is None
            else statistics.verdicts.effective(arm.name, task, now, samples),
        },
        "feedback": cell.feedback,
        "changes_detected": bandit.reopened(arm.index) if task is None else cell.changes,
        "cost": _cost(cell),
        "price": {
            "input_usd_per_mtok": arm.price.input * 1e6 if arm.priced else None,
            "output_usd_per_mtok": arm.price.output * 1e6 if arm.priced else None,
            "known": arm.priced,
            "source": arm.price_source,
            "until": arm.price_until,
        },
        "ttft_s": _ttft(statistics, arm.name, task),
        "tokens_per_second": cell.decode_tokens / cell.decode_s if cell.decode_s > 0.0 else None,
        "mean_propensity": cell.propensity / cell.requests if cell.requests else None,
    }
    return row
