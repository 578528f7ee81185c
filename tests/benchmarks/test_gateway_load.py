"""The mock upstream and the load client, which every figure rests on."""

import math
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from benchmarks.gateway.bodies import body, write_bodies
from benchmarks.gateway.gateways import BARE, DIRECT, Gateways, Upstream
from benchmarks.gateway.measure import Beside, load_argv, measure, run_load
from benchmarks.gateway.native import build
from benchmarks.gateway.probe import wait_until_it_answers
from benchmarks.gateway.processes import Cores, CpuClock, Process, StartError
from benchmarks.gateway.scenarios import Scenario, Setup
from benchmarks.peers import Launch, Peer

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None or shutil.which("taskset") is None, reason="needs a C compiler and taskset"
)

CORES = Cores.split()


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    return build(tmp_path_factory.mktemp("native"))


@pytest.fixture
def upstream(tools, tmp_path):
    upstream = Upstream(tools, CORES.load, tmp_path)
    yield upstream
    upstream.stop()


def ask(tools, upstream, folder, scenario, model, expected=None, requests=20):
    """Sends some requests straight to the mock and returns the client's report."""
    target = Gateways(upstream, CORES, folder, {}).target(DIRECT, scenario.setup)
    path = folder / "body.json"
    path.write_bytes(body(scenario, model, 0).replace(scenario.upstream_model.encode(), model.encode()))
    argv = load_argv(tools, target, replace(scenario, chunks=expected or scenario.chunks), [path])
    return run_load([*argv, "-n", str(requests), "-w", "0"], CORES.load, [], [])[0]


def test_plain_answers_are_counted(tools, upstream, tmp_path):
    report = ask(tools, upstream, tmp_path, Scenario("plain", "", 3), "mock-n1-d0")
    assert report["answered"] == 20
    assert sum(report["failures"].values()) == 0
    assert report["latency_ms"]["count"] == 20


def test_every_chunk_of_a_stream_is_counted(tools, upstream, tmp_path):
    report = ask(tools, upstream, tmp_path, Scenario("stream", "", 4, chunks=7), "mock-n7-d0")
    assert (report["answered"], report["chunks"]) == (20, 140)
    assert report["forward_ms"]["count"] == 140
    assert sum(report["failures"].values()) == 0


def test_a_stream_cut_by_the_upstream_is_a_failure(tools, upstream, tmp_path):
    report = ask(tools, upstream, tmp_path, Scenario("stream", "", 1, chunks=7), "mock-n7-d0-x3", requests=2)
    assert report["answered"] == 0
    assert report["failures"]["cut"] == 2


def test_a_stream_with_missing_chunks_is_a_failure(tools, upstream, tmp_path):
    report = ask(tools, upstream, tmp_path, Scenario("stream", "", 1, chunks=7), "mock-n7-d0", expected=8)
    assert report["answered"] == 0
    assert report["failures"]["short"] == 20


def test_an_error_status_is_a_failure(tools, upstream, tmp_path):
    report = ask(tools, upstream, tmp_path, Scenario("plain", "", 1), "mock-e503", requests=3)
    assert report["failures"]["status"] == 3
    assert report["status"] == {"503": 3}


def test_the_gap_between_chunks_is_kept(tools, upstream, tmp_path):
    scenario = Scenario("paced", "", 1, chunks=5, gap_ms=20)
    report = ask(tools, upstream, tmp_path, scenario, "mock-n5-d20", requests=2)
    assert report["latency_ms"]["p50"] >= 5 * 20


def test_large_bodies_arrive_whole(tools, upstream, tmp_path):
    report = ask(tools, upstream, tmp_path, Scenario("big", "", 2, prompt_bytes=500_000), "mock-n1-d0")
    assert report["answered"] == 20


def test_the_bodies_of_a_scenario_differ(tmp_path):
    paths = write_bodies(Scenario("c32", "", 32, prompt_bytes=2_000), "auto", tmp_path)
    assert len({path.read_bytes() for path in paths}) == len(paths) > 1
    assert all(1_500 < len(path.read_bytes()) < 2_500 for path in paths)


def is_stopped(target):
    return Path(f"/proc/{target.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def eventually(condition):
    """Signals arrive at once, but the state that /proc shows may lag behind."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()


def test_only_the_gateway_asked_for_last_runs(tools, upstream, tmp_path):
    gateways = Gateways(upstream, CORES, tmp_path, {})
    try:
        plain = gateways.target(BARE, Setup())
        tls = gateways.target(BARE, Setup(tls=True))
        eventually(lambda: is_stopped(plain) and not is_stopped(tls))
        assert gateways.target(BARE, Setup()) is plain
        eventually(lambda: is_stopped(tls) and not is_stopped(plain))
    finally:
        gateways.stop()
    assert not plain.process.family()
    assert not tls.process.family()


def test_a_gateway_that_does_not_start_is_not_started_again(tools, upstream, tmp_path):
    starts = []

    def launch(home, site):
        starts.append(site)
        return Launch(["sh", "-c", "echo no licence found; exit 3"])

    gateways = Gateways(upstream, CORES, tmp_path, {"other": Peer("other", "", lambda home: None, launch)})
    for _ in range(2):
        with pytest.raises(StartError, match="no licence found"):
            gateways.target("other", Setup())
    assert len(starts) == 1


class Garbler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"mock answer")

    def log_message(self, *_):
        """Says nothing."""


def test_a_gateway_that_garbles_streams_is_not_measured(tmp_path):
    idle = Process(["sleep", "600"], cores=CORES.load, log=tmp_path / "log")
    with HTTPServer(("127.0.0.1", 0), Garbler) as server, ThreadPoolExecutor(1) as pool:
        serving = pool.submit(server.serve_forever)
        try:
            with pytest.raises(StartError, match="a stream of 0 instead of 200 chunks"):
                wait_until_it_answers(idle, server.server_port, Launch([], start_seconds=0))
        finally:
            server.shutdown()
            idle.stop()
    assert serving.exception() is None


def test_requests_beside_the_streams_are_sent_and_checked(tools, upstream, tmp_path):
    scenario = Scenario("streams", "", 1, chunks=5, gap_ms=1, seconds=0.1, warm_up=0.0, beside=1_000)
    other = scenario.background()
    target = Gateways(upstream, CORES, tmp_path, {}).target(DIRECT, Setup())
    bodies = write_bodies(scenario, "mock", tmp_path / "streams")
    failing = tmp_path / "failing.json"
    failing.write_bytes(body(other, "mock-e503", 0).replace(b"mock-n20-d0", b"mock-e503"))
    sample = measure(tools, target, scenario, bodies, CORES.load, [], Beside(other, [failing]))
    assert sample.beside == 0
    assert set(sample.failures) >= {"beside", "status"}


def test_a_busy_gateway_is_waited_for(tmp_path, monkeypatch):
    second = 10**9
    clocks = iter([CpuClock({1: ns}, 0) for ns in (0, second, second, 2 * second, 2 * second, 2 * second)])
    process = Process(["sleep", "600"], cores=CORES.load, log=tmp_path / "log")
    monkeypatch.setattr(CpuClock, "read", lambda pids: next(clocks))
    try:
        process.settle(math.inf)
        assert next(clocks, None) is None
    finally:
        process.stop()
