"""The table of arms in a terminal: what stands in it, at what width, and what is said where there is none."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from proxy.commands.arms import fetch, table
from proxy.commands.main import main
from state.interface import StoreError
from tests.proxy.provider import Provider
from tests.proxy.running import Launch


def row(name: str = "openai/gpt", **changes: Any) -> dict[str, Any]:
    return {
        "arm": name,
        "share": {"1m": None, "15m": 0.25, "1h": 0.5, "all": 0.75},
        "requests": 1234,
        "errors": 7,
        "cooldown": None,
        "quality": {"mean": 0.815, "low": 0.7, "high": 0.93, "effective_samples": 41.6},
        "feedback": 99,
        "cost": {"mean_usd": 0.00125, "total_usd": 1.5},
        "price": {"input_usd_per_mtok": 2.5, "output_usd_per_mtok": 10.0, "known": True},
        "ttft_s": {"p50": 0.4, "p95": 1.25},
        "tokens_per_second": 88.4,
        "mean_propensity": 0.333,
        **changes,
    }


def shown(*rows: dict[str, Any], width: int = 240, requests: int = 2) -> str:
    console = Console(width=width, no_color=True, file=io.StringIO())
    with console.capture() as captured:
        console.print(table({"requests": requests, "data": list(rows)}, width))
    return captured.get()


def cells(text: str, name: str) -> list[str]:
    [line] = [line for line in text.splitlines() if name in line]
    return line.split()


def test_a_wide_terminal_shows_everything() -> None:
    text = shown(row())
    found = " ".join(cells(text, "openai/gpt"))
    assert found == (
        "openai/gpt - 25.0 % 50.0 % 75.0 % 1234 7 0.81 (0.70-0.93) 42 99 0.001250 2.5/10 0.40/1.25 88 0.33"
    ).replace("0.81 ", f"{0.815:.2f} ")
    for heading in ("1m", "15m", "1h", "all", "quality 95 %", "n eff", "$ in/out per M", "propensity"):
        assert heading in text


def test_a_narrow_terminal_shows_what_matters_most_within_its_width() -> None:
    text = shown(row(), width=80)
    assert max(len(line) for line in text.splitlines()) <= 80
    for heading in ("15m", "all", "requests", "errors", "quality 95 %"):
        assert heading in text
    for heading in ("1m", "1h", "n eff", "propensity"):
        assert heading not in text.split()


def test_the_arm_with_most_of_the_recent_traffic_comes_first() -> None:
    rows = [
        row(name, share={"1m": None, "15m": share, "1h": None, "all": None})
        for name, share in (("small", 0.1), ("idle", None), ("large", 0.9))
    ]
    text = shown(*rows)
    assert sorted(("small", "idle", "large"), key=text.index) == ["large", "small", "idle"]


def test_what_is_not_known_is_a_dash_and_an_unknown_price_is_said() -> None:
    text = shown(
        row(
            cost={"mean_usd": None, "total_usd": 0.0},
            price={"input_usd_per_mtok": 0.0, "output_usd_per_mtok": 0.0, "known": False},
            ttft_s={"p50": None, "p95": None},
            tokens_per_second=None,
            mean_propensity=None,
        )
    )
    assert cells(text, "openai/gpt")[-5:] == ["-", "unknown", "-/-", "-", "-"]


def test_a_cooldown_stands_beside_the_name() -> None:
    text = shown(row(cooldown={"state": "open", "seconds_left": 12.4, "reason": "rate_limit"}))
    assert "openai/gpt open 12 s" in text


def test_names_are_shown_as_they_are_whatever_they_hold() -> None:
    text = shown(row("a/[red]b[/red]", task="[bold]x"), row("c", task="y"))
    assert "a/[red]b[/red]" in text
    assert "[bold]x" in text
    assert "task" in text


@pytest.mark.parametrize(("requests", "title"), [(0, "0 requests"), (1, "1 request"), (2, "2 requests")])
def test_the_title_counts_requests(requests: int, title: str) -> None:
    assert shown(row(), requests=requests).splitlines()[0].strip() == title


async def test_the_table_of_a_running_gateway(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"))
    await gateway.chat(task="small talk")
    document = await asyncio.to_thread(fetch, gateway.url + "/v1/", None, None)
    assert cells(shown(*document["data"]), "p/good")[:3] == ["p/good", "100.0", "%"]
    document = await asyncio.to_thread(fetch, gateway.url, None, "task")
    assert "small talk" in shown(*document["data"])


async def test_a_key_is_sent_and_a_missing_one_is_said(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"), server={"api_keys": ["sk-1"]})
    assert (await asyncio.to_thread(fetch, gateway.url, "sk-1", None))["object"] == "list"
    with pytest.raises(click.ClickException, match=r"answered 401\. Set MERITORDER_API_KEY\."):
        await asyncio.to_thread(fetch, gateway.url, None, None)


async def test_an_address_where_no_gateway_is_says_so() -> None:
    with pytest.raises(click.ClickException, match="is not an http URL"):
        fetch("localhost:8080", None, None)
    with pytest.raises(
        click.ClickException, match=r"can't be read: .*Is the gateway running there\?"
    ) as raised:
        await asyncio.to_thread(fetch, "http://127.0.0.1:1", None, None)
    assert "urlopen" not in raised.value.message


async def test_the_commands_print_the_table_and_the_json(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"))
    run = CliRunner().invoke
    plain = await asyncio.to_thread(run, main, ["arms", "--url", gateway.url])
    assert (plain.exit_code, "p/good" in plain.output) == (0, True)
    as_json = await asyncio.to_thread(run, main, ["arms", "--url", gateway.url, "--json"])
    assert json.loads(as_json.output)["data"][0]["arm"] == "p/good"
    failed = await asyncio.to_thread(run, main, ["arms", "--url", "http://127.0.0.1:1"])
    assert (failed.exit_code, "Traceback" in failed.output) == (1, False)


def test_the_models_are_listed_and_counted() -> None:
    found = CliRunner().invoke(
        main, ["models", "--grep", "gpt-4o-mini", "--limit", "1"], env={"COLUMNS": "200"}
    )
    assert found.exit_code == 0
    assert "gpt-4o-mini" in found.output
    assert "1 shown (--limit)" in found.output
    assert "0 models" in CliRunner().invoke(main, ["models", "--grep", "no such model"]).output


async def test_while_the_journal_cannot_be_written_what_was_learnt_is_shown_and_that_it_is_behind(
    provider: Provider, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await launch(provider.arm("good"))
    await gateway.chat()
    status, document = await gateway.get("/v1/arms")
    assert (status, document["requests"], document["behind"]) == (200, 1, None)

    async def full(*_: object) -> None:
        raise StoreError("the disk is full [really]")

    monkeypatch.setattr(gateway.gateway.store, "append", full)
    await gateway.chat()
    status, document = await gateway.get("/v1/arms")
    assert (status, document["requests"]) == (200, 1)
    assert document["behind"] == "the disk is full [really]"
    console = Console(width=200, no_color=True, file=io.StringIO())
    with console.capture() as captured:
        console.print(table(document, 200))
    assert "newer ones are missing: the disk is full [really]" in captured.get()
