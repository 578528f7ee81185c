"""`--workers N`: processes that share the port and the store, watched by a parent that serves nothing.

Each worker binds the port itself (SO_REUSEPORT), so the kernel spreads connections. They learn as one
through the journal; a worker that dies is started again and catches up from it.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import threading
import time
from multiprocessing.process import BaseProcess

import click
import uvloop

from proxy.commands.serve import bound, ends, serve
from proxy.config import Config, ConfigError
from proxy.ingress.log_lines import start_log
from state.interface import StoreError

log = logging.getLogger("meritorder.workers")

_QUICK_DEATH_S = 5.0
_MOST_QUICK_DEATHS = 5
"""So many deaths within seconds of their start mean that a restart doesn't help."""

_UNUSABLE = 78
"""EX_CONFIG of sysexits.h: configuration or store can't be used, and a restart would change nothing."""

_TERM_S = 40.0
"""A little more than a worker's own drain."""


def supervise(config: Config, environment: dict[str, str]) -> None:
    """Runs the workers until SIGTERM, SIGINT or SIGHUP. Raises OSError if the port is taken, ConfigError if none starts."""
    # Another gateway with workers would let us share its port, and half of its clients.
    with bound(config):
        pass
    holder = bound(config, reuse_port=True)  # keeps the port ours, and a free one chosen once; never listens
    port = holder.getsockname()[1]
    server = config.server.model_copy(update={"port": port})
    config = config.model_copy(update={"server": server})
    processes = multiprocessing.get_context("spawn")
    level = logging.getLogger().getEffectiveLevel()
    stopping = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True
        for worker in workers.values():
            if worker.is_alive():
                worker.terminate()

    def start(number: int, *, quiet: bool) -> BaseProcess:
        worker = processes.Process(
            target=_work, args=(config, environment, number, quiet, level), name=f"meritorder-{number}"
        )
        worker.start()
        if stopping:  # the signal came before this worker could get it
            worker.terminate()
        return worker

    workers: dict[int, BaseProcess] = {}
    for signaled in ends():
        signal.signal(signaled, stop)
    born = {number: time.monotonic() for number in range(server.workers)}
    for number in born:
        workers[number] = start(number, quiet=number > 0)
    quick_deaths = 0
    while not stopping:
        multiprocessing.connection.wait([worker.sentinel for worker in workers.values()], timeout=1.0)
        for number, worker in list(workers.items()):
            if stopping or worker.is_alive():
                continue
            if worker.exitcode == _UNUSABLE:
                stop(0, None)
                _join(workers)
                raise ConfigError(f"worker {number} can't start; its message above says why")
            quick = time.monotonic() - born[number] < _QUICK_DEATH_S
            quick_deaths = quick_deaths + 1 if quick else 0
            log.error("worker %d ended with %s; starting it again", number, worker.exitcode)
            if quick_deaths >= _MOST_QUICK_DEATHS:
                stop(0, None)
                _join(workers)
                raise ConfigError("the workers end as soon as they start; their messages above say why")
            born[number] = time.monotonic()
            workers[number] = start(number, quiet=True)
    _join(workers)
    holder.close()


def _join(workers: dict[int, BaseProcess]) -> None:
    deadline = time.monotonic() + _TERM_S
    for worker in workers.values():
        worker.join(max(0.0, deadline - time.monotonic()))
        if worker.is_alive():
            worker.kill()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _work(config: Config, environment: dict[str, str], number: int, quiet: bool, level: int) -> None:
    for sent_to_group in (signal.SIGINT, signal.SIGHUP):  # by a terminal; the parent passes it on
        signal.signal(sent_to_group, signal.SIG_IGN)
    start_log(level, number)
    # A parent that was killed can't tell its workers to end, and they would hold the port for ever.
    threading.Thread(target=_follow_parent, name="parent", daemon=True).start()
    try:
        sock: socket.socket = bound(config, reuse_port=True)
        uvloop.run(serve(config, environment, sock, quiet=quiet, signals=[signal.SIGTERM]))
    except (ConfigError, StoreError, OSError) as error:
        click.echo(f"Error: worker {number}: {error}", err=True)
        raise SystemExit(_UNUSABLE) from None
    except asyncio.CancelledError:
        raise SystemExit(1) from None
