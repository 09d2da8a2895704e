"""Logs: one JSON object per line (or coloured text on a terminal), each with the request's id."""

import logging
import sys
from typing import Any

import structlog


class _NoBadFrames(logging.Filter):
    """Leaves out what the server logs, with a traceback, of a frame that is not UTF-8.

    It closes that socket with 1007: the client's mistake, and nothing for whoever runs us.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written."""
        is_servers = record.name == "uvicorn.error"
        return not (is_servers and str(record.msg).startswith("Invalid UTF-8 sequence"))


def configure(log_format: str, level: str) -> None:
    """Have structlog and the libraries' own loggers write the same lines to standard error."""
    is_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    # A traceback with every local variable takes seconds to draw, and the variables hold secrets.
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
        # A line below the level costs nothing: it is dropped before it is put together.
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
    handler.addFilter(_NoBadFrames())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "asyncio", "tortoise", "aiosqlite", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
