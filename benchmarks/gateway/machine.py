"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

from benchmarks.gateway.processes import Cores


def describe() -> str:
    """Returns CPU model, cores, kernel and Python, and who runs where, in one line."""
    cores = Cores.split()
    shared = ", all on the same core" if cores.gateway == cores.load else ""
    return (
        f"{_cpu_model()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; gateway on core {cores.gateway[0]}, "
        f"mock upstream and load client on core {cores.load[0]}{shared}"
    )


def busy(seconds: float = 1.0) -> float:
    """Returns which part of the machine others keep busy, from 0 to 1; call it while nothing of ours runs.
    Time that the hypervisor gave to other machines counts as busy."""
    total, idle = _ticks()
    time.sleep(seconds)
    total_after, idle_after = _ticks()
    return 1 - (idle_after - idle) / max(total_after - total, 1)


def _ticks() -> tuple[int, int]:
    fields = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]
    ticks = [int(field) for field in fields]
    return sum(ticks), ticks[3] + ticks[4]  # idle and iowait of proc(5)


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
