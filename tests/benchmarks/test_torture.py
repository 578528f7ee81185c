"""The torture run counts what it should: a loss is a loss, damage is damage, and a round without either passes."""

import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.torture import lost, problems
from state.records import Feedback
from state.sqlite.store import SqliteStore
from tests.state.samples import decision

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def database(tmp_path):
    path = tmp_path / "a.db"
    store = await SqliteStore.open(path)
    rows = [decision(n) for n in range(1, 4)]
    await store.append(rows, [Feedback(row.id, "quality", 0.5, 1.0) for row in rows])
    await store.close()
    return path


def test_what_is_gone_or_another_value_is_lost(database):
    at = time.time()
    assert lost(database, [("chatcmpl-1", 0.5, at), ("chatcmpl-2", 0.5, at)]) == 0
    assert lost(database, [("chatcmpl-1", 0.25, at), ("chatcmpl-9", 0.5, at), ("chatcmpl-3", 0.5, at)]) == 2


def test_rows_that_are_missing_among_others_are_a_problem(database):
    assert problems(database) == []
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM feedback WHERE seq = 5")
    connection.close()
    assert problems(database) == ["5 rows are numbered from 1 to 6"]


def test_damage_is_a_problem(database):
    with database.open("r+b") as file:
        file.seek(100)
        file.write(b"\x55" * 4000)
    assert problems(database) != []


def test_a_round_loses_nothing():
    command = [sys.executable, "-m", "benchmarks.torture", "--rounds", "1", "--seconds", "1.5", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.search(r"1 rounds: (\d+) acknowledged, 0 lost, 0 integrity errors", done.stdout)
    assert counts, done.stdout
    assert int(counts[1]) > 0
