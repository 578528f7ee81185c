"""`meritorder backup` and `meritorder check-db`: copy and read a database, beside a gateway that writes to it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from state.interface import StoreError
from state.sqlite.backup import back_up, check

_DATABASE = click.option(
    "--db",
    default="meritorder.db",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The gateway's database.",
)


@click.command()
@_DATABASE
@click.option("--force", is_flag=True, help="Replace DEST if it is there.")
@click.argument("dest", type=click.Path(path_type=Path))
def backup(db: Path, dest: Path, *, force: bool) -> None:
    """Copy the database to DEST as it is now, while gateways go on, and check the copy.

    DEST is readable for its owner alone, and appears only when it is whole.
    """
    try:
        with click.progressbar(length=1, label=f"copying {db}", file=sys.stderr) as bar:

            def progress(pages: int, of: int) -> None:
                bar.length = of
                bar.update(pages - bar.pos)

            size = back_up(str(db), str(dest), replace=force, progress=progress)
    except StoreError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{dest}: {size:,} bytes, checked")


@click.command("check-db")
@_DATABASE
def check_db(db: Path) -> None:
    """Read all of the database, while gateways go on, and say what is wrong with it (exit code 1) or that it is whole."""
    try:
        problems, size = check(str(db))
    except StoreError as error:
        raise click.ClickException(str(error)) from None
    for problem in problems:
        click.echo(problem, err=True)
    if size is None:
        raise click.ClickException(
            f"{db} is damaged: stop the gateway, keep a copy of the file and its -wal, and restore a backup or run "
            "sqlite3 .recover"
        )
    click.echo(f"{db}: whole; {size.decisions:,} decisions, {size.feedback:,} feedback, {size.bytes:,} bytes")
