"""Pinned child processes and the kernel's account of their CPU time."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
_SETTLING_SECONDS = 0.1


class StartError(Exception):
    """A process didn't become ready; the message ends with the tail of its output."""


@dataclass(frozen=True)
class Cores:
    """Which cores the gateway under test runs on, and which the mock upstream and the load client."""

    gateway: tuple[int, ...]
    load: tuple[int, ...]

    @staticmethod
    def split() -> Cores:
        """The gateway gets the last core it may use, everything else the first; with one core they share it."""
        usable = sorted(os.sched_getaffinity(0))
        return Cores(gateway=(usable[-1],), load=(usable[0],))

    @staticmethod
    def shared() -> Cores:
        usable = tuple(sorted(os.sched_getaffinity(0)))
        return Cores(gateway=usable, load=usable)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Process:
    """A child process in a session of its own, pinned to cores, with its output in a file."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cores: tuple[int, ...],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
                preexec_fn=lambda: _before_start(cores),  # noqa: PLW1509  # no threads here
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def pin(self, cores: tuple[int, ...]) -> None:
        """Moves the process, its children and all their threads to `cores`."""
        for pid in self.family():
            for thread in _names_in(f"/proc/{pid}/task"):
                try:
                    os.sched_setaffinity(int(thread), cores)
                except ProcessLookupError:
                    continue

    def pause(self) -> None:
        """Stops the process and its children from running at all, so that they disturb nobody."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self.family():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def family(self) -> list[int]:
        """The process and all its descendants, as far as they live."""
        try:
            return [self.pid, *(child.pid for child in psutil.Process(self.pid).children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    def settle(self, timeout: float) -> None:
        """Returns when the family is idle, or after `timeout` s. A saturated gateway goes on working on what its
        clients have long given up, and the next load would pay for it."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            before = CpuClock.read(self.family())
            time.sleep(_SETTLING_SECONDS)
            if CpuClock.read(self.family()).seconds_since(before) < 0.1 * _SETTLING_SECONDS:
                return

    def wait_for_port(self, port: int, timeout: float) -> None:
        """Returns when something accepts connections on the port. Raises StartError."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.check()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        raise StartError(f"nothing listened on port {port} after {timeout:.0f} s\n{self.tail()}")

    def wait_for_file(self, path: Path, timeout: float) -> str:
        """Returns the file's text once it is there. Raises StartError."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.check()
            if path.exists():
                return path.read_text()
            time.sleep(0.02)
        raise StartError(f"{path.name} was not written in {timeout:.0f} s\n{self.tail()}")

    def check(self) -> None:
        """Raises StartError when the process has ended."""
        if self._child.poll() is not None:
            raise StartError(f"ended with status {self._child.returncode}\n{self.tail()}")

    def tail(self) -> str:
        return "\n".join(line[:300] for line in self.log.read_text(errors="replace").splitlines()[-4:])

    def stop(self) -> None:
        """Asks the whole family to end, and kills what is left after 5 s."""
        family = self.family()
        self.resume()
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(5)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        for pid in family[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _before_start(cores: tuple[int, ...]) -> None:
    os.sched_setaffinity(0, cores)
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # nothing stays behind when the benchmark is killed


@dataclass(frozen=True)
class CpuClock:
    """CPU time at one moment: per thread in ns (exact), and per process in ticks (includes ended threads)."""

    threads: Mapping[int, int]
    ticks: int

    @staticmethod
    def read(pids: Iterable[int]) -> CpuClock:
        threads: dict[int, int] = {}
        ticks = 0
        for pid in pids:
            stat = _read(f"/proc/{pid}/stat")
            if not stat:
                continue
            fields = stat.rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # utime, stime: fields 14 and 15 of proc(5)
            for thread in _names_in(f"/proc/{pid}/task"):
                schedule = _read(f"/proc/{pid}/task/{thread}/schedstat")
                if schedule:
                    threads[int(thread)] = int(schedule.split()[0])
        return CpuClock(threads, ticks)

    def seconds_since(self, earlier: CpuClock) -> float:
        """CPU seconds spent since `earlier`: from the scheduler's exact clocks, or from the coarser ticks
        when threads ended in between and took their clocks with them."""
        exact = sum(ns - earlier.threads.get(thread, 0) for thread, ns in self.threads.items()) / 1e9
        coarse = (self.ticks - earlier.ticks) / _TICKS
        ended = earlier.threads.keys() - self.threads.keys()
        return coarse if ended or not self.threads else exact


def rss_bytes(pids: Iterable[int]) -> int:
    """Resident memory of all the processes; pages that they share count once for each."""
    total = 0
    for pid in pids:
        statm = _read(f"/proc/{pid}/statm")
        total += int(statm.split()[1]) * _PAGE if statm else 0
    return total


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _names_in(path: str) -> list[str]:
    try:
        return [entry.name for entry in Path(path).iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return []
