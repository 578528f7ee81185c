"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from pathlib import Path

from benchmarks.gateway.processes import Cores

_HZ = os.sysconf("SC_CLK_TCK")


def describe() -> str:
    """Returns CPU model, cores, kernel and Python, and who runs where, in one line, with the commit."""
    cores = Cores.split()
    shared = ", all on the same core" if cores.gateway == cores.load else ""
    return (
        f"{_cpu_model()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; gateway on core {cores.gateway[0]}, "
        f"mock upstream and load client on core {cores.load[0]}{shared}{_commit()}"
    )


def _commit() -> str:
    """Which commit is measured, as far as git knows one here."""
    try:
        argv = ["git", "describe", "--always", "--dirty"]
        done = subprocess.run(argv, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"; commit {done.stdout.strip()}"


class Watch:
    """Tells which part of the machine others had since its making."""

    def __init__(self) -> None:
        self._total, self._idle = _ticks()
        self._own = _own_seconds()

    def others(self) -> float:
        """Returns their part of all cores, from 0 to 1, with what the hypervisor withheld; call it when all
        children have ended, because only then the kernel adds their time to ours."""
        total, idle = _ticks()
        elapsed = (total - self._total) / _HZ
        busy = elapsed - (idle - self._idle) / _HZ
        return max(busy - (_own_seconds() - self._own), 0.0) / max(elapsed, 1 / _HZ)


def _own_seconds() -> float:
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def _ticks() -> tuple[int, int]:
    """Ticks of all cores together: all, and those in which they had nothing to do."""
    fields = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]
    ticks = [int(field) for field in fields]
    return sum(ticks), ticks[3] + ticks[4]  # idle and iowait of proc(5)


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
