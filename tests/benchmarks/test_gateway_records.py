import tomllib
from dataclasses import replace

import pytest

from benchmarks.gateway.gateways import BARE, DIRECT, OURS, our_config
from benchmarks.gateway.machine import Watch
from benchmarks.gateway.measure import Sample
from benchmarks.gateway.processes import CpuClock
from benchmarks.gateway.records import Table, metrics, records
from benchmarks.gateway.scenarios import DEFAULT, SCENARIOS, Setup
from proxy.config import Config


def sample(*, cpu=0.5, requests=1000, chunks=0, p50=1.0, failures=0):
    timing = {"count": requests, "p50": p50, "p99": 2 * p50, "p999": 2.5 * p50, "max": 3 * p50}
    return Sample(
        seconds=2.0,
        requests=requests,
        chunks=chunks,
        cpu=cpu,
        rss=50_000_000,
        load_cpu=1.0,
        failures={"cut": failures},
        latency=timing,
        ttft=timing,
        forward=timing,
    )


def test_a_record_is_the_median_of_the_runs_with_their_range():
    runs = [sample(cpu=cpu) for cpu in (0.9, 0.2, 0.3)]
    table = Table(list(records({(BARE, "c32"): runs})))
    record = table.get(BARE, "c32", "cpu_us_per_request")
    assert (record.value, record.low, record.high, record.runs) == pytest.approx((300, 200, 900, 3))


def test_added_latency_is_taken_over_the_direct_run_beside_it():
    samples = {
        (DIRECT, "c1"): [sample(p50=0.1), sample(p50=0.5)],
        (OURS, "c1"): [sample(p50=0.4), sample(p50=0.8)],
    }
    record = Table(list(records(samples))).get(OURS, "c1", "added_latency_p50_ms")
    assert (record.low, record.high) == pytest.approx((0.3, 0.3))


def test_streams_are_charged_per_chunk():
    table = Table(list(records({(OURS, "fast"): [sample(cpu=0.5, chunks=10_000)]})))
    assert table.get(OURS, "fast", "cpu_us_per_chunk").value == pytest.approx(50)
    assert table.get(OURS, "fast", "cpu_us_per_request") is None


def test_the_ratio_is_against_the_bare_proxy():
    table = Table(list(records({(BARE, "c32"): [sample(cpu=0.5)], (OURS, "c32"): [sample(cpu=0.6)]})))
    assert table.ratio(OURS, "c32", "cpu_us_per_request") == pytest.approx(1.2)


def test_one_failed_answer_in_one_run_makes_the_result_invalid():
    table = Table(list(records({(OURS, "c32"): [sample(), sample(failures=1), sample()]})))
    assert not table.valid(OURS, "c32")


def test_a_saturated_gateway_has_figures_but_what_stood_still_is_told():
    slow = replace(sample(chunks=10_000), failures={"cut": 0, "stalled": 7})
    table = Table(list(records({("litellm", "fast"): [slow]})))
    assert table.valid("litellm", "fast")
    assert table.get("litellm", "fast", "stalled").value == 7


def test_cpu_time_of_threads_born_in_between_counts():
    before, after = CpuClock({1: 10**9}, 100), CpuClock({1: 2 * 10**9, 2: 5 * 10**8}, 250)
    assert after.seconds_since(before) == pytest.approx(1.5)


def test_cpu_time_of_ended_threads_comes_from_the_ticks():
    before, after = CpuClock({1: 10**9, 2: 10**9}, 200), CpuClock({1: 2 * 10**9}, 400)
    assert after.seconds_since(before) == pytest.approx(2.0)


@pytest.mark.parametrize("setup", [Setup(), Setup(arms=400), Setup(workers=2, journal=False)])
def test_our_configuration_is_one_that_the_gateway_accepts(setup, tmp_path):
    text = our_config(setup, 8080, "http://127.0.0.1:9", tmp_path)
    config = Config.model_validate(tomllib.loads(text))
    assert len(config.arms) == setup.arms
    assert (config.server.workers, config.server.journal) == (setup.workers, setup.journal)


def test_beside_large_prompts_only_the_delay_of_chunks_counts():
    found = metrics(SCENARIOS["stall-500k"], replace(sample(chunks=100, p50=2.0), beside=50), None)
    assert (found["forward_p999_ms"], found["forward_max_ms"]) == (5.0, 6.0)
    assert found["beside_per_s"] == pytest.approx(50 / 3)
    assert "cpu_us_per_chunk" not in found


def test_default_scenarios_exist():
    assert set(DEFAULT) <= SCENARIOS.keys()


def test_what_others_had_of_the_machine_is_a_part_of_it():
    assert 0 <= Watch().others() <= 1
