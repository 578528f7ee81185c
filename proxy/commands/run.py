"""What `meritorder serve` runs: one gateway process, or several under a parent."""

from __future__ import annotations

import click
import uvloop

from proxy.arms.credentials import with_secrets
from proxy.commands.serve import bound, serve
from proxy.commands.workers import supervise
from proxy.config import Config, ConfigError
from proxy.ingress.admission import is_loopback
from state.interface import StoreError


def run(config: Config, environment: dict[str, str]) -> None:
    """Serves until SIGTERM, SIGINT or SIGHUP. Raises click.ClickException for errors that the operator can fix."""
    if not config.server.api_keys and not is_loopback(config.server.host):
        raise click.ClickException(
            f"refusing to listen on {config.server.host} without an API key: set MERITORDER_API_KEY, or server.api_keys"
        )
    try:
        environment = with_secrets(config, environment)
        if config.server.workers > 1:
            supervise(config, environment)
        else:
            with bound(config) as sock:
                uvloop.run(serve(config, environment, sock))
    except (ConfigError, StoreError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(
            f"can't listen on {config.server.host}:{config.server.port}: {error.strerror}"
        ) from None
