"""Which arms are in service: those of the configuration, those that come and go at run time, and what they cost today.

Arms that come or go, and prices that are set, are rows of the journal. The learner reaches each at its place among the
decisions, so that all workers, and a restart, believe the same; then it calls the registry, which acts on it.
"""

from __future__ import annotations

import asyncio
import fnmatch
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from urllib.parse import quote

from pydantic import ValidationError

from bandit import ArmPrior
from proxy.arms.added_arms import KeyRules, doubted, weak_prior
from proxy.arms.api_prices import API, ApiPrices, layer_of
from proxy.arms.arm import Arm, ArmTable, build, configured
from proxy.arms.prices import lacking
from proxy.config import ArmConfig, Config, ConfigError, PriceChange, PriceConfig, describe, secret
from proxy.learning.learner import Learner
from proxy.masking import Mask
from proxy.upstream import Addresses
from state.interface import Store
from state.records import NOBODY, ArmChange, ArmPrice, Owner

log = logging.getLogger("meritorder.registry")

_CATALOGUE_S = 60.0
"""How often the catalogue is asked for today's prices: some depend on the time of day, by the minute."""


class PriceMissingError(Exception):
    """A price can't be stated without the field that this names."""


class ArmExistsError(Exception):
    """There is an arm of this name already."""


