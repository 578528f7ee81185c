"""The command line."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from proxy.config import ConfigError, load
from proxy.ingress.log_lines import start_log
from proxy.secret_values import of_variable

_DEFAULT_CONFIG = Path("meritorder.toml")


_ELSEWHERE = {
    "backup": ("proxy.commands.database", "backup"),
    "check-db": ("proxy.commands.database", "check_db"),
    "demo": ("proxy.market.demo.command", "demo"),
    "evaluate": ("proxy.commands.evaluate", "evaluate"),
}
"""Commands whose modules are imported only when they run: (module, attribute)."""


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = _ELSEWHERE.get(cmd_name)
        if where is None:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(where[0]), where[1])
        return command


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="meritorder")
def main() -> None:
    """A self-hosted LLM gateway that learns which model to send each request to."""


@main.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path), help="Default: meritorder.toml, if there is one."
)
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), envvar="PORT", help="0 takes a free one.  [default: 8080]"
)
@click.option("--db", "database", help="SQLite file.  [default: meritorder.db]")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that share the port.  [default: 1]")
@click.option("--log-level", default="warning", type=click.Choice(["debug", "info", "warning", "error"]))
def serve(
    path: Path | None,
    host: str | None,
    port: int | None,
    database: str | None,
    workers: int | None,
    log_level: str,
) -> None:
    """Start the gateway."""
    from proxy.commands.run import run  # noqa: PLC0415  the other commands start faster without a server

    start_log(log_level.upper())
    if path is None and _DEFAULT_CONFIG.exists():
        path = _DEFAULT_CONFIG
    try:
        config = load(path)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    given: dict[str, Any] = {"host": host, "port": port, "database": database, "workers": workers}
    server = config.server.model_copy(
        update={key: value for key, value in given.items() if value is not None}
    )
    run(config.model_copy(update={"server": server}), dict(os.environ))


@main.command()
@click.option("--url", default="http://127.0.0.1:8080", envvar="MERITORDER_URL", show_default=True)
@click.option("--by", type=click.Choice(["task"]), help="One row per arm and task.")
@click.option("--json", "as_json", is_flag=True, help="Print what the API returns.")
@click.option("--watch", type=click.FloatRange(min=0.2), help="Show again every so many seconds.")
def arms(url: str, by: str | None, as_json: bool, watch: float | None) -> None:
    """Show what each arm does and what is known of it."""
    from proxy.commands.arms import show_arms  # noqa: PLC0415

    try:
        key = of_variable("MERITORDER_API_KEY", os.environ)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    show_arms(url, key, by=by, as_json=as_json, watch=watch)


@main.command()
@click.option("--grep", "text", default="", help="Only names that hold this text.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1))
def models(text: str, limit: int) -> None:
    """List the models that can be an arm by name, with what they cost today."""
    from proxy.commands.models import show_models  # noqa: PLC0415

    show_models(text, limit)
