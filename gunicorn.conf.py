"""The web server's settings: ``gunicorn wsgi:app`` finds this file by itself.

Threads, because a door waits for the database and nothing else; many, because a sender that stops in the middle of a
request keeps one: https://docs.gunicorn.org/en/stable/design.html. A buffering proxy in front is better still.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import Any

from gunicorn import glogging  # type: ignore[import-untyped]  # ships no types

from gateway import settings, telemetry
from gateway.redaction import safe_path


class Log(glogging.Logger):  # type: ignore[misc]  # ships no types
    """The server's own lines and one line a request, by the way of all other lines; paths without their secrets."""

    def setup(self, cfg: Any) -> None:
        """Leave the lines to the root logger."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers[:] = []
            logger.propagate = True

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:  # noqa: ARG002
        """One line a request; without the query and without who asked."""
        self.access_log.info(
            "request",
            extra={
                "method": environ.get("REQUEST_METHOD"),
                "path": safe_path(str(environ.get("PATH_INFO", ""))),
                "status": int(str(resp.status).split(None, 1)[0]),
                "ms": round(request_time.total_seconds() * 1000),
                "bytes": getattr(resp, "sent", None),
            },
        )


try:
    _chosen = settings.load(os.environ)
except settings.SettingsError as error:
    sys.exit(f"{error}")
telemetry.begin(_chosen.log_level, _chosen.secrets)

worker_class = "gthread"
workers = _chosen.web_concurrency
threads = 32
# A platform kills after 30 s.
graceful_timeout = 20
timeout = 30
keepalive = 5
limit_request_line = 4094
limit_request_fields = 100
limit_request_field_size = 8190
# A second gateway of the same user would take it over.
control_socket_disable = True
accesslog = "-"
errorlog = "-"
loglevel = _chosen.log_level.lower()
logger_class = Log
