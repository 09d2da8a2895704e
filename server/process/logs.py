"""Logs: one JSON object per line (or colored text on a terminal), each with the request id."""

import logging
import sys
from asyncio import CancelledError
from typing import Any

import structlog

# Beginnings of uvicorn's messages about malformed frames and requests.
_CLIENT_ERRORS = ("Invalid UTF-8 sequence", "Invalid HTTP request", "Unsupported upgrade request")


class _NoClientErrors(logging.Filter):
    """Filters out the server's messages for a frame that is not UTF-8, or a malformed request.

    The server closes that connection. It is an error of the client, without use for the operator;
    the metric restow_edge_refusals counts it. The traceback of a request that a stop cancelled is
    of no use either: `http.responded` has the request.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """True if the record is to be written."""
        if record.name != "uvicorn.error":
            return True
        error = record.exc_info[0] if record.exc_info else None
        is_cancelled = error is not None and issubclass(error, CancelledError)
        return not is_cancelled and not str(record.msg).startswith(_CLIENT_ERRORS)


def configure(log_format: str, level: str) -> None:
    """Make structlog and the loggers of libraries write the same format to standard error."""
    is_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    # A traceback with all local variables takes seconds to format, and variables may contain
    # secrets.
    on_terminal = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer: Any = structlog.processors.JSONRenderer() if is_json else on_terminal
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if is_json:
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # A message below the level is dropped before it is formatted.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(_NoClientErrors())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "asyncio", "tortoise", "aiosqlite", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
