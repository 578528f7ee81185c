"""The shipped sample."""

from __future__ import annotations

from importlib.resources import files

from proxy.market.catalogue import LETTERS, Catalogue


def test_every_question_has_an_outcome_of_every_model(catalogue: Catalogue) -> None:
    assert len(catalogue.questions) == 2000
    for question in catalogue.questions:
        assert len(question.outcomes) == len(catalogue.models)
        assert question.key in LETTERS
        assert question.input_tokens > 0
        assert all(outcome.output_tokens > 0 for outcome in question.outcomes)


def test_a_prompt_names_exactly_one_question(catalogue: Catalogue) -> None:
    assert len(catalogue.by_prompt) == len(catalogue.questions)


def test_arms_are_found_by_name(catalogue: Catalogue) -> None:
    for arm, position in catalogue.positions.items():
        assert catalogue.models[position].arm == arm


def test_recorded_latencies_and_prices_are_positive(catalogue: Catalogue) -> None:
    for model in catalogue.models:
        assert model.input_usd_per_mtok > 0
        assert model.output_usd_per_mtok > 0
        assert len(model.latencies) == 100
        assert all(ttft > 0 and token > 0 for ttft, token in model.latencies)


def test_the_sample_is_small_and_says_where_it_is_from() -> None:
    folder = files("proxy.market") / "data"
    size = sum(len(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".gz"))
    notice = (folder / "NOTICE").read_text()
    assert size < 700_000
    for word in ("TIGER-AI-Lab/MMLU-Pro", "ray-project/llmperf-leaderboard", "Apache License 2.0"):
        assert word in notice
