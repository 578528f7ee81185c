"""Every mutation finds the line that it changes, exactly once, and the tests that should notice."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.mutations.catalogue import MUTATIONS
from benchmarks.mutations.mutation import Mutation, StaleMutationError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_changes_one_place_and_leaves_python(mutation: Mutation) -> None:
    text = (ROOT / mutation.path).read_text(encoding="utf-8")
    assert text.count(mutation.before) == 1, "the code has moved on: mend the mutation with it"
    ast.parse(text.replace(mutation.before, mutation.after))


def test_mutations_are_told_apart_by_their_names() -> None:
    assert [name for name, count in Counter(m.name for m in MUTATIONS).items() if count > 1] == []


def test_the_tests_of_a_mutation_exist_and_are_few() -> None:
    for mutation in MUTATIONS:
        assert 0 < len(mutation.tests) <= 4, mutation.name
        assert all((ROOT / test).is_file() for test in mutation.tests), mutation.name


def test_a_mutation_of_what_is_no_more_there_says_so(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    mutation = Mutation("twice", "a.py", "x = 1", "x = 2", ("tests",))
    for text in ("", "x = 1\nx = 1\n"):
        file.write_text(text)
        with pytest.raises(StaleMutationError, match="twice"):
            mutation.apply(tmp_path)
        assert file.read_text() == text
    file.write_text("x = 1\n")
    mutation.apply(tmp_path)
    assert file.read_text() == "x = 2\n"
