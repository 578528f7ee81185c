"""Answers made by hand."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.market.catalogue import Catalogue
from proxy.market.conditions import Conditions, cost_usd, is_right
from proxy.market.demo.story import Story
from proxy.market.demo.traffic import Answered


def answers_of(catalogue: Catalogue, story: Story, arms: Sequence[str]) -> list[Answered]:
    """What a client would have seen if request i had gone to `arms[i]`."""
    answers = []
    for index, arm in enumerate(arms):
        question = catalogue.questions[index % len(catalogue.questions)]
        position = catalogue.positions[arm]
        conditions = story.conditions_at(index).get(arm, Conditions(up=False))
        answers.append(
            Answered(
                index=index,
                question=question,
                id=f"id-{index}",
                arm=arm,
                propensity=0.5,
                right=conditions.up and is_right(question, position, conditions),
                cost_usd=cost_usd(catalogue.models[position], question, position, conditions)
                if conditions.up
                else 0.0,
                ttft_s=None,
                seconds=0.1,
                error=None,
            )
        )
    return answers
