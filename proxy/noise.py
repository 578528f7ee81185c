"""Keeps what a client does wrong out of the errors of the log: a line for whoever looks for it, no traceback."""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError


class _ClientErrors(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError | RequestPayloadError):
            return True
        # What it sent may hold a key, so its bytes are left out.
        record.msg, record.args = "a client sent what is no HTTP request: %s", (type(error).__name__,)
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.INFO, "INFO"
        return logging.getLogger(record.name).isEnabledFor(logging.INFO)


def hush_clients() -> None:
    """Makes aiohttp's tracebacks about malformed requests lines at level INFO; a second call changes nothing."""
    logger = logging.getLogger("aiohttp.server")
    if not any(isinstance(known, _ClientErrors) for known in logger.filters):
        logger.addFilter(_ClientErrors())
