import pytest

from benchmarks.gateway.bars import judge
from benchmarks.gateway.gateways import BARE, OURS
from benchmarks.gateway.records import Record, Table, read_records, write_records


def figure(gateway, scenario, metric, value, high=None):
    return Record(gateway, scenario, metric, value, value, value if high is None else high, 3)


def table(*figures, failures=0):
    """Figures, and for each gateway and scenario among them the number of failed answers."""
    places = {(record.gateway, record.scenario) for record in figures}
    return Table([*figures, *(figure(*place, "failures", failures) for place in places)])


def verdicts(found):
    return {verdict.bar: verdict for verdict in judge(found)}


def test_a_ratio_at_its_bar_is_reached():
    found = table(
        figure(OURS, "prompt-2k", "cpu_us_per_request", 100),
        figure(BARE, "prompt-2k", "cpu_us_per_request", 100),
        figure(OURS, "fast", "cpu_us_per_chunk", 14),
        figure(BARE, "fast", "cpu_us_per_chunk", 20),
    )
    judged = verdicts(found)
    assert judged["CPU per request over the bare proxy's, 2 KB prompt"].reached
    assert not judged["CPU per chunk over the bare proxy's, fast"].reached
    assert judged["CPU per chunk over the bare proxy's, fast"].measured == "0.70×"


def test_nothing_is_judged_on_runs_with_failed_answers():
    figures = [figure(who, "prompt-2k", "cpu_us_per_request", 100) for who in (OURS, BARE)]
    assert judge(table(*figures))
    assert not judge(table(*figures, failures=1))


def test_a_bar_whose_figures_are_missing_is_left_out():
    assert not judge(table(figure(OURS, "prompt-2k", "cpu_us_per_request", 100)))


def test_litellm_must_cost_sixty_times_as_much():
    ours = figure(OURS, "c32", "cpu_us_per_request", 100)
    assert not judge(table(ours, figure("litellm", "c32", "cpu_us_per_request", 5_900)))[0].reached
    assert judge(table(ours, figure("litellm", "c32", "cpu_us_per_request", 6_000)))[0].reached


@pytest.mark.parametrize("metric", ["failures", "stalled"])
def test_one_dropped_stream_in_one_run_misses_the_bar(metric):
    dropped = Table([figure(OURS, "slow-1000", metric, 0, high=1)])
    assert [verdict.reached for verdict in judge(dropped)] == [False]


def test_a_large_prompt_is_judged_on_the_delay_of_others_and_on_its_own_cpu_time():
    found = table(
        figure(OURS, "stall-500k", "forward_p999_ms", 6.0),
        figure(OURS, "prompt-500k", "cpu_us_per_request", 4_900),
    )
    assert [verdict.reached for verdict in judge(found)] == [False, True]


def test_two_workers_are_judged_on_the_cores_that_the_load_left_to_them():
    found = table(
        figure(OURS, "workers-1", "requests_per_s", 5_000),
        figure(OURS, "workers-1", "cpu_us_per_request", 180),
        figure(OURS, "workers-2", "requests_per_s", 7_000),
        figure(OURS, "workers-2", "cpu_us_per_request", 200),
        figure(OURS, "workers-2", "load_cores", 0.5),
    )
    (verdict,) = judge(found)
    assert verdict.reached
    assert verdict.measured == "1.80× (1.40× with the load's 0.50 cores in it)"


@pytest.mark.parametrize(("growth", "reached"), [(0.05, True), (0.051, False), (-0.1, True)])
def test_memory_may_grow_by_a_twentieth(growth, reached):
    (verdict,) = judge(Table([figure(OURS, "memory", "growth", growth)]))
    assert verdict.reached is reached


def test_records_survive_their_file(tmp_path):
    found = [figure(OURS, "c32", "rss_mb", 80.5), figure(BARE, "c32", "rss_mb", 45)]
    write_records(found, tmp_path / "results.json")
    assert read_records(tmp_path / "results.json") == found
