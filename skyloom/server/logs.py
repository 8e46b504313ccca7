"""Logs as one JSON object a line on standard error: time, level, message, and the ids of request and job."""

import json
import logging
import sys
import time
from contextvars import ContextVar
from typing import Any

FIELDS = ("job", "worker", "attempt", "code", "method", "path", "status", "milliseconds", "endpoint", "file", "error")
request: ContextVar[str | None] = ContextVar("request", default=None)  # the call that is being answered


class AsJson(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {"time": f"{when}.{int(record.msecs):03d}Z", "level": record.levelname.lower()}
        line |= {"logger": record.name, "message": record.getMessage()}
        line |= {"request": id} if (id := getattr(record, "request", request.get())) else {}
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class ToStandardError(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to whatever standard error is at that moment, and so never to one that was closed since."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr


def set_up(level: int = logging.INFO) -> None:
    """Send every log of this process through the formatter."""
    handler = ToStandardError()
    handler.setFormatter(AsJson())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("skyloom").setLevel(level)
