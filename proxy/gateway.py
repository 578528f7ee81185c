"""The gateway of one worker: everything it holds, and its life from start to drain."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Collection, Mapping

from proxy.arms.arm import ArmTable
from proxy.arms.credentials import mask_of
from proxy.arms.registry import Registry
from proxy.config import ArmConfig, Config, ConfigError
from proxy.dispatch.services import Services
from proxy.governance.principal import Principal
from proxy.ingress.admission import Admission
from proxy.ingress.buffers import Buffers
from proxy.ingress.shedding import Shedding
from proxy.learning.journal import Journal
from proxy.learning.learner import Learner
from proxy.learning.peers import Peers, UnderWay
from proxy.learning.store_watch import StoreWatch
from proxy.routing.cooldowns import Cooldowns
from proxy.routing.refusals import Refusals
from proxy.routing.router import Router
from proxy.routing.sessions import Sessions
from proxy.upstream import Addresses, Pool, PoolLimits, Proxies, Timeouts
from state.interface import Store
from state.records import KeyEntry
from state.sqlite.store import SqliteStore

log = logging.getLogger("meritorder")

KEEP_ALIVE_S = 10.0
"""Silence after which a streaming client hears a comment; load balancers cut at 60 s, some at 15."""


class Gateway(Services):
    """Composition of one worker."""

    admission: Admission
    """Set by `open`: nobody is admitted before the store has returned whose the keys are."""

    def __init__(self, config: Config, store: Store, environment: Mapping[str, str] = os.environ) -> None:
        super().__init__()
        self.config = config
        self.store = store
        self.started_at = time.time()
        self.arms = ArmTable()
        self.cooldowns = Cooldowns()
        self.refusals = Refusals()
        self.sessions = Sessions()
        self.router = Router(self.arms, self.cooldowns, config.routes, self.sessions, self.refusals)
        try:
            addresses = Addresses(config.server.allowed_addresses)
        except ValueError as error:
            raise ConfigError(f"server.allowed_addresses: {error}") from None
        self.mask = mask_of(config, environment)
        self.registry = Registry(self.arms, store, environment, addresses, self.mask)
        self.learner = self.registry.learner = Learner(self.registry.prior_of)
        self.journal = Journal(
            store,
            self.learner,
            shared=store.shared,
            most=config.server.max_journal_backlog,
        )
        self.watch = StoreWatch(store)
        self.peers = Peers(store, self.journal.committed, self.journal.flush, self._under_way)
        limits = config.timeouts
        for warning in limits.doubts():
            log.warning("timeouts: %s", warning)
        try:
            proxies = Proxies.from_environment()
        except ValueError as error:
            raise ConfigError(f"the proxy that the environment names can't be used: {error}") from None
        self.pool = Pool(
            limits=PoolLimits(),
            timeouts=Timeouts(
                connect=limits.connect, first_byte=limits.first_byte, idle=limits.idle, total=limits.total
            ),
            proxies=proxies,
            addresses=addresses,
        )
        self.buffers = Buffers(config.server.max_buffered_bytes)
        self.shedding = Shedding(
            self.calls,
            self.journal,
            self.loop.call_soon,
            most=config.server.max_in_flight,
            most_rows=config.server.max_journal_backlog,
        )
        self.draining = False

    @classmethod
    async def open(cls, config: Config, environment: Mapping[str, str] = os.environ) -> Gateway:
        """Opens the store, restores what was learnt, and begins to write. Raises ConfigError, StoreError."""
        where = config.server.database if config.server.journal else ":memory:"
        gateway = cls(config, await SqliteStore.open(where), environment)
        try:
            await gateway._start()
        except BaseException:
            await gateway.store.close()
            raise
        return gateway

    async def _start(self) -> None:
        self.admission = await _admission(self.config, self.store)
        await self.registry.load(self.config)
        self.journal.start(self.tasks)
        self.tasks.start(self._tick(), name="keep-alive")
        self.watch.start(self.tasks)
        await self.peers.start(self.tasks)
        self.tasks.start(self.registry.keep_today(), name="prices")

    async def close(self) -> None:
        """Closes connections, then commits what is left."""
        await self.pool.close()
        await self.journal.close()
        await self.peers.close()
        await self.tasks.close()
        await self.store.close()

    def _under_way(self, ids: Collection[str]) -> list[UnderWay]:
        """Returns those of some ids, ours or the upstream's, whose answers haven't ended, and whose they are."""
        return [
            (name, call.principal.key_id, call.principal.team_id)
            for call in self.calls.values()
            for name in (call.id, None if call.relay is None else call.relay.shown_id)
            if name is not None and name in ids
        ]

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self.clock.follow()
            now = self.loop.time()
            for call in list(self.calls.values()):
                if call.relay is not None:
                    call.relay.keep_alive(now, KEEP_ALIVE_S)


async def _admission(config: Config, store: Store) -> Admission:
    server = config.server
    keys = [(entry.key.get_secret_value(), entry) for entry in server.api_keys]
    owners = await store.register_keys([KeyEntry(key, entry.name, entry.team) for key, entry in keys])
    principals = [
        (key, Principal(owner.key, owner.team, frozenset(entry.scopes)))
        for (key, entry), owner in zip(keys, owners, strict=True)
    ]
    return Admission(principals, server.allowed_hosts, server.allowed_origins)


def with_market_arms(config: Config, arms: list[ArmConfig]) -> Config:
    """Returns `config` with the simulated market's arms in place of none."""
    return config.model_copy(update={"arms": tuple(arms)})
