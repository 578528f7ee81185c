"""Who is measured: the mock itself (direct), the bare proxy, our gateway, and peers."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway.native import Tools
from benchmarks.gateway.probe import wait_until_it_answers
from benchmarks.gateway.processes import Cores, Process, StartError, free_port
from benchmarks.gateway.scenarios import SCENARIOS, Scenario, Setup
from benchmarks.gateway.tls_front import certificate
from benchmarks.peers import CACHE, Launch, Peer, Site

DIRECT, BARE, OURS = "direct", "bare-aiohttp", "meritorder"

_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Target:
    """Where the load client sends requests, and whose CPU time counts (nobody's, when direct)."""

    gateway: str
    port: int
    launch: Launch
    process: Process | None

    def model(self, scenario: Scenario) -> str:
        return self.launch.model.format(model=scenario.upstream_model)

    def path(self, scenario: Scenario) -> str:
        return "/v1/messages" if scenario.dialect == "anthropic" else self.launch.path


class Upstream:
    """The mock upstream, and a TLS front for it once somebody asks."""

    def __init__(self, tools: Tools, cores: tuple[int, ...], folder: Path) -> None:
        self.port = free_port()
        self._cores = cores
        self._folder = folder
        self._tls_port = 0
        self.certificate: Path | None = None
        self.processes = [Process([str(tools.mock), str(self.port)], cores=cores, log=folder / "mock.log")]
        self.processes[0].wait_for_port(self.port, 5)

    def url(self, *, tls: bool) -> str:
        return f"https://127.0.0.1:{self._tls()}" if tls else f"http://127.0.0.1:{self.port}"

    def _tls(self) -> int:
        if not self._tls_port:
            self._tls_port = free_port()
            self.certificate, key = certificate(self._folder)
            argv = [sys.executable, "-m", "benchmarks.gateway.tls_front", str(self._tls_port), str(self.port)]
            argv += [str(self.certificate), str(key)]
            front = Process(argv, cores=self._cores, log=self._folder / "tls.log", cwd=_REPOSITORY)
            self.processes.append(front)
            front.wait_for_port(self._tls_port, 10)
        return self._tls_port

    def stop(self) -> None:
        for process in self.processes:
            process.stop()


def our_config(setup: Setup, port: int, upstream: str, folder: Path) -> str:
    """Returns the TOML with which our gateway is measured: `setup.arms` arms with different prices."""
    lines = [
        "[server]",
        f"port = {port}",
        f"database = {json.dumps(str(folder / 'bench.db'))}",
        f"journal = {str(setup.journal).lower()}",
        f"workers = {setup.workers}",
        "[routes.auto]",
        "objective = {value_usd = 0.02, second_usd = 0.0}",
    ]
    for arm in range(setup.arms):
        lines += [
            "[[arms]]",
            f'name = "arm-{arm}"',
            f"model = {json.dumps(setup.upstream_model)}",
            'provider = "mock"',
            'dialect = "openai"',
            f"base_url = {json.dumps(upstream + '/v1')}",
            'api_key = "sk-bench"',
            f"input_usd_per_mtok = {0.1 + 0.05 * (arm % 40):.2f}",
            f"output_usd_per_mtok = {0.4 + 0.2 * (arm % 40):.2f}",
        ]
    return "\n".join(lines) + "\n"


def _launch_ours(setup: Setup, site: Site, upstream: Upstream) -> Launch:
    config = site.folder / "meritorder.toml"
    config.write_text(
        our_config(setup, site.port, upstream.url(tls=setup.tls), site.folder), encoding="utf-8"
    )
    argv = [sys.executable, "-m", "proxy", "serve", "--port", str(site.port), "--config", str(config)]
    return Launch(argv, model="auto")


def _launch_bare(setup: Setup, site: Site, upstream: Upstream) -> Launch:
    url = upstream.url(tls=setup.tls)
    return Launch([sys.executable, "-m", "benchmarks.gateway.bare_proxy", str(site.port), url])


class Gateways:
    """Starts each gateway once per setup, and keeps it until the end so that runs can be interleaved.

    Only the gateway asked for last runs; all others stand still. `under` is a command that runs theirs.
    """

    def __init__(
        self,
        upstream: Upstream,
        cores: Cores,
        folder: Path,
        peers: Mapping[str, Peer],
        cache: Path = CACHE,
        under: Sequence[str] = (),
    ) -> None:
        self._upstream = upstream
        self._cores = cores
        self._folder = folder
        self._peers = peers
        self._cache = cache
        self._under = under
        self._running: dict[tuple[str, Setup], Target] = {}
        self._broken: dict[tuple[str, Setup], StartError] = {}

    def takes_part(self, gateway: str, scenario: Scenario) -> bool:
        """False where a gateway can't serve a scenario, or where it would say nothing new."""
        if gateway == OURS:
            return True
        if scenario.ours_only:
            return False
        if gateway == DIRECT:
            return scenario.latency
        if gateway == BARE:
            return True
        default = Setup(upstream_model=scenario.setup.upstream_model)
        if not scenario.peers or scenario.setup != default:
            return False
        return scenario.dialect == "openai" or self._peers[gateway].translates

    def target(self, gateway: str, setup: Setup) -> Target:
        """Returns the running gateway, started now if need be, and pauses all others. Raises StartError."""
        if gateway not in (OURS, DIRECT):
            setup = Setup(tls=setup.tls)  # what else can be set up doesn't exist there
        key = (gateway, setup)
        if key in self._broken:
            raise self._broken[key]
        for other, target in self._running.items():
            if target.process is not None and other != key:
                target.process.pause()
        if key in self._running:
            process = self._running[key].process
            if process is not None:
                process.resume()
        else:
            try:
                self._running[key] = self._start(gateway, setup)
            except StartError as error:
                self._broken[key] = error
                raise
        return self._running[key]

    def _start(self, gateway: str, setup: Setup) -> Target:
        if gateway == DIRECT:
            return Target(gateway, self._upstream.port, Launch([]), None)
        folder = Path(tempfile.mkdtemp(prefix=f"{gateway}-", dir=self._folder))
        models = tuple(sorted({"mock", *(scenario.upstream_model for scenario in SCENARIOS.values())}))
        site = Site(free_port(), free_port(), self._upstream.port, folder, models)
        if gateway == OURS:
            launch = _launch_ours(setup, site, self._upstream)
        elif gateway == BARE:
            launch = _launch_bare(setup, site, self._upstream)
        else:
            launch = self._peers[gateway].launch(self._cache / gateway, site)
        process = Process(
            [*self._under, *launch.argv],
            cores=self._cores.gateway,
            log=folder / "output.log",
            env={**_environment(self._upstream.certificate), **launch.env},
            cwd=_REPOSITORY if gateway in (OURS, BARE) else folder,
        )
        try:
            port = site.port
            if launch.port_file is not None:
                port = int(process.wait_for_file(launch.port_file, launch.start_seconds))
            process.wait_for_port(port, launch.start_seconds)
            wait_until_it_answers(process, port, launch)
        except StartError:
            process.stop()
            raise
        return Target(gateway, port, launch, process)

    def stop(self) -> None:
        for target in self._running.values():
            if target.process is not None:
                target.process.stop()


def _environment(certificate_path: Path | None) -> dict[str, str]:
    """The environment without provider keys and proxies, which would change what gateways do."""
    dropped = ("_API_KEY", "_PROXY", "_proxy")
    kept = {name: value for name, value in os.environ.items() if not name.endswith(dropped)}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    if certificate_path is not None:
        kept["SSL_CERT_FILE"] = str(certificate_path)
    return kept
