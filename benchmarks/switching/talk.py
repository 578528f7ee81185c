"""One conversation of five turns between two vendors, and what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from benchmarks.switching.client import PDF, PNG, Client
from benchmarks.switching.demands import complaints
from benchmarks.switching.vendors import STEPS, Vendor, sealed, thought

Json = dict[str, Any]

Ask = Callable[[Vendor, str, Json, int, bool], Awaitable[tuple[Json, Json]]]
"""Asks a vendor in a client's dialect, with what body, at which step, thinking or not; returns what was sent to the
vendor and what the client got. Raises Refused."""

_RESULTS: dict[int, list[tuple[str, bool, bool]]] = {
    1: [("rain in Oslo", False, True), ("the clock is broken", True, False)],
    2: [('{"sky": "snow in Tromsø", "degrees": -3}', False, False)],
    4: [("", False, False), ("hail in Bergen", False, False), ("fog in Oslo", False, False)],
}
_WORDS = {3: "And when I am in Bergen?"}


class Refused(Exception):
    """A turn that was not served."""


@dataclass(slots=True)
class Outcome:
    """`lost` says what a vendor was not told though it could have been."""

    first: str
    second: str
    client: str
    turns: int = 0
    refused: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


async def talk(ask: Ask, first: Vendor, second: Vendor, dialect: str, *, stream: bool = False) -> Outcome:
    """Leads the conversation: the first vendor answers in turns 1, 3 and 5, the second in 2 and 4."""
    outcome = Outcome(first.name, second.name, dialect)
    sees, reads = first.sees and second.sees, first.reads and second.reads
    thinking = first.thinks and second.thinks
    client = Client(dialect, image=sees, document=reads, thinking=thinking)
    said: list[str] = []
    pictures = int(sees)
    for step in range(1, STEPS + 1):
        vendor = first if step % 2 else second
        outcome.turns += 1
        try:
            sent, answer = await ask(
                vendor, dialect, client.body(arm_of(vendor), stream=stream), step, thinking
            )
        except Refused as refused:
            outcome.refused.append(f"turn {step} at {vendor.name}: {refused}")
            return outcome
        told = orjson.dumps(sent).decode()
        outcome.lost += [
            f"turn {step} at {vendor.name}: {text}"
            for text in said
            if orjson.dumps(text).decode()[1:-1] not in told
        ]
        if told.count(PNG) < pictures or told.count(PDF) < int(reads):
            outcome.lost.append(f"turn {step} at {vendor.name}: a picture or a document")
        outcome.lost += _seals(vendor, first, second, step, told) if thinking else []
        calls = client.took(answer)
        results = _RESULTS.get(step, [])
        if len(calls) != len(results):
            outcome.lost.append(f"turn {step} at {vendor.name}: calls, of which {calls} are left")
            return outcome
        shown = sees and dialect != "openai_chat"
        client.tells(
            [(call, text, bad, pic and shown) for call, (text, bad, pic) in zip(calls, results, strict=True)]
        )
        said += [_plain(text) for text, _, _ in results if text]
        pictures += sum(pic and shown for _, _, pic in results)
        if step in _WORDS:
            client.says(_WORDS[step])
            said.append(_WORDS[step])
    return outcome


def _plain(text: str) -> str:
    return "snow in Tromsø" if text.startswith("{") else text


def arm_of(vendor: Vendor) -> str:
    """Returns the name of the vendor's arm."""
    return vendor.name.replace(" ", "-")


def _seals(vendor: Vendor, first: Vendor, second: Vendor, step: int, told: str) -> list[str]:
    """Returns what the vendor thought and sealed itself and was not given back."""
    missing = []
    for earlier in range(1, step):
        other = first if earlier % 2 else second
        mark = sealed(other, earlier)
        if mark is not None and other.seals == vendor.seals and mark not in told:
            missing.append(f"turn {step} at {vendor.name}: the seal of turn {earlier}")
        if vendor.provider == "deepseek" and other is vendor and thought(earlier) not in told:
            missing.append(f"turn {step} at {vendor.name}: the thought of turn {earlier}")
    return missing


def judged(vendor: Vendor, body: Json) -> None:
    """Raises Refused where the vendor would answer 400."""
    found = complaints(vendor.provider, vendor.dialect, vendor.model, body)
    if found:
        raise Refused("; ".join(found))
