"""Arms that come and go at run time: the same for every worker, for a restart, and for the next version."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.learning.learner import Learner
from state.records import ArmPrice
from state.sqlite.migrations import MIGRATIONS, migrate
from state.sqlite.store import SqliteStore
from tests.proxy.learning.test_durability import assert_same, learnt, traffic, unique
from tests.proxy.provider import Provider
from tests.proxy.running import Launch, Running


@pytest.fixture
def arms(provider: Provider) -> list[dict[str, Any]]:
    for model in ("a", "b", "c-70b", "d-mini"):
        provider.scripts[model] = unique(model)
    return [provider.arm("a"), provider.arm("b")]


def newcomer(provider: Provider, model: str = "c-70b", **more: Any) -> dict[str, Any]:
    arm = provider.arm(model, input_usd_per_mtok=30.0, output_usd_per_mtok=60.0, **more)
    del arm["api_key"]
    return arm


async def delete(gateway: Running, name: str) -> tuple[int, dict[str, Any]]:
    async with gateway.session.delete(f"{gateway.url}/v1/arms/{name.replace('/', '%2F')}") as answer:
        return answer.status, await answer.json()


async def names(gateway: Running) -> list[str]:
    _, listing = await gateway.get("/v1/models")
    return [row["id"] for row in listing["data"] if row["id"] != "auto"]


async def serves(gateway: Running, name: str) -> bool:
    status, _, headers = await gateway.chat(model=name)
    return bool(status == 200 and headers["X-Meritorder-Arm"] == name)


async def test_two_workers_and_a_serial_fold_agree_when_arms_come_and_go_amid_traffic(
    launch: Launch, tmp_path: Path, provider: Provider, arms: list[dict[str, Any]]
) -> None:
    server = {"database": str(tmp_path / "a.db"), "workers": 2}
    one, other = await launch(*arms, server=server), await launch(*arms, server=server)
    await traffic(one, 9)
    # Committed by one at the same moment as the other's rows, and learnt by each in its own time.
    added = one.post("/v1/arms", newcomer(provider))
    (status, *_), *_ = await asyncio.gather(added, traffic(other, 12, 9))
    assert status == 201
    assert (await other.post("/v1/arms", newcomer(provider, "d-mini", quality=0.9)))[0] == 201
    await asyncio.gather(traffic(one, 12, 21), traffic(other, 12, 33))
    assert (await delete(one, "p/c-70b"))[0] == 200
    await asyncio.gather(traffic(one, 9, 45), traffic(other, 9, 54))
    for gateway in (one, other):
        await gateway.gateway.journal.flush()
    assert "p/c-70b" in one.gateway.learner.bandit.arms
    assert_same(learnt(one.gateway.learner), learnt(other.gateway.learner))
    assert await names(one) == await names(other) == ["p/a", "p/b", "p/d-mini"]
    serial = Learner(one.gateway.registry.prior_of)
    serial.add_arms(one.gateway.registry.configured)
    await serial.catch_up(one.gateway.store)
    assert_same(learnt(serial), learnt(one.gateway.learner))


@pytest.mark.parametrize("snapshot", [None, "before the arm", "after the arm"])
async def test_a_restart_believes_of_an_added_arm_what_was_believed_before(
    launch: Launch, tmp_path: Path, provider: Provider, arms: list[dict[str, Any]], snapshot: str | None
) -> None:
    server = {"database": str(tmp_path / "a.db")}
    first = await launch(*arms, server=server)
    await traffic(first, 9)
    if snapshot == "before the arm":
        await first.gateway.learner.save(first.gateway.store)
    assert (await first.post("/v1/arms", newcomer(provider)))[0] == 201
    # Its price changes; what was believed of it when it came does not.
    async with first.session.put(
        f"{first.url}/v1/prices/p%2Fc-70b", json={"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.2}
    ) as answer:
        assert answer.status == 200
    if snapshot == "after the arm":
        await first.gateway.learner.save(first.gateway.store)
    await traffic(first, 20, 9)
    before = learnt(first.gateway.learner)
    await first.close()
    with sqlite3.connect(tmp_path / "a.db") as stranger:
        # The one that closing saved would make the test say little.
        stranger.execute("DELETE FROM snapshots WHERE seq = (SELECT max(seq) FROM snapshots)")
    stranger.close()
    again = await launch(*arms, server=server)
    assert_same(learnt(again.gateway.learner), before)
    assert await serves(again, "p/c-70b")
    assert again.gateway.arms.by_name["p/c-70b"].price.output == pytest.approx(0.2e-6)


async def test_an_arm_takes_traffic_at_once_and_none_after_it_went(
    launch: Launch, provider: Provider, arms: list[dict[str, Any]]
) -> None:
    gateway = await launch(*arms)
    assert (await gateway.post("/v1/arms", newcomer(provider)))[0] == 201
    _, answer, headers = await gateway.chat(model="p/c-70b")
    assert headers["X-Meritorder-Arm"] == "p/c-70b"
    assert await delete(gateway, "p/c-70b") == (200, {"arm": "p/c-70b", "removed": True})
    status, error, _ = await gateway.chat(model="p/c-70b")
    assert (status, error["error"]["code"]) == (404, "model_not_found")
    # What it answered can still be judged.
    status, given, _ = await gateway.post("/v1/feedback", {"id": answer["id"], "value": 1})
    assert (status, given["status"]) == (200, "new")


async def test_an_arm_can_be_added_once_and_only_an_added_one_can_go(
    launch: Launch, tmp_path: Path, provider: Provider, arms: list[dict[str, Any]]
) -> None:
    server = {"database": str(tmp_path / "a.db"), "workers": 2}
    one, other = await launch(*arms, server=server), await launch(*arms, server=server)
    answers = await asyncio.gather(*(g.post("/v1/arms", newcomer(provider)) for g in (one, other)))
    assert sorted(status for status, *_ in answers) == [201, 409]
    status, error, _ = await one.post("/v1/arms", {**newcomer(provider), "name": "p/a"})
    assert (status, error["error"]["code"], error["error"]["param"]) == (409, "arm_exists", "name")
    status, error = await delete(one, "p/a")
    assert (status, error["error"]["code"]) == (409, "arm_configured")
    status, error = await delete(one, "p/nobody")
    assert (status, error["error"]["code"]) == (404, "arm_not_found")


async def test_an_arm_that_comes_again_has_its_own_price_not_that_of_the_one_before(
    launch: Launch, provider: Provider, arms: list[dict[str, Any]]
) -> None:
    gateway = await launch(*arms)
    await gateway.post("/v1/arms", newcomer(provider))
    price = {"input_usd_per_mtok": 500.0, "output_usd_per_mtok": 600.0}
    async with gateway.session.put(f"{gateway.url}/v1/prices/p%2Fc-70b", json=price) as answer:
        assert answer.status == 200
    await delete(gateway, "p/c-70b")
    await gateway.post("/v1/arms", newcomer(provider))
    assert gateway.gateway.arms.by_name["p/c-70b"].price.output == pytest.approx(60e-6)


async def test_an_added_arm_whose_key_is_gone_is_said_and_does_not_keep_the_gateway_from_starting(
    launch: Launch,
    tmp_path: Path,
    provider: Provider,
    arms: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = {"database": str(tmp_path / "a.db"), "arm_key_env": ["NEW_*"]}
    arm = newcomer(provider, api_key_env="NEW_KEY")
    first = await launch(*arms, server=server, environment={"NEW_KEY": "sk-very-secret"})
    assert (await first.post("/v1/arms", arm))[0] == 201
    await first.close()
    again = await launch(*arms, server=server, environment={})
    assert "arm p/c-70b: the environment variable NEW_KEY is not set" in caplog.text
    assert await names(again) == ["p/a", "p/b"]
    assert b"very-secret" not in (tmp_path / "a.db").read_bytes()
    # And there is a way out of it.
    assert (await again.post("/v1/arms", newcomer(provider)))[0] == 409
    assert (await delete(again, "p/c-70b"))[0] == 200
    assert (await again.post("/v1/arms", newcomer(provider)))[0] == 201


async def test_rows_that_another_version_wrote_are_said_and_passed_over(
    launch: Launch,
    tmp_path: Path,
    provider: Provider,
    arms: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = {"database": str(tmp_path / "a.db")}
    first = await launch(*arms, server=server)
    await first.post("/v1/arms", newcomer(provider))
    await first.gateway.store.change_price(ArmPrice("p/b", 1.0, {"usd_per_word": 1.0}))
    await first.close()
    with sqlite3.connect(tmp_path / "a.db") as stranger:
        stranger.execute("""UPDATE arms SET config = json_set(config, '$.colour', 'blue')""")
    stranger.close()
    with caplog.at_level(logging.WARNING):
        again = await launch(*arms, server=server)
    assert await names(again) == ["p/a", "p/b"]
    assert "the arm p/c-70b that was added can't be read: colour" in caplog.text
    assert "the price of p/b that the database holds can't be used: usd_per_word" in caplog.text


async def test_an_arm_of_the_first_schema_is_still_served(
    launch: Launch, tmp_path: Path, provider: Provider, arms: list[dict[str, Any]]
) -> None:
    path = tmp_path / "a.db"
    first = sqlite3.connect(path, isolation_level=None)
    migrate(first, MIGRATIONS[:1])
    value = orjson.dumps(newcomer(provider)).decode()
    first.execute('INSERT INTO "values" VALUES (?, ?)', ("arm/p/c-70b", value))
    first.close()
    gateway = await launch(*arms, server={"database": str(path)})
    assert await names(gateway) == ["p/a", "p/b", "p/c-70b"]
    assert await serves(gateway, "p/c-70b")
    await traffic(gateway, 9)
    before = learnt(gateway.gateway.learner)
    await gateway.close()
    with sqlite3.connect(path) as stranger:
        stranger.execute("DELETE FROM snapshots")
    stranger.close()
    again = await launch(*arms, server={"database": str(path)})
    assert_same(learnt(again.gateway.learner), before)


async def test_a_price_of_the_first_schema_still_holds_and_can_be_taken_back(
    launch: Launch, tmp_path: Path, arms: list[dict[str, Any]]
) -> None:
    path = tmp_path / "a.db"
    first = sqlite3.connect(path, isolation_level=None)
    migrate(first, MIGRATIONS[:1])
    value = orjson.dumps({"input_usd_per_mtok": 7.0, "output_usd_per_mtok": 8.0}).decode()
    first.execute('INSERT INTO "values" VALUES (?, ?)', ("price/p/a", value))
    first.close()
    gateway = await launch(*arms, server={"database": str(path)})
    arm = gateway.gateway.arms.by_name["p/a"]
    own = arm.tariff.at(0.0).price.output
    assert (arm.price.output, arm.price_source) == (pytest.approx(8e-6), "PUT /v1/prices")
    url = f"{gateway.url}/v1/prices/p%2Fa"
    async with gateway.session.delete(url) as answer:
        assert answer.status == 200
    assert arm.price.output == own
    async with gateway.session.delete(url) as answer:
        assert answer.status == 404


async def test_a_price_is_acted_on_at_its_row_by_every_worker(
    launch: Launch, tmp_path: Path, arms: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.learning.journal.POLL_S", 3600.0)
    server = {"database": str(tmp_path / "a.db"), "workers": 2}
    one, other = await launch(*arms, server=server), await launch(*arms, server=server)
    for usd in (3.0, 4.0):
        await one.gateway.store.change_price(ArmPrice("p/a", 1.0, {"output_usd_per_mtok": usd}))
    seen = []
    table = other.gateway.arms
    for event in await other.gateway.store.tail(other.gateway.learner.seq):
        other.gateway.learner.apply([event])
        seen.append((event.seq, round(table.by_name["p/a"].price.output * 1e6, 6)))
    assert [usd for _, usd in seen[-2:]] == [3.0, 4.0]
    assert one.gateway.arms.by_name["p/a"].price_source != "PUT /v1/prices"
    await one.gateway.journal.flush()
    assert one.gateway.arms.by_name["p/a"].price.output == pytest.approx(4e-6)


async def test_prices_told_to_another_worker_are_taken_over_also_for_an_arm_not_yet_known(
    launch: Launch, tmp_path: Path, provider: Provider, arms: list[dict[str, Any]]
) -> None:
    server = {"database": str(tmp_path / "a.db")}
    one, other = await launch(*arms, server=server), await launch(*arms, server=server)
    await one.post("/v1/arms", newcomer(provider))
    price = {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.2}
    async with one.session.put(f"{one.url}/v1/prices/p%2Fc-70b", json=price) as answer:
        assert answer.status == 200
    await other.gateway.learner.catch_up(other.gateway.store)
    assert other.gateway.arms.by_name["p/c-70b"].price.output == pytest.approx(0.2e-6)


@pytest.mark.parametrize(
    ("change", "param", "words"),
    [
        ({"api_key": "sk-zzz"}, "api_key", "can't be stored"),
        ({"api_key_env": "NO_SUCH_KEY"}, "api_key_env", "NO_SUCH_KEY sent anywhere"),
        ({"api_key_env": "NEW_KEY"}, "api_key_env", "NEW_KEY is not set"),
        ({"api_key_file": "/etc/hostname"}, "api_key_file", "only be named in the configuration file"),
        ({"dialect": "klingon"}, "dialect", "not one of openai_chat"),
        ({"base_url": None}, "base_url", "needs a base_url"),
        ({"base_url": "http://me:sk-zzz@127.0.0.1/v1"}, "base_url", "no user name or password"),
        ({"name": "x:floor"}, "name", "the name x:floor is taken"),
        ({"colour": "sk-zzz"}, "colour", "no such field"),
        ({"output_usd_per_mtok": None}, "output_usd_per_mtok", "must be given together"),
        ({"quality": 7}, "quality", "less than or equal to 1"),
        ({"capabilities": ["tool"]}, "capabilities.0", "'tools'"),
    ],
)
async def test_an_arm_that_cannot_be_is_refused_with_its_field_and_without_its_values(
    launch: Launch,
    provider: Provider,
    arms: list[dict[str, Any]],
    change: dict[str, Any],
    param: str | None,
    words: str,
) -> None:
    gateway = await launch(*arms, server={"arm_key_env": ["NEW_*"]})
    status, error, _ = await gateway.post("/v1/arms", {**newcomer(provider), **change})
    assert (status, error["error"]["param"]) == (422, param)
    assert words in error["error"]["message"]
    assert "sk-zzz" not in str(error)
    assert await names(gateway) == ["p/a", "p/b"]
    assert await gateway.gateway.store.arms() == []


async def test_the_configuration_outranks_an_arm_that_was_added_under_the_same_name(
    launch: Launch, tmp_path: Path, provider: Provider, arms: list[dict[str, Any]]
) -> None:
    server = {"database": str(tmp_path / "a.db")}
    first = await launch(*arms, server=server)
    assert (await first.post("/v1/arms", newcomer(provider)))[0] == 201
    await first.close()
    own = provider.arm("c-70b", output_usd_per_mtok=7.0)
    again = await launch(*arms, own, server=server)
    assert again.gateway.arms.by_name["p/c-70b"].price.output == pytest.approx(7e-6)
    await again.gateway.registry.remove("p/c-70b")  # as another worker with an older configuration might
    assert await serves(again, "p/c-70b")


async def test_an_arm_that_comes_while_a_worker_starts_is_taken_in_at_its_row_and_no_sooner(
    launch: Launch,
    tmp_path: Path,
    provider: Provider,
    arms: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = {"database": str(tmp_path / "a.db"), "workers": 2}
    one = await launch(*arms, server=server)
    read, calls = SqliteStore.arms, 0

    async def arms_while_another_comes(store: SqliteStore) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:  # the journal was read, and what it added is asked for
            assert (await one.post("/v1/arms", newcomer(provider)))[0] == 201
        return await read(store)

    monkeypatch.setattr(SqliteStore, "arms", arms_while_another_comes)
    monkeypatch.setattr("proxy.learning.journal.POLL_S", 3600.0)
    other = await launch(*arms, server=server)
    assert "p/c-70b" not in other.gateway.learner.bandit.arms
    await other.gateway.journal.flush()
    assert await names(other) == ["p/a", "p/b", "p/c-70b"]


async def test_arms_may_come_and_go_while_somebody_goes_through_them(
    launch: Launch, provider: Provider
) -> None:
    gateway = await launch(provider.arm("one"), provider.arm("two"))
    seen = []
    for arm in gateway.gateway.arms:
        seen.append(arm.name)
        gateway.gateway.arms.drop("p/two")
    assert seen == ["p/one", "p/two"]
    assert [arm.name for arm in gateway.gateway.arms] == ["p/one"]
