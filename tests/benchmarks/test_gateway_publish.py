import pytest

from benchmarks.gateway.gateways import BARE, OURS
from benchmarks.gateway.records import Record, read_records

pytest.importorskip("matplotlib", reason="the bench group isn't installed")

from benchmarks.gateway.publish import publish  # noqa: E402


def figure(gateway, scenario, metric, value):
    return Record(gateway, scenario, metric, value, value, value, 1)


def c32(cpu):
    return [
        record
        for gateway, factor in ((OURS, 1), (BARE, 2), ("nginx", 0.1))
        for record in (
            figure(gateway, "c32", "cpu_us_per_request", cpu * factor),
            figure(gateway, "c32", "failures", 0),
        )
    ]


def test_what_the_readme_says_around_the_tables_stays(tmp_path):
    publish(c32(100), tmp_path, "a machine")
    readme = tmp_path / "README.md"
    readme.write_text("# Before\n\n" + readme.read_text() + "\nAfter\n")
    publish(c32(300), tmp_path, "another machine")
    text = readme.read_text()
    assert text.startswith("# Before\n\n<!-- begin")
    assert text.rstrip().endswith("-->\n\nAfter")
    assert "another machine" in text
    assert "a machine" not in text
    assert "| meritorder | 300.0 (0.50×) |" in text
    assert "100.0" not in text


def test_gateways_stand_in_the_order_of_their_cost_and_in_a_chart(tmp_path):
    written = publish(c32(100), tmp_path, "a machine")
    text = (tmp_path / "README.md").read_text()
    assert text.index("| nginx |") < text.index("| meritorder |") < text.index("| bare-aiohttp |")
    assert tmp_path / "c32-cpu_us_per_request.svg" in written
    assert all(path.exists() for path in written)


def test_the_memory_run_of_an_earlier_call_is_kept(tmp_path):
    memory = [figure(OURS, "memory", "growth", 0.01), figure(OURS, "memory", "rss_mb_after_100", 90)]
    publish(memory, tmp_path, "a machine")
    publish(c32(100), tmp_path, "a machine")
    assert set(memory) <= set(read_records(tmp_path / "results.json"))
    assert "+1.0%" in (tmp_path / "README.md").read_text()


def test_a_memory_run_leaves_the_campaign_in_place(tmp_path):
    publish(c32(100), tmp_path, "a quiet machine")
    publish([figure(OURS, "memory", "growth", 0.02)], tmp_path, "another machine")
    text = (tmp_path / "README.md").read_text()
    assert set(c32(100)) <= set(read_records(tmp_path / "results.json"))
    assert "| meritorder | 100.0 (0.50×) |" in text
    assert "+2.0%" in text
    assert "Machine: a quiet machine\n" in text
    assert "another machine" not in text


def test_a_gateway_with_failed_answers_shows_no_figures(tmp_path):
    publish([*c32(100), figure("smg", "c32", "failures", 7)], tmp_path, "a machine")
    assert "| smg | invalid: up to 7 failed |" in (tmp_path / "README.md").read_text()


def test_a_throughput_that_the_load_client_bounded_is_marked(tmp_path):
    def rates(gateway, load):
        return [
            figure(gateway, "c32", "requests_per_s", 50_000),
            figure(gateway, "c32", "load_cores", load),
        ]

    publish([*c32(100), *rates("nginx", 0.99), *rates(OURS, 0.5)], tmp_path, "a machine")
    text = (tmp_path / "README.md").read_text()
    assert text.count("50,000† |") == 1
    assert "| nginx | 10.0 (0.05×) | 50,000† |" in text


def test_a_gateway_whose_answers_stood_still_is_marked(tmp_path):
    publish([*c32(100), figure("nginx", "c32", "stalled", 3)], tmp_path, "a machine")
    assert "| nginx ‡ | 10.0 (0.05×) |" in (tmp_path / "README.md").read_text()
