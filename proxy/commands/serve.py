"""One gateway process from bind to drain."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

import click
from pydantic import SecretStr

from proxy.arms.arm import configured
from proxy.commands.compiled import plain
from proxy.config import ArmConfig, Config
from proxy.gateway import Gateway, with_market_arms
from proxy.ingress.server import Server
from proxy.market import start_market
from proxy.masking import mask_log

log = logging.getLogger("meritorder")

SWITCH_S = 0.001
"""How long the journal's thread waits for the interpreter while requests keep it busy; 5 ms, Python's own, let it write
1,300 rows a second beside a busy event loop, this 2,000."""

GRACE_S = 30.0
"""How long a drain waits for answers under way."""


def more_files() -> None:
    """Raises the soft limit of open files to the hard one: a request takes two, and 1024 is what most shells give."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # what the system thinks possible may be less
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def ends() -> list[signal.Signals]:
    """Returns the signals that end a gateway orderly; under nohup a lost terminal is none of them."""
    hung_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGTERM, signal.SIGINT, *hung_up]


def bound(config: Config, *, reuse_port: bool = False) -> socket.socket:
    """Returns a socket that is bound to the listening address. Raises OSError."""
    family = socket.AF_INET6 if ":" in config.server.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((config.server.host, config.server.port))
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


async def serve(
    config: Config,
    environment: dict[str, str],
    sock: socket.socket,
    *,
    quiet: bool = False,
    signals: Sequence[signal.Signals] = (),
) -> None:
    """Runs one gateway on `sock` until one of `signals` (by default those of `ends`) stops it."""
    signals = signals or ends()
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in signals:
        loop.add_signal_handler(number, stop.set)  # while it starts; `end` follows
    async with AsyncExitStack() as stack:
        if not configured(config, environment):
            config = await _simulated(config, stack)
        gateway = await Gateway.open(config, environment)
        stack.push_async_callback(gateway.close)
        mask_log(gateway.mask)
        server = Server(gateway)

        def end() -> None:
            if stop.is_set():  # the second signal: somebody doesn't want to wait
                server.hurry()
            stop.set()

        for number in signals:
            loop.add_signal_handler(number, end)
        if missing := plain():
            log.warning(
                "%s not compiled, so requests cost more than they need: `make build` compiles, with a C compiler and "
                "the headers of this Python (on Debian python3-dev)",
                " and ".join(missing) + (" is" if len(missing) == 1 else " are"),
            )
        await server.listen(sock)
        if not quiet:
            host, port = sock.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            count = len(gateway.arms)
            kept = f"kept in {config.server.database}" if config.server.journal else "lost at the end"
            click.echo(f"{count} arm{'' if count == 1 else 's'}; what is learnt is {kept}")
            click.echo(f"listening on http://{shown}:{port}")
        _spare_the_collector()
        sys.setswitchinterval(SWITCH_S)
        await stop.wait()
        if not quiet:
            count = len(gateway.calls)
            click.echo(
                f"draining: {count} under way, at most {GRACE_S:.0f} s; the same signal again ends at once"
            )
        await server.close(GRACE_S)


def _spare_the_collector() -> None:
    """Objects from the start stay, and those of a request are freed by reference counts alone.

    So Python's cycle collector, which walks every object now and then, has little to do and does it seldom.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 100)


async def _simulated(config: Config, stack: AsyncExitStack) -> Config:
    market = await start_market(seed=0, speed=1.0)
    stack.push_async_callback(market.close)
    click.echo(
        "No provider key in the environment and no arms configured: starting the simulated market.\n"
        "Its answers are recordings. Set OPENAI_API_KEY (or another provider's), or write meritorder.toml, to go live."
    )
    arms = [
        ArmConfig(
            name=arm.name,
            provider=arm.provider,
            model=arm.model,
            base_url=arm.base_url,
            dialect="openai_chat",
            api_key=SecretStr(arm.api_key),
            input_usd_per_mtok=arm.input_usd_per_mtok,
            output_usd_per_mtok=arm.output_usd_per_mtok,
        )
        for arm in market.arms
    ]
    if config.server.database == "meritorder.db":
        # A simulated market's lessons have no business beside real ones.
        config = config.model_copy(
            update={"server": config.server.model_copy(update={"database": "meritorder-simulated.db"})}
        )
    return with_market_arms(config, arms)
