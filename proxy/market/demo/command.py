"""`meritorder demo`: a market that changes, and a gateway that has to notice."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import orjson
from rich.console import Console

from proxy.market.catalogue import load_catalogue
from proxy.market.demo.gateway import DemoGateway, GatewayError
from proxy.market.demo.milestones import milestones
from proxy.market.demo.process import MarketError, MarketProcess
from proxy.market.demo.report import Replay
from proxy.market.demo.results import Results
from proxy.market.demo.run import Run
from proxy.market.demo.story import VALUE_USD, default_story
from proxy.market.demo.view import LiveView, PlainView

_IN_FLIGHT = 8
_STATISTICS_EVERY_S = 0.5

_FEWEST = 400
"""Below this the story has no time between its changes."""


@click.command()
@click.option("--seed", default=1, show_default=True, help="Questions, latencies and feedback.")
@click.option("--requests", default=3000, show_default=True, type=click.IntRange(min=_FEWEST))
@click.option(
    "--speed",
    default=20.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    help="Divides the recorded latencies and the delay of feedback.",
)
@click.option("--port", default=0, show_default="a free one", type=click.IntRange(0, 65535))
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures."
)
def demo(seed: int, requests: int, speed: float, port: int, json_path: Path | None) -> None:
    """Show the gateway learning in a simulated market whose prices, quality and arms change."""
    console = Console()
    try:
        results = asyncio.run(_demo(console, seed=seed, requests=requests, speed=speed, port=port))
    except* (GatewayError, MarketError) as errors:
        raise click.ClickException("; ".join(_messages(errors))) from None
    except* (KeyboardInterrupt, asyncio.CancelledError):
        raise click.Abort from None
    results.show(console)
    if json_path is not None:
        json_path.write_bytes(orjson.dumps(results.as_json(), option=orjson.OPT_INDENT_2))


def _messages(group: BaseExceptionGroup[Exception]) -> list[str]:
    return [
        message
        for error in group.exceptions
        for message in (_messages(error) if isinstance(error, BaseExceptionGroup) else [str(error)])
    ]


async def _demo(console: Console, *, seed: int, requests: int, speed: float, port: int) -> Results:
    task = asyncio.current_task()
    assert task is not None
    # A plain `kill` must not leave a gateway behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    catalogue = load_catalogue()
    story = default_story(requests)
    with TemporaryDirectory(prefix="meritorder-demo-") as folder:
        market = await MarketProcess.start(seed=seed, speed=speed, withheld=story.withheld)
        try:
            gateway = await DemoGateway.start(
                market.arms, value_usd=VALUE_USD, folder=Path(folder), port=port
            )
            try:
                console.print(f"gateway at {gateway.base_url}, {len(market.arms)} arms in the market")
                kind = LiveView if console.is_terminal else PlainView
                view = kind(console, requests, VALUE_USD)
                run = Run(
                    story,
                    catalogue.questions,
                    market,
                    gateway,
                    seed=seed,
                    requests=requests,
                    in_flight=_IN_FLIGHT,
                    speed=speed,
                    watcher=view,
                )
                start = time.monotonic()
                with view:
                    await _watched(run, gateway, view)
                seconds = time.monotonic() - start
            finally:
                await gateway.close()
        finally:
            await market.close()
    replay = Replay(catalogue, story, run.answers, VALUE_USD)
    whole, chosen = replay.scores(0, seed)
    after, _ = replay.scores(story.events[-1].at, seed)
    return Results(
        seed=seed,
        requests=requests,
        value_usd=VALUE_USD,
        seconds=seconds,
        errors=view.tally.errors,
        feedback=run.feedback.posted,
        feedback_refused=run.feedback.refused,
        chosen=chosen,
        whole=whole,
        after=after,
        milestones=milestones(story, run.answers),
    )


async def _watched(run: Run, gateway: DemoGateway, view: LiveView | PlainView) -> None:
    """Sends everything while the view is fed with the gateway's statistics."""

    async def read() -> None:
        while True:
            view.statistics(await gateway.arms())
            await asyncio.sleep(_STATISTICS_EVERY_S)

    async with asyncio.TaskGroup() as group:
        reader = group.create_task(read(), name="demo statistics")
        await run.send()
        reader.cancel()
