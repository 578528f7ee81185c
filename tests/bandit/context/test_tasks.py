import json

import numpy as np

from bandit import Bandit, RequestFacts, task_label
from bandit.context.tasks import ADOPTED_AT

BEFORE = "Summarise the following meeting notes:"
AFTER = "Answer in one short paragraph without names."


def facts(text: str, *, task: str | None = None, system: str = "") -> RequestFacts:
    return RequestFacts(
        route="auto", task=task, system=system, text=text, characters=len(text), turns=1, has_tools=False,
        has_images=False, has_schema=False, max_tokens=None,
    )  # fmt: skip


def material(number: int) -> str:
    """Returns a text that begins and ends like no other."""
    return (
        f"No{number} is a{number} day{number} when we{number} met, "
        + "and talked about it, " * 5
        + (f"till{number} the{number} sun{number} set{number}")
    )


def answer(bandit: Bandit, text: str, **fields: str) -> None:
    context = bandit.context(facts(text, **fields))
    bandit.observe_outcome(
        0, context.x, task=context.task, output_tokens=10, ttft_s=None, token_s=None, error=False, now=1.7e9
    )


def fresh() -> Bandit:
    bandit = Bandit()
    bandit.add_arm("one")
    return bandit


def test_an_instruction_that_recurs_before_or_after_the_material_becomes_a_task() -> None:
    for wrapped in (lambda text: f"{BEFORE}\n{text}", lambda text: f"{text}\n{AFTER}"):
        bandit = fresh()
        for number in range(ADOPTED_AT):
            assert bandit.tasks() == []
            answer(bandit, wrapped(material(number)))
        (name,) = bandit.tasks()
        context = bandit.context(facts(wrapped(material(1000))))
        assert context.task == name
        assert context.x[1] == 1.0
        assert bandit.context(facts(material(1000))).x[1] == 0.0


def test_a_template_with_two_fixed_ends_takes_one_column() -> None:
    bandit = fresh()
    for number in range(3 * ADOPTED_AT):
        answer(bandit, f"{BEFORE}\n{material(number)}\n{AFTER}")
    assert len(bandit.tasks()) == 1


def test_questions_that_only_begin_alike_are_no_template() -> None:
    bandit = fresh()
    for number in range(5 * ADOPTED_AT):
        answer(bandit, f"Which of the following statements about number {number} is true?")
    assert bandit.tasks() == []


def test_texts_that_share_no_end_take_no_column_however_many_there_are() -> None:
    bandit = fresh()
    for number in range(3000):
        answer(bandit, material(number).replace(", ", "\n"))
    assert bandit.tasks() == []
    assert 100 < len(bandit.snapshot()[0]["templates"]) <= 1024  # type: ignore[arg-type]


def test_a_rare_template_is_found_among_many_texts_that_share_nothing() -> None:
    bandit = fresh()
    for number in range(3000):
        text = material(number).replace(", ", "\n")
        answer(bandit, f"{BEFORE}\n{text}" if number % 50 == 0 else text)
    assert len(bandit.tasks()) == 1


def test_templates_leave_columns_for_tasks_that_have_a_name() -> None:
    bandit = fresh()
    for number in range(40 * ADOPTED_AT):
        answer(bandit, f"Job{number % 40} on what comes next:\n{material(number)}")
    taken = len(bandit.tasks())
    answer(bandit, material(1), task="triage")
    assert 5 <= taken <= 10
    assert bandit.tasks()[-1] == "triage"


def test_a_declared_task_or_a_system_prompt_comes_before_any_template() -> None:
    bandit = fresh()
    for number in range(2 * ADOPTED_AT):
        answer(bandit, f"{BEFORE}\n{material(number)}", task="triage")
        answer(bandit, f"{BEFORE}\n{material(number)}", system="You are terse.")
    assert len(bandit.tasks()) == 2
    assert bandit.snapshot()[0]["templates"] == {}


def test_what_is_counted_is_no_part_of_a_report() -> None:
    bandit = fresh()
    law = (
        "The plaintiff sued the defendant for breach of contract; will the court award damages? "
        + material(1)
    )
    assert task_label(bandit.context(facts(law)).task) == "topic:law"
    assert task_label("topic:law") == "topic:law"
    assert task_label("ticket #12345678") == "ticket #12345678"


def test_counts_go_on_after_a_snapshot() -> None:
    bandit = fresh()
    for number in range(ADOPTED_AT - 1):
        answer(bandit, f"{BEFORE}\n{material(number)}")
    meta, arrays = bandit.snapshot()
    restored = Bandit()
    restored.restore(json.loads(json.dumps(meta)), arrays)
    for one in (bandit, restored):
        answer(one, f"{BEFORE}\n{material(100)}")
        assert len(one.tasks()) == 1
    left, right = (one.context(facts(f"{BEFORE}\n{material(200)}")).x for one in (bandit, restored))
    assert np.array_equal(left, right)
