"""How a client is told which arms were left out of its request, and why."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.ingress.errors import Refusal, invalid
from proxy.ingress.reply import in_header

_MOST_NAMED = 8
"""A header is for a glance; the generation's record holds all."""

_REMEDY = "Leave out what is named, or name a model that takes it; POST /v1/explain tells which do."


def excluded_line(excluded: Mapping[str, str]) -> bytes:
    """Returns the header that counts and names them; nothing where there are none."""
    if not excluded:
        return b""
    named = [f"{arm}={why}" for arm, why in list(excluded.items())[:_MOST_NAMED]]
    return b"X-Meritorder-Excluded: %d; %s\r\n" % (len(excluded), in_header(", ".join(named)))


def obstacles(lacks: Mapping[str, str], document: Mapping[str, object]) -> Refusal:
    """Returns the refusal of a request that no arm can express: all that stands in its way, by arm, and what to do."""
    each = "; ".join(f"{arm}: {what}" for arm, what in lacks.items())
    fields = {what.split(" ", 1)[0].rstrip(",:") for what in lacks.values()}
    field = fields.pop() if len(fields) == 1 else None
    return invalid(
        f"No arm can express this request: {each}. {_REMEDY}", field if field in document else None
    )
