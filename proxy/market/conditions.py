"""What the market does to a recorded outcome: price changes, collapses, outages."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from proxy.market.catalogue import LETTERS, ModelRecord, Question


@dataclass(frozen=True, slots=True)
class Conditions:
    """The state of one arm.

    price_factor    on the list price
    kept_quality    fraction of the recorded right answers that still are right, in [0, 1]
    up              False: calls fail
    """

    price_factor: float = 1.0
    kept_quality: float = 1.0
    up: bool = True


def is_right(question: Question, position: int, conditions: Conditions) -> bool:
    """Returns whether model `position` answers rightly; the same question always has the same answer."""
    if not question.outcomes[position].right:
        return False
    return _fraction(f"{question.id}/{position}") < conditions.kept_quality


def chosen_letter(question: Question, position: int, conditions: Conditions) -> str:
    """Returns the choice that model `position` answers with: the key if it is right, else another letter."""
    if is_right(question, position, conditions):
        return question.key
    others = LETTERS.replace(question.key, "")
    return others[int(_fraction(f"{question.id}#{position}") * len(others))]


def cost_usd(model: ModelRecord, question: Question, position: int, conditions: Conditions) -> float:
    """Returns US dollars that the answer costs at today's price."""
    tokens_usd = (
        question.input_tokens * model.input_usd_per_mtok
        + question.outcomes[position].output_tokens * model.output_usd_per_mtok
    )
    return conditions.price_factor * tokens_usd / 1e6


def _fraction(text: str) -> float:
    """A number in [0, 1) that depends on nothing but `text`, so that every process draws the same one."""
    return zlib.crc32(text.encode()) / 2**32
