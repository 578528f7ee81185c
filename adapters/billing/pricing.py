"""What a call costs: one `Price` for everything that vendors bill, and the dollars of a usage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from adapters.canonical import Usage


class Rates(NamedTuple):
    """USD per token of each kind. `cache_write` is what lives five minutes or has no lifetime, `cached_audio` audio
    tokens that were read from a cache.
    """

    input: float
    output: float
    cached_input: float
    cache_write: float
    cache_write_1h: float
    input_audio: float
    output_audio: float
    cached_audio: float
    input_image: float
    output_image: float
    cached_image: float
    input_video: float
    output_video: float
    reasoning: float
    citation: float


FOLLOWS: Final[Mapping[str, str]] = {
    "cached_input": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "input_audio": "input",
    "output_audio": "output",
    "cached_audio": "cached_input",
    "input_image": "input",
    "output_image": "output",
    "cached_image": "cached_input",
    "input_video": "input",
    "output_video": "output",
    "reasoning": "output",
    "citation": "output",
}
"""A kind of token that a list has no price for → the kind whose price it has. In an order that resolves them."""


WEB_SEARCH: Final = "web_search"
GROUNDED_PROMPT: Final = "grounded_prompt"
"""Names of fees: by the search, or once for a prompt whatever was searched."""

USUAL_TIER: Final = "default"
"""What an answer calls the service tier of the list's own price."""


class Step(NamedTuple):
    """The rates of a whole request with more than `above` input tokens, and which of them a list gives."""

    above: int
    rates: Rates
    given: Mapping[str, float]


