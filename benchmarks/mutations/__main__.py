"""Breaks the code in known places, one at a time, and counts how often the tests notice.

    python -m benchmarks.mutations [--only TEXT] [--jobs N] [--list]

By hand or nightly: a mutation takes as long as the tests that should notice it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks.mutations.catalogue import MUTATIONS
from benchmarks.mutations.runner import copied_checkout, judge_all, run_tests


@click.command()
@click.option("--only", default="", help="Only mutations whose name or path contains this.")
@click.option("--jobs", default=2, show_default=True, help="Mutations at a time.")
@click.option("--timeout", default=600.0, show_default=True, help="Seconds until a run counts as hanging.")
@click.option("--list", "listed", is_flag=True, help="Show the mutations and run nothing.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the outcomes to this file.")
def main(only: str, jobs: int, timeout: float, listed: bool, json_path: Path | None) -> None:
    """Counts mutations that no test notices."""
    chosen = [mutation for mutation in MUTATIONS if only in mutation.name or only in mutation.path]
    if not chosen:
        raise click.ClickException(f"no mutation has {only!r} in its name or path")
    if listed:
        for mutation in chosen:
            click.echo(f"{mutation.path}: {mutation.name}")
        return
    with copied_checkout() as root:
        tests = sorted({test for mutation in chosen for test in mutation.tests})
        failed, by = run_tests(root, tests, timeout * 2)
    if failed:
        raise click.ClickException(f"the tests fail without any mutation: {by}")
    outcomes = []
    for outcome in judge_all(chosen, jobs, timeout):
        outcomes.append(outcome)
        word = "killed  " if outcome.killed else "SURVIVED"
        why = outcome.by or outcome.mutation.survives
        click.echo(
            f"{word} {outcome.seconds:5.0f} s  {outcome.mutation.path}: {outcome.mutation.name}  {why}"
        )
    killed = sum(outcome.killed for outcome in outcomes)
    click.echo(f"{killed} of {len(outcomes)} mutations killed, {100 * killed / len(outcomes):.1f} %")
    unexplained = [o.mutation.name for o in outcomes if not o.killed and not o.mutation.survives]
    if json_path is not None:
        json_path.write_text(
            json.dumps([asdict(outcome) for outcome in outcomes], indent=1), encoding="utf-8"
        )
    if unexplained:
        raise click.ClickException(f"{len(unexplained)} survive unexplained: {', '.join(unexplained)}")


if __name__ == "__main__":
    main()
