"""What a provider itself says a call cost: which of the figures in a usage object is the bill.

A bill is believed from whoever sends one, whatever the arm's price says, but for two figures. Zero is what gateways
report that don't know prices: it counts only from one that says that it charged the caller and no other. And what no
call can cost is a slip.
"""

from __future__ import annotations

from typing import Any, Final

from adapters.dialects.shared.lenient import dollars

MOST_USD: Final = 1_000.0
"""Of one call. A million tokens in and 128,000 out at the dearest prices there are cost less than 300."""

TICKS_PER_USD: Final = 10_000_000_000
"""xAI's `cost_in_usd_ticks`, "the actual amount billed": https://docs.x.ai/developers/cost-tracking, read 2026-11."""


def _payable(value: object) -> float | None:
    """Returns an amount that a call can cost, None for any other value."""
    amount = dollars(value)
    return None if amount is None or amount > MOST_USD else amount


def reported(raw: dict[str, Any]) -> tuple[float | None, float | None]:
    """Returns of a usage object (the bill in dollars, the figure that it reports where that isn't the bill), None for what
    isn't there.

    OpenRouter: `cost` is all there is to pay, but with a key of one's own (`is_byok`) it is only the fee, and the vendor
    bills `cost_details.upstream_inference_cost` beside it; without such a key that is the same money told twice.
    https://openrouter.ai/docs/use-cases/usage-accounting, read 2026-11.

    Perplexity: `cost.total_cost` holds the fee of the request too: https://docs.perplexity.ai/api-reference, 2026-09.
    """
    ticks = raw.get("cost_in_usd_ticks")
    if ticks is not None:
        amount = _payable(ticks / TICKS_PER_USD) if type(ticks) is int else None
        return (amount, None) if amount else (None, amount)
    cost = raw.get("cost")
    if cost is None:
        return None, None
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    amount = _payable(cost)
    if amount is None:
        return None, None
    own_key = raw.get("is_byok")
    if own_key is True:
        details = raw.get("cost_details")
        upstream = _payable(details.get("upstream_inference_cost")) if isinstance(details, dict) else None
        # Without it the vendor's bill is unknown, and our own price stands in.
        return (amount + upstream, amount) if upstream else (None, amount)
    return (amount, None) if amount > 0.0 or own_key is False else (None, amount)
