"""The gateway of one worker: everything it holds, and its life from start to drain."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import time
from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from bandit import ArmPrior
from proxy.admission import Admission
from proxy.arms import Arm, ArmTable, build, configured, custom_price
from proxy.calls import Call
from proxy.config import ArmConfig, Config, ConfigError, PriceConfig
from proxy.deciding import Decider
from proxy.health import Health
from proxy.journal import Journal
from proxy.learner import Learner
from proxy.routing import Router
from proxy.sessions import Sessions
from proxy.tasks import Tasks
from proxy.upstream import Limits, Pool, Proxies, Timeouts
from state.sqlite import SqliteStore
from state.store import Store, StoreError

log = logging.getLogger("meritorder")

KEEP_ALIVE_S = 10.0
"""Silence after which a streaming client hears a comment; load balancers cut at 60 s, some at 15."""

PRICE, ARM = "price/", "arm/"
"""Prefixes of durable values: prices and arms set through the API."""


class Gateway:
    """Composition of one worker."""

    def __init__(self, config: Config, store: Store, environment: Mapping[str, str] = os.environ) -> None:
        self.config = config
        self.store = store
        self.loop = asyncio.get_running_loop()
        self.started_at = time.time()
        self.tasks = Tasks()
        self.admission = Admission(
            [key.get_secret_value() for key in config.server.api_keys], config.server.allowed_hosts
        )
        self.arms = ArmTable()
        self.health = Health()
        self.sessions = Sessions()
        self.router = Router(self.arms, self.health, config.routes, self.sessions)
        self.learner = Learner(self._prior_of)
        self.decider = Decider(self.learner, self.loop)
        self.journal = Journal(store, self.learner, shared=config.server.workers > 1)
        limits = config.timeouts
        try:
            proxies = Proxies.from_environment()
        except ValueError as error:
            raise ConfigError(f"the proxy that the environment names can't be used: {error}") from None
        self.pool = Pool(
            limits=Limits(),
            timeouts=Timeouts(
                connect=limits.connect, first_byte=limits.first_byte, idle=limits.idle, total=limits.total
            ),
            proxies=proxies,
        )
        self.calls: dict[str, Call] = {}
        self.random = random.Random().random  # noqa: S311  a draw, not a secret
        self.draining = False
        self._environment = environment
        self._arm_configs: dict[str, ArmConfig] = {}
        self._values: dict[str, object] = {}

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
        for arm in configured(self.config, self._environment):
            self._arm_configs[arm.name] = arm
        self._values = await self.store.values("")
        for name, value in self._values.items():
            if name.startswith(ARM):
                arm = ArmConfig.model_validate(value)
                self._arm_configs.setdefault(arm.name, arm)
        await self.learner.load(self.store, list(self._arm_configs))
        for arm in self._arm_configs.values():
            self._install(arm)
        self._apply_prices()
        self.journal.start(self.tasks)
        self.tasks.start(self._tick(), name="keep-alive")
        if self.config.server.workers > 1:
            self.tasks.start(self._follow_values(), name="values")

    async def close(self) -> None:
        """Ends what is under way, then commits what is left."""
        await self.pool.close()
        await self.journal.close()
        await self.tasks.close()
        await self.store.close()

    # -- arms and prices ---------------------------------------------------------------------------

    def _prior_of(self, name: str) -> ArmPrior | None:
        arm = self.arms.by_name.get(name)
        if arm is not None:
            return arm.prior
        # The journal is read before the arms are installed, and must find the same priors as when it was written.
        config = self._arm_configs.get(name)
        return None if config is None else build(config, -1, self._environment, time.time()).prior

    def _install(self, config: ArmConfig) -> Arm:
        arm = build(config, -1, self._environment, time.time())
        try:
            arm.index = self.learner.bandit.index(arm.name)
        except KeyError:
            arm.index = self.learner.bandit.add_arm(arm.name, arm.prior)
        self.arms.put(arm)
        return arm

    async def add_arm(self, config: ArmConfig) -> Arm:
        """Adds an arm durably. Raises ConfigError; a key may only be named, not given: the store is no safe."""
        if config.api_key is not None:
            raise ConfigError(
                "api_key can't be stored: name an environment variable of the gateway in api_key_env"
            )
        build(config, -1, self._environment, time.time())
        value = config.model_dump(mode="json", exclude_defaults=True)
        await self.store.set_value(ARM + config.name, value)
        self._values[ARM + config.name] = value
        self._arm_configs[config.name] = config
        return self._install(config)

    async def set_price(self, name: str, price: PriceConfig) -> None:
        """Sets today's price of an arm durably; the next decision uses it. Raises KeyError."""
        custom = custom_price(price)
        if name not in self.arms.by_name or custom is None:
            raise KeyError(name)
        value = price.model_dump(mode="json", exclude_none=True)
        await self.store.set_value(PRICE + name, value)
        self._values[PRICE + name] = value
        self.arms.reprice(name, custom)

    def _apply_prices(self) -> None:
        for name, value in self._values.items():
            arm = name.removeprefix(PRICE)
            if name.startswith(PRICE) and arm in self.arms.by_name:
                custom = custom_price(PriceConfig.model_validate(value))
                if custom is not None:
                    self.arms.reprice(arm, custom)

    async def _follow_values(self) -> None:
        """Takes over arms and prices that other workers were told."""
        while True:
            await asyncio.sleep(0.5)
            try:
                values = await self.store.values("")
                if values == self._values:
                    continue
                self._values = values
                for name, value in values.items():
                    if name.startswith(ARM) and name.removeprefix(ARM) not in self.arms.by_name:
                        self._install(ArmConfig.model_validate(value))
                self._apply_prices()
            except (StoreError, ValidationError, ConfigError) as error:
                log.warning("other workers' settings can't be read: %s", error)

    # -- the running gateway -----------------------------------------------------------------------

    def new_id(self) -> str:
        """Returns a new generation id, 96 random bits."""
        return f"gen-{secrets.token_hex(12)}"

    def dump(self, body: dict[str, Any], arm: Arm) -> bytes:
        """Encodes a translated request body with the arm's own parameters."""
        return orjson.dumps(arm.row.adapt({**body, **arm.parameters}))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now = self.loop.time()
            for call in list(self.calls.values()):
                if call.relay is not None:
                    call.relay.keep_alive(now, KEEP_ALIVE_S)


def with_market_arms(config: Config, arms: list[ArmConfig]) -> Config:
    """Returns `config` with the simulated market's arms in place of none."""
    return config.model_copy(update={"arms": tuple(arms)})
