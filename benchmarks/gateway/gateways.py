"""Who is measured: the mock itself (direct), the bare proxy, our gateway, and peers."""

from __future__ import annotations

import http.client
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway.bodies import body
from benchmarks.gateway.native import Tools
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
    """Starts each gateway once per setup, and keeps it until the end so that runs can be interleaved."""

    def __init__(self, upstream: Upstream, cores: Cores, folder: Path, peers: Mapping[str, Peer]) -> None:
        self._upstream = upstream
        self._cores = cores
        self._folder = folder
        self._peers = peers
        self._running: dict[tuple[str, Setup], Target] = {}

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
        return scenario.setup == default and (scenario.dialect == "openai" or self._peers[gateway].translates)

    def target(self, gateway: str, setup: Setup) -> Target:
        """Returns the running gateway, started now if need be. Raises StartError."""
        if gateway not in (OURS, DIRECT):
            setup = Setup(tls=setup.tls)  # what else can be set up doesn't exist there
        if (gateway, setup) not in self._running:
            self._running[gateway, setup] = self._start(gateway, setup)
        return self._running[gateway, setup]

    def _start(self, gateway: str, setup: Setup) -> Target:
        if gateway == DIRECT:
            return Target(gateway, self._upstream.port, Launch([]), None)
        folder = Path(tempfile.mkdtemp(prefix=f"{gateway}-", dir=self._folder))
        models = tuple(sorted({"mock", *(scenario.upstream_model for scenario in SCENARIOS.values())}))
        site = Site(free_port(), self._upstream.port, folder, models)
        if gateway == OURS:
            launch = _launch_ours(setup, site, self._upstream)
        elif gateway == BARE:
            launch = _launch_bare(setup, site, self._upstream)
        else:
            launch = self._peers[gateway].launch(CACHE / gateway, site)
        process = Process(
            launch.argv,
            cores=self._cores.gateway,
            log=folder / "output.log",
            env={**_environment(self._upstream.certificate), **launch.env},
            cwd=_REPOSITORY if gateway in (OURS, BARE) else folder,
        )
        target = Target(gateway, site.port, launch, process)
        try:
            process.wait_for_port(site.port, launch.start_seconds)
            _wait_until_it_answers(target, launch.start_seconds)
        except StartError:
            process.stop()
            raise
        return target

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


def _wait_until_it_answers(target: Target, timeout: float) -> None:
    assert target.process is not None
    scenario = SCENARIOS["c1"]
    headers = dict(header.split(": ", 1) for header in target.launch.headers)
    headers["Content-Type"] = "application/json"
    payload = body(scenario, target.model(scenario), 0)
    deadline = time.monotonic() + timeout
    said = ""
    while time.monotonic() < deadline:
        target.process.check()
        connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=timeout)
        try:
            connection.request("POST", target.launch.path, payload, headers)
            answer = connection.getresponse()
            said = f"{answer.status}: {answer.read(500).decode(errors='replace')}"
            if answer.status == 200:
                return
        except OSError as error:
            said = str(error)
        finally:
            connection.close()
        time.sleep(0.1)
    raise StartError(f"no answer after {timeout:.0f} s; last: {said}\n{target.process.tail()}")
