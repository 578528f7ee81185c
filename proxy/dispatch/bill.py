"""The bill of one answer: what the client is shown and what the record holds are the same."""

from __future__ import annotations

from adapters.billing.counts import settle
from adapters.billing.estimates import bytes_per_token, prompt_tokens
from adapters.billing.service_tiers import tier_of
from adapters.canonical import Usage
from proxy.arms.arm import Arm
from proxy.dispatch.relay import Relay
from proxy.routing.request import ClientRequest


class Bill:
    """What an answer of `arm` costs. `relay` counts the bytes of its content, and is None once it has ended. `measured` is
    what an API without token counts is paid by: seconds or characters, as counted before the call.
    """

    __slots__ = ("_arm", "_cost", "_measured", "_price", "_priced", "_request", "_usage", "relay")

    def __init__(self, arm: Arm, request: ClientRequest, measured: Usage | None = None) -> None:
        self._arm = arm
        self._price = arm.price  # that of the decision, whatever changes meanwhile
        self._priced = arm.priced
        self._request = request
        self._measured = measured
        self._usage: Usage | None = None
        self._cost: float | None = None
        self.relay: Relay | None = None

    def cost(self, usage: Usage) -> float | None:
        """Returns US dollars; None where nobody knows the price and the provider reported no bill. Completes the counts
        with estimates first.
        """
        if usage is not self._usage:
            if self.relay is not None:
                self.settle(usage, self.relay)
            self._usage = usage
            self._cost = self._price.cost(usage) if self._priced else usage.cost_usd
        return self._cost

    def counted(self, usage: Usage | None, *, whole: bool) -> Usage | None:
        """Returns the counts to record of an answer that reported `usage`: what was measured before the call stands in."""
        measured = self._measured
        if measured is None:
            return usage
        if usage is None:
            usage = measured if whole else Usage(estimated=True)
        if usage.input is None and usage.output is None:
            # Tokens are what most arms are paid by, and nobody counted them.
            price = self._price
            measured_usd = price.second * (usage.seconds or 0) + price.character * (usage.characters or 0)
            self._priced = self._priced and price.request + measured_usd > 0.0
        return usage

    def settle(self, usage: Usage, relay: Relay) -> None:
        """Makes the counts of an answer whole: see `adapters.billing.counts`."""
        arm = self._arm
        if usage.tier is None and arm.row.tier_header is not None:
            usage.tier = tier_of(relay.header(arm.row.tier_header))
        settle(usage, self._prompt_tokens, relay.said, bytes_per_token(arm.tariff.model))

    def _prompt_tokens(self) -> int:
        """Returns an estimate of what the request has, from all of its body."""
        return prompt_tokens(self._request.document, self._arm.tariff.model) or self._request.input_tokens

    def details(self, usage: Usage) -> dict[str, object] | None:
        """Returns what else belongs to a bill for the record; None where it is an ordinary one."""
        parts: dict[str, object] = {}
        reported = usage.reported_usd if usage.reported_usd is not None else usage.cost_usd
        if reported is not None:
            parts["reported_usd"] = reported
            if self._priced:
                parts["listed_usd"] = self._price.listed_cost(usage)
        if usage.tier is not None and usage.tier != "default":
            parts["tier"] = usage.tier
        if usage.speed is not None and usage.speed != "standard":
            parts["speed"] = usage.speed
        if usage.geography is not None and usage.geography in self._price.geography:
            parts["geography"] = usage.geography
        if usage.uses:
            parts["uses"] = usage.uses
        if not (
            usage.cache_write_1h
            or usage.input_audio
            or usage.output_audio
            or usage.input_image
            or usage.output_image
            or usage.input_video
            or usage.output_video
            or usage.citation
            or usage.seconds
            or usage.characters
        ):
            return parts or None
        for name in (
            "cache_write_1h",
            "input_audio",
            "output_audio",
            "cached_audio",
            "input_image",
            "output_image",
            "cached_image",
            "input_video",
            "output_video",
            "citation",
            "seconds",
            "characters",
        ):
            value = getattr(usage, name)
            if value:
                parts[name] = value
        return parts or None
