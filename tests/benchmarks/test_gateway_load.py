"""The mock upstream and the load client, which every figure rests on."""

import shutil
from dataclasses import replace

import pytest

from benchmarks.gateway.bodies import body, write_bodies
from benchmarks.gateway.gateways import DIRECT, Gateways, Upstream
from benchmarks.gateway.measure import load_argv, run_load
from benchmarks.gateway.native import build
from benchmarks.gateway.processes import Cores
from benchmarks.gateway.scenarios import Scenario

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