class Price:
    """USD by token, by request, by `second` of sound heard (`least_seconds` of any), by `character` spoken, by use of a tool (`fees`).

    `given` are the rates that a list states, by their names in `Rates`; the others follow them. `steps` stand in
    ascending order; the last that a request passes prices all of it. `tiers` are prices without tiers of their own, by the
    service tier or the speed that an answer names. `geography` multiplies what tokens cost by the region that an answer names.
    Equal prices have equal `version`s. Don't change one.
    """

    __slots__ = (
        "character",
        "fees",
        "geography",
        "given",
        "input",
        "least_seconds",
        "output",
        "rates",
        "request",
        "second",
        "steps",
        "tiers",
        "version",
    )

    def __init__(
        self,
        given: Mapping[str, float],
        *,
        request: float = 0.0,
        steps: Sequence[tuple[int, Mapping[str, float]]] = (),
        second: float = 0.0,
        character: float = 0.0,
        fees: Mapping[str, float] | None = None,
        tiers: Mapping[str, Price] | None = None,
        geography: Mapping[str, float] | None = None,
        least_seconds: float = 0.0,
    ) -> None:
        self.given: Mapping[str, float] = dict(given)
        self.rates: Rates = _filled(given)
        self.input: float = self.rates.input
        self.output: float = self.rates.output
        self.request: float = request
        self.steps: tuple[Step, ...] = tuple(
            Step(above, _filled({**given, **rates}), rates) for above, rates in steps
        )
        self.second: float = second
        self.character: float = character
        self.fees: Mapping[str, float] = fees or {}
        self.tiers: Mapping[str, Price] = tiers or {}
        self.geography: Mapping[str, float] = geography or {}
        self.least_seconds: float = least_seconds
        facts = repr(
            (
                tuple(self.rates),
                request,
                [(step.above, tuple(step.rates)) for step in self.steps],
                (second, character, least_seconds),
                sorted(self.fees.items()),
                sorted((name, price.version) for name, price in self.tiers.items()),
                sorted(self.geography.items()),
            )
        )
        self.version: str = blake2b(facts.encode(), digest_size=6).hexdigest()

    @classmethod
    def per_mtok(
        cls,
        *,
        input: float,
        output: float,
        cached_input: float | None = None,
        cache_write: float | None = None,
        request: float = 0.0,
    ) -> Price:
        """Makes a price of USD per million tokens (`request`: USD per call)."""
        given = {
            "input": input,
            "output": output,
            "cached_input": cached_input,
            "cache_write": cache_write,
        }
        return cls({name: value / 1e6 for name, value in given.items() if value is not None}, request=request)

    def cost(self, usage: Usage) -> float:
        """Returns the USD of a usage ≥ 0, to 12 significant digits, so that clients read 0.000225 and not the noise
        of binary fractions. A cost that the provider itself reported as its bill is the bill.
        """
        if usage.cost_usd is not None:
            return usage.cost_usd
        return self.listed_cost(usage)

    def listed_cost(self, usage: Usage) -> float:
        """Returns the USD of a usage by this price alone, whatever the provider reported."""
        price = self if not self.tiers else self.answered(usage.tier, usage.speed)
        total, text = usage.input or 0, usage.output or 0
        rates = price.rates_for(total)
        cached, written, thought = usage.cached or 0, usage.cache_write or 0, usage.reasoning or 0
        plain = total - cached - written
        tokens = cached * rates.cached_input + written * rates.cache_write
        if usage.cache_write_1h:
            tokens += usage.cache_write_1h * (rates.cache_write_1h - rates.cache_write)
        if thought:
            text -= thought
            tokens += thought * rates.reasoning
        heard, seen, watched = usage.input_audio or 0, usage.input_image or 0, usage.input_video or 0
        if heard or seen or watched:
            plain -= heard + seen + watched
            tokens += heard * rates.input_audio + seen * rates.input_image + watched * rates.input_video
            if usage.cached_audio:  # counted as cached and as audio above
                plain += usage.cached_audio
                tokens += usage.cached_audio * (rates.cached_audio - rates.cached_input - rates.input_audio)
            if usage.cached_image:
                plain += usage.cached_image
                tokens += usage.cached_image * (rates.cached_image - rates.cached_input - rates.input_image)
        spoken, drawn, filmed = usage.output_audio or 0, usage.output_image or 0, usage.output_video or 0
        if spoken or drawn or filmed or usage.citation:
            cited = usage.citation or 0
            text -= spoken + drawn + filmed + cited
            tokens += spoken * rates.output_audio + drawn * rates.output_image
            tokens += filmed * rates.output_video + cited * rates.citation
        tokens += max(plain, 0) * rates.input + max(text, 0) * rates.output
        if usage.geography is not None and self.geography:
            tokens *= self.geography.get(usage.geography, 1.0)
        exact = price.request + tokens
        if usage.uses is not None:
            for tool, times in usage.uses.items():
                exact += times * price.fees.get(tool, 0.0)
        if price.second or price.character:
            seconds = usage.seconds or 0.0
            if 0.0 < seconds < price.least_seconds:
                seconds = price.least_seconds
            exact += seconds * price.second + (usage.characters or 0) * price.character
        return float(f"{max(exact, 0.0):.12g}")

    def answered(self, tier: str | None, speed: str | None = None) -> Price:
        """Returns the price of what an answer calls its service tier and its speed; itself where that has none."""
        tiers = self.tiers
        tier_price = tiers.get(speed) if speed is not None else None
        if tier_price is None and tier is not None:
            tier_price = tiers.get(tier)
        return self if tier_price is None else tier_price

    def at(self, tier: str) -> Price:
        """Returns the price of an arm that asks for a service tier: this one where the answer names the usual tier."""
        asked = self.tiers.get(tier)
        if asked is None:
            return self
        return asked.copy({**self.tiers, USUAL_TIER: self.copy({}, {})}, self.geography)

    def copy(self, tiers: Mapping[str, Price], geography: Mapping[str, float]) -> Price:
        """Returns this price with other tiers and another geography."""
        return Price(
            self.given,
            request=self.request,
            steps=[(step.above, step.given) for step in self.steps],
            second=self.second,
            character=self.character,
            fees=self.fees,
            tiers=tiers,
            geography=geography,
            least_seconds=self.least_seconds,
        )

    def at_least(self, input: float, output: float) -> Price:
        """Returns this price with no less for plain input and output, in USD per token."""
        floor = {"input": max(self.input, input), "output": max(self.output, output)}
        return Price(
            {**self.given, **floor},
            request=self.request,
            steps=[
                (step.above, {n: max(v, floor.get(n, 0.0)) for n, v in step.given.items()})
                for step in self.steps
            ],
        )

    def fixed_usd(self, input_tokens: int, cached_tokens: int = 0) -> float:
        """Returns the USD that a request costs before its first output token; 0 ≤ cached ≤ input tokens."""
        rates = self.rates_for(input_tokens)
        return (
            self.request + (input_tokens - cached_tokens) * rates.input + cached_tokens * rates.cached_input
        )

    def output_usd(self, input_tokens: int) -> float:
        """Returns the USD per output token of a request with that much input."""
        return self.rates_for(input_tokens).output

    def rates_for(self, input_tokens: int) -> Rates:
        """Returns what the tokens of a request with that much input cost."""
        rates = self.rates
        for step in self.steps:
            if input_tokens <= step.above:
                break
            rates = step.rates
        return rates


def _filled(given: Mapping[str, float]) -> Rates:
    """Returns all rates of those that are given."""
    filled = {"input": 0.0, "output": 0.0, **given}
    for kind, other in FOLLOWS.items():
        if kind not in filled:
            filled[kind] = filled[other]
    return Rates(**filled)
