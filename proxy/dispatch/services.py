"""What a call needs of the worker it runs in. The gateway is one; a test may build a smaller one."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from typing import Protocol

from proxy.clock import Clock
from proxy.dispatch.answer_ids import AnswerIds
from proxy.dispatch.relay import Relay
from proxy.governance.principal import Principal
from proxy.learning.journal import Journal
from proxy.learning.learner import Learner
from proxy.masking import Mask
from proxy.routing.cooldowns import Cooldowns
from proxy.routing.refusals import Refusals
from proxy.routing.router import Router
from proxy.routing.sessions import Sessions
from proxy.tasks import Tasks
from proxy.upstream import Pool

_ID_BYTES = 12
_IDS_AT_ONCE = 256
"""One call of the system for this many ids."""


class InFlight(Protocol):
    """A call under way, as the rest of the worker knows it."""

    id: str
    principal: Principal

    relay: Relay | None
    """The present attempt's; None before the first."""

    finished: asyncio.Event | None
    """Set at the end, for whoever put an event here to wait for it."""

    def cut(self, reason: str) -> None:
        """Ends the call: an answer that has begun with an error event, another with a refusal."""


class Services:
    """What calls share. Whoever derives from it provides the parts that are only declared here."""

    learner: Learner
    journal: Journal
    cooldowns: Cooldowns
    refusals: Refusals
    sessions: Sessions
    router: Router
    pool: Pool
    mask: Mask

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = Clock()
        self.tasks = Tasks()
        self.answer_ids = AnswerIds()
        self.calls: dict[str, InFlight] = {}
        self.random: Callable[[], float] = random.Random().random  # noqa: S311  a draw, not a secret
        self._ids: list[str] = []

    def new_id(self) -> str:
        """Returns a new generation id, 96 random bits."""
        if not self._ids:
            drawn = os.urandom(_ID_BYTES * _IDS_AT_ONCE).hex()
            width = 2 * _ID_BYTES
            self._ids = [f"gen-{drawn[at : at + width]}" for at in range(0, len(drawn), width)]
        return self._ids.pop()

    def now(self) -> float:
        """Returns the time at which what was learnt is evaluated."""
        return self.learner.time.now(self.clock.now())