class Registry:
    """Keeps `table` as configuration and journal say. `learner` is set before `load`."""

    learner: Learner

    def __init__(
        self,
        table: ArmTable,
        store: Store,
        environment: Mapping[str, str],
        addresses: Addresses,
        mask: Mask,
    ) -> None:
        self._table = table
        self._store = store
        self._environment = environment
        self._addresses = addresses
        self._mask = mask
        self._keys = KeyRules((), (), environment)
        self._configured: dict[str, ArmConfig] = {}
        self._added: dict[str, ArmConfig] = {}
        self._prices = ApiPrices()
        self._of_providers: Mapping[str, PriceConfig] = {}
        self._refuses_unpriced = False

    async def load(self, config: Config) -> None:
        """Learns the journal and puts all arms into service. Raises ConfigError, StoreError."""
        self._of_providers = config.prices
        self._refuses_unpriced = config.price_missing == "refuse"
        try:
            self._configured = self._checked(config)
        except ConfigError as error:
            raise ConfigError(f"{config.source}: {error}" if config.source else str(error)) from None
        for change in await self._store.arms():
            if (config_of := _parsed(change)) is not None:
                self._added[change.name] = config_of
        await self.learner.load(self._store, self.configured)
        # What another worker adds or sets at this moment comes when its row is learnt.
        for price in await self._store.prices():
            if price.seq <= self.learner.seq:
                self._prices.apply(price)
        for arm in self._configured.values():
            self._install(arm)
        for change in await self._store.arms():
            if change.seq <= self.learner.seq:
                self._changed(change)
        self.learner.arm_changed = self._changed
        self.learner.price_changed = self._price_changed
        self._log_prices()

    def _checked(self, config: Config) -> dict[str, ArmConfig]:
        """Returns the configured arms by name. Raises ConfigError where one of them could never answer."""
        checked: dict[str, ArmConfig] = {}
        arms = configured(config, self._environment)
        self._keys = KeyRules(config.server.arm_key_env, arms, self._environment)
        for arm in arms:
            if arm.name in checked:
                raise ConfigError(f"two arms have the same name: {arm.name}")
            if arm.name in config.routes:
                raise ConfigError(f"routes.{arm.name}: an arm has this name too")
            built = self._built(arm)
            self._check_key(arm, built)
            if self._refuses_unpriced and not built.priced:
                raise ConfigError(f'{_unpriced(built)}, or set price_missing = "warn"')
            checked[arm.name] = arm
        for name, route in config.routes.items():
            if not any(fnmatch.fnmatchcase(arm, pattern) for pattern in route.arms for arm in checked):
                log.warning("routes.%s: no arm fits %s yet", name, ", ".join(route.arms))
        return checked

    def _built(self, config: ArmConfig, *, added: bool = False) -> Arm:
        """Returns the arm of its configuration. Raises ConfigError, also for what none `added` by a request may have."""
        if added:
            self._keys.check(config)
        now = time.time()
        arm = build(config, -1, self._environment, now, self._of_providers.get(config.provider))
        if added:
            self._keys.check_signer(config, arm)
            arm = doubted(config, arm, now)
        refusal = self._addresses.refusal(arm.endpoint.host)
        if refusal is not None:
            raise ConfigError(
                f"arm {config.name}: base_url: {refusal}: no provider lives there; list it in server.allowed_addresses "
                "if one does",
                "base_url",
            )
        return arm

    def _check_key(self, config: ArmConfig, arm: Arm) -> None:
        # A server of one's own may want no key; the vendor's own does.
        if config.base_url is not None or arm.signer is not None:
            return
        variable = config.api_key_env or arm.row.key_env
        if variable and secret(config, variable, self._environment) is None:
            raise ConfigError(
                f"arm {arm.name}: no api_key, and the environment variable {variable} is not set, nor {variable}_FILE"
            )

    @property
    def configured(self) -> list[str]:
        """Names of the arms that configuration and environment gave: no request can take them out."""
        return list(self._configured)

    def prior_of(self, name: str) -> ArmPrior | None:
        """Returns what is believed of an arm that no row of the journal described."""
        # Not of the arm in service: the journal is read before that, and a price may have changed since.
        config = self._configured.get(name) or self._added.get(name)
        try:
            if config is None:
                return None
            own = self._of_providers.get(config.provider)
            return build(config, -1, self._environment, time.time(), own).prior
        except ConfigError:
            return None

    async def add(self, config: ArmConfig, by: Owner = NOBODY) -> Arm:
        """Adds an arm durably. Raises ConfigError, ArmExistsError, StoreError.

        A key may only be named, not given: the store is no safe.
        """
        arm = self._built(config, added=True)
        if self._refuses_unpriced and not arm.priced:
            raise ConfigError(_unpriced(arm), "input_usd_per_mtok")
        shown = self._shown() if config.quality is not None else None
        change = ArmChange(
            name=config.name,
            at=time.time(),
            config=config.model_dump(mode="json", exclude_defaults=True),
            prior=asdict(weak_prior(config, arm, shown)),
            by=by,
        )
        if config.name in self._table.by_name or not await self._store.change_arm(change):
            raise ArmExistsError(config.name)
        await self.learner.catch_up(self._store, until=change.seq)
        return arm

    def _shown(self) -> float | None:
        """Returns the mean quality of the configured arms as of now."""
        now, bandit = time.time(), self.learner.bandit
        means = [bandit.quality_estimate(bandit.index(name), now).mean for name in self._configured]
        return sum(means) / len(means) if means else None

    async def remove(self, name: str, by: Owner = NOBODY) -> None:
        """Removes an arm durably; what was learnt of it stays. Raises KeyError, StoreError."""
        change = ArmChange(name=name, at=time.time(), config=None, by=by)
        if not await self._store.change_arm(change):
            raise KeyError(name)
        await self.learner.catch_up(self._store, until=change.seq)

    async def knows(self, name: str) -> bool:
        """Returns whether there is this arm; another gateway may have added it a moment ago. Raises StoreError."""
        if name not in self._table.by_name:
            await self.learner.catch_up(self._store)
        return name in self._table.by_name

    async def set_price(self, name: str, price: PriceChange, by: Owner = NOBODY) -> None:
        """Sets the price of an arm durably, over that of configuration and catalogue; the next decision uses it.
        Raises KeyError, PriceMissingError, StoreError.
        """
        if not await self.knows(name):
            raise KeyError(name)
        now, layer = time.time(), layer_of(price)
        if not self._table.by_name[name].tariff.under(layer).at(now).known:
            raise PriceMissingError(lacking([layer]) or "input_usd_per_mtok")
        change = ArmPrice(
            name=name,
            at=now,
            price=price.model_dump(mode="json", exclude_none=True, exclude_defaults=True),
            configured=self._configured_price(name),
            by=by,
        )
        await self._store.change_price(change)
        await self.learner.catch_up(self._store, until=change.seq)

    async def undo_price(self, name: str, by: Owner = NOBODY) -> bool:
        """Undoes `set_price`, durably; False where nothing was. Raises KeyError, StoreError."""
        if not await self.knows(name):
            raise KeyError(name)
        change = ArmPrice(name=name, at=time.time(), price=None, by=by)
        if not await self._store.change_price(change):
            return False
        await self.learner.catch_up(self._store, until=change.seq)
        return True

    async def keep_today(self) -> None:
        """Keeps prices today's, until cancelled."""
        asked_at = time.time()
        while True:
            await asyncio.sleep(_CATALOGUE_S / 4)
            now = time.time()
            if now // _CATALOGUE_S != asked_at // _CATALOGUE_S:
                asked_at = now
                self.today()

    def today(self) -> None:
        """Sets the prices of all arms to those of this moment."""
        for arm in self._table:
            self._reprice(arm.name)

    def _changed(self, change: ArmChange) -> None:
        """Puts an arm into service, or out of it, as a row of the journal says."""
        name = change.name
        if change.config is None:
            self._prices.forget(name)
        if name in self._configured:
            self._reprice(name)
            return
        if change.config is None:
            self._added.pop(name, None)
            self._table.drop(name)
            return
        config = _parsed(change)
        if config is None:
            return
        self._added[name] = config
        try:
            self._install(config, added=True)
        except ConfigError as error:
            # No row of the journal may keep a gateway from starting.
            log.warning("an arm that was added can't be served here: %s", error)

    def _price_changed(self, change: ArmPrice) -> None:
        """Acts on a price that was set or taken back."""
        self._prices.apply(change)
        self._reprice(change.name)

    def _install(self, config: ArmConfig, *, added: bool = False) -> None:
        arm = self._built(config, added=added)
        bandit = self.learner.bandit
        arm.index = bandit.add_arm(arm.name, arm.prior)  # known already, but for a row passed over
        self._table.put(arm)
        self._mask.add(secret(config, config.api_key_env or arm.row.key_env, self._environment))
        if arm.signer is not None:
            arm.signer.hide(self._mask)
        self._reprice(arm.name)

    def _reprice(self, name: str) -> None:
        """Sets the price of an arm to that of this moment."""
        arm = self._table.by_name.get(name)
        if arm is None:
            return
        tariff, now = arm.tariff, time.time()
        price = self._prices.of(name)
        if price is not None:
            tariff = tariff.under(price.layer)
            if arm.price_source == API and not price.holds(now):
                log.warning(
                    "the price of %s that the API set has ended; it is the configuration's again", name
                )
        self._table.reprice(name, tariff.at(now), vouched=price is not None and price.holds(now))

    def _configured_price(self, name: str) -> dict[str, object]:
        """Returns what configuration states of an arm's price."""
        config = self._configured.get(name)
        if config is None:
            return {}
        fields = {*PriceConfig.model_fields, "price_until", "service_tier"}
        return config.model_dump(mode="json", include=fields, exclude_defaults=True)

    def _log_prices(self) -> None:
        """Logs which prices aren't known, and which the API set over a file that was edited since."""
        for arm in self._table:
            if not arm.priced:
                log.warning(
                    "%s; until then it is drawn only where a request names it, or by a route with unpriced = true",
                    _unpriced(arm),
                )
            price = self._prices.of(arm.name)
            if price is None or arm.price_source != API or arm.name not in self._configured:
                continue
            if price.contradicts(self._configured_price(arm.name)):
                log.warning(
                    "the price of %s is the one that PUT /v1/prices set%s, not that of the configuration, which has been "
                    "edited since: DELETE /v1/prices/%s brings the configuration's back",
                    arm.name,
                    _day(price.set_at),
                    quote(arm.name, safe=""),
                )


def _day(at: float) -> str:
    return f" on {time.strftime('%Y-%m-%d', time.gmtime(at))}" if at else ""


def _unpriced(arm: Arm) -> str:
    model = f"{arm.tariff.catalogue}/{arm.tariff.model}" if arm.tariff.catalogue else arm.tariff.model
    return (
        f"the price of arm {arm.name} is not known, as the catalogue has no {model}: state input_usd_per_mtok and "
        "output_usd_per_mtok (0 for what costs nothing), or name the model in catalogue_model"
    )


def _parsed(change: ArmChange) -> ArmConfig | None:
    try:
        return ArmConfig.model_validate(change.config)
    except ValidationError as error:
        wrong = {item["loc"][0] if item["loc"] else None for item in error.errors()}
        if change.config is None or not wrong <= PriceConfig.model_fields.keys():
            log.warning("the arm %s that was added can't be read: %s", change.name, describe(error))
            return None
        # An older version took any number.
        log.warning("the price of %s that the database holds can't be used: %s", change.name, describe(error))
    unpriced = {name: value for name, value in change.config.items() if name not in PriceConfig.model_fields}
    return _parsed(replace(change, config=unpriced))
