import pytest

from benchmarks.gateway.profile import shares


def test_samples_are_summed_by_function_whatever_the_line():
    raw = "main (a.py:1);work (b.py:7) 30\nmain (a.py:2);work (b.py:9) 20\nmain (a.py:3) 50\n"
    assert shares(raw) == [("work (b.py)", 0.5, 0.5), ("main (a.py)", 0.5, 1.0)]


def test_a_recursive_function_counts_once_per_sample():
    ((frame, own, whole),) = shares("walk (a.py:1);walk (a.py:2);walk (a.py:2) 4\n")
    assert (frame, own, whole) == ("walk (a.py)", pytest.approx(1), pytest.approx(1))


def test_no_samples_are_no_functions():
    assert shares("") == []


def test_threads_that_wait_for_work_do_not_count():
    waiting = "_bootstrap (threading.py:9);_connection_worker_thread (aiosqlite/core.py:60) 900\n"
    assert shares(waiting + "main (a.py:1) 5\n") == [("main (a.py)", 1.0, 1.0)]
