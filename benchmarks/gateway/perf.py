"""Samples of Linux's `perf`, which sees the compiled functions that py-spy can't: ours alone, in py-spy's raw form.

Whatever runs below one of our functions, in the interpreter, a library or the kernel, is booked on it, as py-spy does.
Functions that run as plain Python have no name here; their time is booked on the compiled one that called them, or on
`elsewhere`: the event loop, its system calls, threads.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

ELSEWHERE = "elsewhere"

_RATE_HZ = 1499
_STACK_BYTES = 24_000
_PACKAGES = ("adapters", "bandit", "proxy", "state")
_FRAME = re.compile(r"\s+[0-9a-f]+ (\S+) \(")
_MYPYC = re.compile(rf"CPyDef_((?:(?:{'|'.join(_PACKAGES)})___)?\w+?)___(\w+)")
_COROUTINE = re.compile(
    r"(?:(?P<method>\w+?)_(?P<owner>_*[A-Z]\w*)|(?P<function>\w+))_gen_____mypyc_generator_helper__"
)
_CYTHON = re.compile(r"__pyx_(?:f|pf|pw)_(\w+)")


def record(pid: int, seconds: float, output: Path) -> list[str]:
    """Returns the command that samples a process for so long."""
    argv = ["perf", "record", "--event", "cpu-clock", "--freq", str(_RATE_HZ)]
    argv += ["--call-graph", f"dwarf,{_STACK_BYTES}", "--output", str(output), "--pid", str(pid)]
    return [*argv, "--", "sleep", str(seconds)]


def script(recording: Path) -> list[str]:
    """Returns the command that prints the samples of a recording."""
    return ["perf", "script", "--input", str(recording), "--fields", "comm,tid,ip,sym,dso"]


def raw(lines: Iterable[str]) -> str:
    """Returns a line "outermost;…;innermost COUNT" per stack, of our functions."""
    counts: Counter[str] = Counter()
    stack: list[str] = []
    sampled = False
    for line in chain(lines, [""]):
        if not line.strip():
            if sampled:
                counts[";".join([ELSEWHERE, *reversed(stack)])] += 1
            stack, sampled = [], False
            continue
        sampled = True
        frame = _FRAME.match(line)
        name = function(frame[1]) if frame else None
        if name is not None and name not in stack[-1:]:  # a method's wrapper has its name
            stack.append(name)
    return "".join(f"{stack} {count}\n" for stack, count in counts.items())


def function(symbol: str) -> str | None:
    """Returns the Python name of a compiled function of ours, None for anything else."""
    symbol = symbol.partition("+0x")[0].partition(".")[0]
    if mypyc := _MYPYC.fullmatch(symbol):
        module, name = mypyc.groups()
        if coroutine := _COROUTINE.fullmatch(name):
            owner, method = coroutine["owner"], coroutine["method"]
            name = coroutine["function"] or f"{owner}.{method}"
        else:
            name = re.sub(r"^(_*[A-Z]\w*?)___(?=\w)", r"\1.", name)
        return f"{module.replace('___', '.')}.{name}"
    if cython := _CYTHON.fullmatch(symbol):
        parts, rest = [], cython[1]
        while (sized := re.match(r"(\d+)(\w+)", rest)) and len(sized[2]) > int(sized[1]) + 1:
            length = int(sized[1])
            if sized[2][length] != "_":
                break
            parts.append(sized[2][:length])
            rest = sized[2][length + 1 :]
        return ".".join([*parts, rest.lstrip("0123456789")]) if parts and parts[0] in _PACKAGES else None
    return None
