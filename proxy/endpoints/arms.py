"""`GET /v1/arms`: what every arm does and what is known of it; `?by=task` splits by task."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from aiohttp.web import BaseRequest

from proxy.errors import invalid
from proxy.reply import Reply, json_reply
from proxy.statistics import WINDOWS, Cell

if TYPE_CHECKING:
    from proxy.arms import Arm
    from proxy.gateway import Gateway


async def listing(gateway: Gateway, http: BaseRequest, _key: str, _rest: str) -> Reply:
    """Totals are of everything in the journal; shares are of the traffic in each window."""
    by = parse_qs(http.raw_path.partition("?")[2]).get("by", [""])[0]
    if by not in ("", "task"):
        raise invalid("`by` can only be `task`.", "by")
    await gateway.journal.flush()
    now = time.time()
    view = _View(gateway, now)
    rows = []
    for arm in gateway.arms:
        if by == "task":
            rows += [view.row(arm, task) for task in view.tasks if view.seen(arm, task)]
        else:
            rows.append(view.row(arm, None))
    return json_reply(
        {
            "object": "list",
            "data": rows,
            "requests": sum(cell.requests for cell in gateway.learner.statistics.cells.values()),
            "tasks": view.tasks,
            "journal_seq": gateway.learner.seq,
            "at": now,
        }
    )


class _View:
    """The statistics at one moment."""

    def __init__(self, gateway: Gateway, now: float) -> None:
        self._gateway = gateway
        self._now = now
        self._windows = gateway.learner.statistics.windows(now)
        self.tasks = sorted({task for _, task in gateway.learner.statistics.cells})
        self._totals: dict[str | None, dict[str, int]] = {}

    def seen(self, arm: Arm, task: str) -> bool:
        return (arm.name, task) in self._gateway.learner.statistics.cells

    def row(self, arm: Arm, task: str | None) -> dict[str, object]:
        gateway, statistics = self._gateway, self._gateway.learner.statistics
        bandit = gateway.learner.bandit
        cell = statistics.total(arm.name, task)
        quality = bandit.quality_estimate(arm.index, self._now, task)
        ttft = statistics.ttft.get(arm.name)
        row: dict[str, object] = {"arm": arm.name}
        if task is not None:
            row["task"] = task
        row |= {
            "model": arm.model,
            "provider": arm.provider,
            "share": self._shares(arm.name, task, cell),
            "requests": cell.requests,
            "errors": cell.errors,
            "failed_attempts": statistics.failed_attempts.get(arm.name, 0),
            "cooldown": gateway.health.state(arm.index, gateway.loop.time()),
            "quality": {
                "mean": quality.mean,
                "low": quality.low,
                "high": quality.high,
                "effective_samples": quality.effective_samples,
            },
            "feedback": cell.feedback,
            "changes_detected": bandit.reopened(arm.index),
            "cost": {
                "mean_usd": cell.cost_usd / cell.costed if cell.costed else None,
                "total_usd": cell.cost_usd,
            },
            "price": {
                "input_usd_per_mtok": arm.price.input * 1e6,
                "output_usd_per_mtok": arm.price.output * 1e6,
                "known": arm.priced,
            },
            "ttft_s": {
                "p50": ttft.quantile(0.5) if ttft is not None else None,
                "p95": ttft.quantile(0.95) if ttft is not None else None,
            },
            "tokens_per_second": cell.decode_tokens / cell.decode_s if cell.decode_s > 0.0 else None,
            "mean_propensity": cell.propensity / cell.requests if cell.requests else None,
        }
        return row

    def _shares(self, arm: str, task: str | None, cell: Cell) -> dict[str, float | None]:
        shares: dict[str, float | None] = {}
        for name in WINDOWS:
            counts = self._windows[name]
            mine = sum(n for (a, t), n in counts.items() if a == arm and task in (None, t))
            total = sum(n for (_, t), n in counts.items() if task in (None, t))
            shares[name] = mine / total if total else None
        cells = self._gateway.learner.statistics.cells
        total = sum(other.requests for (_, t), other in cells.items() if task in (None, t))
        shares["all"] = cell.requests / total if total else None
        return shares
