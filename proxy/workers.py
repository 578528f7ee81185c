"""`--workers N`: processes that share the port and the store, watched by a parent that serves nothing.

Each worker binds the port itself (SO_REUSEPORT), so the kernel spreads connections. They learn as one
through the journal; a worker that dies is started again and catches up from it.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import multiprocessing.connection
import signal
import socket
import time
from multiprocessing.process import BaseProcess

import click
import uvloop

from proxy.config import Config, ConfigError
from state.store import StoreError

log = logging.getLogger("meritorder.workers")

_QUICK_DEATH_S = 5.0
_MOST_QUICK_DEATHS = 5
"""So many deaths within seconds of their start mean that a restart doesn't help."""

_TERM_S = 40.0
"""A little more than a worker's own drain."""


def supervise(config: Config, environment: dict[str, str]) -> None:
    """Runs the workers until SIGTERM or SIGINT. Raises OSError if the port is taken, ConfigError if none starts."""
    from proxy.serve import bound  # noqa: PLC0415  serve imports this module

    holder = bound(config, reuse_port=True)  # keeps the port ours, and a free one chosen once; never listens
    port = holder.getsockname()[1]
    server = config.server.model_copy(update={"port": port})
    config = config.model_copy(update={"server": server})
    processes = multiprocessing.get_context("spawn")
    stopping = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True
        for worker in workers.values():
            if worker.is_alive():
                worker.terminate()

    def start(number: int) -> BaseProcess:
        worker = processes.Process(
            target=_work, args=(config, environment, number), name=f"meritorder-{number}"
        )
        worker.start()
        return worker

    workers: dict[int, BaseProcess] = {}
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    born = {number: time.monotonic() for number in range(server.workers)}
    for number in born:
        workers[number] = start(number)
    quick_deaths = 0
    while not stopping:
        multiprocessing.connection.wait([worker.sentinel for worker in workers.values()], timeout=1.0)
        for number, worker in list(workers.items()):
            if stopping or worker.is_alive():
                continue
            quick = time.monotonic() - born[number] < _QUICK_DEATH_S
            quick_deaths = quick_deaths + 1 if quick else 0
            log.error("worker %d ended with %s; starting it again", number, worker.exitcode)
            if quick_deaths >= _MOST_QUICK_DEATHS:
                stop(0, None)
                raise ConfigError("the workers end as soon as they start; their messages above say why")
            born[number] = time.monotonic()
            workers[number] = start(number)
    deadline = time.monotonic() + _TERM_S
    for worker in workers.values():
        worker.join(max(0.0, deadline - time.monotonic()))
        if worker.is_alive():
            worker.kill()
    holder.close()


def _work(config: Config, environment: dict[str, str], number: int) -> None:
    from proxy.serve import bound, serve  # noqa: PLC0415  serve imports this module

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent passes on what a terminal sends to the group
    logging.basicConfig(format=f"%(asctime)s %(levelname)s worker {number} %(name)s: %(message)s")
    sock: socket.socket = bound(config, reuse_port=True)
    try:
        uvloop.run(serve(config, environment, sock, quiet=number > 0))
    except (ConfigError, StoreError) as error:
        click.echo(f"Error: worker {number}: {error}", err=True)
        raise SystemExit(1) from None
    except asyncio.CancelledError:
        raise SystemExit(1) from None
