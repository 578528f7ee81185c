"""The simulated market: providers on loopback ports, and the handle that changes their conditions."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, replace

from proxy.market.catalogue import Catalogue, ModelRecord, load_catalogue
from proxy.market.conditions import Conditions
from proxy.market.provider import MarketProvider


@dataclass(frozen=True, slots=True)
class MarketArm:
    """What an operator needs to know to use an arm; prices in US dollars per million tokens."""

    name: str
    provider: str
    model: str
    base_url: str
    input_usd_per_mtok: float
    output_usd_per_mtok: float
    api_key: str


class Market:
    """Open providers and the conditions of their arms."""

    def __init__(self, catalogue: Catalogue, *, seed: int, speed: float) -> None:
        self._catalogue = catalogue
        self._conditions: dict[str, Conditions] = {}
        rng = random.Random(seed)
        names = dict.fromkeys(model.provider for model in catalogue.models)
        self._providers = {
            name: MarketProvider(
                name,
                catalogue,
                self._conditions.get,
                api_key=f"sim-{name}-{rng.getrandbits(64):016x}",
                rng=random.Random(rng.getrandbits(64)),
                speed=speed,
            )
            for name in names
        }

    @property
    def arms(self) -> list[MarketArm]:
        """The arms on offer, at today's prices."""
        return [self._arm(model) for model in self._catalogue.models if model.arm in self._conditions]

    async def open(self) -> None:
        """Starts every provider."""
        for provider in self._providers.values():
            await provider.open()

    async def close(self) -> None:
        """Stops every provider."""
        for provider in self._providers.values():
            await provider.close()

    def offer(self, arm: str) -> MarketArm:
        """Puts a recorded arm on offer. Raises KeyError for one that isn't recorded."""
        model = self._catalogue.models[self._catalogue.positions[arm]]
        self._conditions.setdefault(arm, Conditions())
        return self._arm(model)

    def set_price(self, arm: str, factor: float) -> None:
        """Sets the price of `arm` to `factor` times its list price."""
        self._conditions[arm] = replace(self._conditions[arm], price_factor=factor)

    def set_quality(self, arm: str, kept: float) -> None:
        """Keeps the fraction `kept` of the recorded right answers of `arm` right, and makes the others wrong."""
        self._conditions[arm] = replace(self._conditions[arm], kept_quality=kept)

    async def take_down(self, arm: str, *, refuse: bool = False) -> None:
        """Makes calls to `arm` fail with 503; `refuse` closes its provider's port, for all its arms."""
        self._conditions[arm] = replace(self._conditions[arm], up=False)
        if refuse:
            await self._provider(arm).close()

    async def bring_up(self, arm: str) -> None:
        """Ends an outage of either kind."""
        self._conditions[arm] = replace(self._conditions[arm], up=True)
        await self._provider(arm).open()

    def _provider(self, arm: str) -> MarketProvider:
        return self._providers[self._catalogue.models[self._catalogue.positions[arm]].provider]

    def _arm(self, model: ModelRecord) -> MarketArm:
        provider = self._providers[model.provider]
        factor = self._conditions[model.arm].price_factor
        return MarketArm(
            name=model.arm,
            provider=model.provider,
            model=model.model,
            base_url=provider.base_url,
            input_usd_per_mtok=model.input_usd_per_mtok * factor,
            output_usd_per_mtok=model.output_usd_per_mtok * factor,
            api_key=provider.api_key,
        )


async def start_market(*, seed: int, speed: float, withheld: Collection[str] = ()) -> Market:
    """Starts the market on free loopback ports with every recorded arm on offer but those in `withheld`.

    `speed` > 0 divides the recorded latencies. Raises OSError if no port can be had.
    """
    catalogue = load_catalogue()
    market = Market(catalogue, seed=seed, speed=speed)
    for model in catalogue.models:
        if model.arm not in withheld:
            market.offer(model.arm)
    await market.open()
    return market
