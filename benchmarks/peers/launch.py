"""How a gateway is installed and started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Site:
    """Where a gateway is to run: its port, one more for what else it wants to listen on, the mock's port, a
    folder for its files, the models to serve."""

    port: int
    spare_port: int
    upstream_port: int
    folder: Path
    models: tuple[str, ...]

    @property
    def upstream(self) -> str:
        return f"http://127.0.0.1:{self.upstream_port}"


@dataclass(frozen=True)
class Launch:
    """What to run and how to address it. `model` is a pattern in which `{model}` is the upstream's model.

    `port_file`: where a gateway that picks its own port writes it.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    path: str = "/v1/chat/completions"
    model: str = "{model}"
    headers: tuple[str, ...] = ("Authorization: Bearer sk-bench",)
    start_seconds: float = 60.0
    port_file: Path | None = None


@dataclass(frozen=True)
class Peer:
    """Another gateway: `install` puts it into a folder of its own, `launch` says how to start it there.

    `translates`: takes Anthropic's dialect on /v1/messages for an upstream that speaks OpenAI's.
    `stalls`: stops answering under the load of most scenarios, and is measured only when asked for by name.
    """

    name: str
    language: str
    install: Callable[[Path], None]
    launch: Callable[[Path, Site], Launch]
    translates: bool = False
    stalls: bool = False


class InstallError(Exception):
    """A peer can't be installed here; the message says why."""


def run(argv: Sequence[str], **options: object) -> None:
    """Runs an installer quietly. Raises InstallError with the end of its output."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    except FileNotFoundError:
        raise InstallError(f"{argv[0]} is not on this machine") from None
    if done.returncode:
        raise InstallError(f"{' '.join(argv[:4])} … failed:\n{(done.stderr or done.stdout)[-1500:]}")


def python_environment(folder: Path, *requirements: str, python: str = sys.executable) -> None:
    """Makes a virtual environment in `folder` with the requirements, unless it is there already."""
    done = folder / ".installed"
    wanted = "\n".join(requirements)
    if done.exists() and done.read_text() == wanted:
        return
    run([python, "-m", "venv", "--clear", str(folder)])
    run([str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *requirements])
    done.write_text(wanted)
