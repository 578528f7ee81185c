"""Labels over HTTP: they start the router warm, survive a restart, reach every worker, and count once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.proxy.learning.test_durability import assert_same, learnt, traffic, unique
from tests.proxy.provider import Provider
from tests.proxy.running import Launch, Running


@pytest.fixture
def arms(provider: Provider) -> list[dict[str, Any]]:
    for model in ("a", "b"):
        provider.scripts[model] = unique(model)
    return [provider.arm("a"), provider.arm("b")]


def label(number: int, **more: Any) -> dict[str, Any]:
    """Of two kinds of work; each has an arm that does it well."""
    task, good = (("sql", "a"), ("poems", "b"))[number % 2]
    return {
        "messages": [{"role": "user", "content": f"Question {number}"}],
        "task": task,
        "qualities": {f"p/{model}": 0.9 if model == good else 0.1 for model in ("a", "b")},
        **more,
    }


async def shares(gateway: Running, task: str) -> dict[str, float]:
    body = {"model": "auto", "task": task, "messages": [{"role": "user", "content": "Question"}]}
    _, explained, _ = await gateway.post("/v1/explain", body)
    return {row["arm"]: row["probability"] for row in explained["candidates"]}


async def test_the_first_request_goes_where_labels_say(launch: Launch, arms: list[dict[str, Any]]) -> None:
    gateway = await launch(*arms)
    status, answer, _ = await gateway.post("/v1/labels", {"labels": [label(n) for n in range(80)]})
    assert (status, answer) == (200, {"object": "labels", "new": 80, "repeated": 0})
    assert (await shares(gateway, "sql"))["p/a"] > 0.9
    assert (await shares(gateway, "poems"))["p/b"] > 0.9


async def test_costs_are_expected_by_the_lengths_that_labels_tell(
    launch: Launch, arms: list[dict[str, Any]]
) -> None:
    gateway = await launch(*arms)
    lengths = {"output_tokens": {"p/a": 2000, "p/b": 100}, "qualities": {"p/a": 0.5, "p/b": 0.5}}
    await gateway.post("/v1/labels", {"labels": [label(2 * n, **lengths) for n in range(40)]})
    body = {"model": "auto", "task": "sql", "messages": [{"role": "user", "content": "Question"}]}
    _, explained, _ = await gateway.post("/v1/explain", body)
    tokens = {row["arm"]: row["output_tokens"] for row in explained["candidates"]}
    assert tokens["p/a"] == pytest.approx(2000, rel=0.2)
    assert tokens["p/b"] == pytest.approx(100, rel=0.2)


async def test_a_label_counts_once_however_often_it_comes(launch: Launch, arms: list[dict[str, Any]]) -> None:
    gateway = await launch(*arms)
    await gateway.post("/v1/labels", {"labels": [label(n) for n in range(20)]})
    before = learnt(gateway.gateway.learner)
    status, answer, _ = await gateway.post("/v1/labels", {"labels": [label(n) for n in range(20)]})
    assert (status, answer["new"], answer["repeated"]) == (200, 0, 20)
    assert_same(learnt(gateway.gateway.learner), before)


async def test_after_a_restart_and_at_another_worker_labels_count_as_before(
    launch: Launch, tmp_path: Path, arms: list[dict[str, Any]]
) -> None:
    server = {"database": str(tmp_path / "a.db")}
    one, other = await launch(*arms, server=server), await launch(*arms, server=server)
    await traffic(one, 8)
    lengths = {"output_tokens": {"p/b": 500}}
    await one.post("/v1/labels", {"labels": [label(n, **lengths) for n in range(40)]})
    await traffic(one, 8, 8)
    before = learnt(one.gateway.learner)
    await other.gateway.learner.catch_up(other.gateway.store)
    assert_same(learnt(other.gateway.learner), before)
    await one.close()
    again = await launch(*arms, server=server)
    assert_same(learnt(again.gateway.learner), before)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"qualities": {}}, "qualities"),
        ({"qualities": [0.5]}, "qualities"),
        ({"qualities": {"p/c": 0.5}}, "qualities.p/c"),
        ({"qualities": {"p/a": 1.5}}, "qualities.p/a"),
        ({"qualities": {"p/a": "good"}}, "qualities.p/a"),
        ({"output_tokens": [300]}, "output_tokens"),
        ({"output_tokens": {"p/c": 300}}, "output_tokens.p/c"),
        ({"output_tokens": {"p/a": 0}}, "output_tokens.p/a"),
        ({"output_tokens": {"p/a": 2.5}}, "output_tokens.p/a"),
        ({"output_tokens": {"p/a": True}}, "output_tokens.p/a"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"task": 5}, "task"),
    ],
)
async def test_a_wrong_label_is_named_and_nothing_of_its_list_is_taken(
    launch: Launch, arms: list[dict[str, Any]], changed: dict[str, Any], field: str
) -> None:
    gateway = await launch(*arms)
    status, answer, _ = await gateway.post("/v1/labels", {"labels": [label(0), label(1, **changed)]})
    assert status in (400, 422)
    assert answer["error"]["param"] == f"labels[1].{field}"
    assert await gateway.gateway.store.last_seq() == 0


@pytest.mark.parametrize("body", [{}, {"labels": []}, {"labels": {}}, {"labels": [5]}])
async def test_what_is_no_list_of_labels_is_refused(
    launch: Launch, arms: list[dict[str, Any]], body: dict[str, Any]
) -> None:
    gateway = await launch(*arms)
    status, answer, _ = await gateway.post("/v1/labels", body)
    assert status in (400, 422)
    assert answer["error"]["param"].startswith("labels")


async def test_more_labels_than_a_call_takes_are_refused(launch: Launch, arms: list[dict[str, Any]]) -> None:
    gateway = await launch(*arms)
    status, answer, _ = await gateway.post("/v1/labels", {"labels": [label(0)] * 1001})
    assert (status, answer["error"]["code"]) == (413, "too_many_items")


async def test_true_and_false_are_values(launch: Launch, arms: list[dict[str, Any]]) -> None:
    gateway = await launch(*arms)
    right = label(0, qualities={"p/a": True, "p/b": False})
    status, answer, _ = await gateway.post("/v1/labels", {"labels": [right]})
    assert (status, answer["new"]) == (200, 1)
    [row] = await gateway.gateway.store.tail(0)
    assert row.qualities == {"p/a": 1.0, "p/b": 0.0}
