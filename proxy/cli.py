"""The command line."""

from __future__ import annotations

import click


@click.group()
def main() -> None:
    """A self-hosted LLM gateway that learns which model to send each request to."""
