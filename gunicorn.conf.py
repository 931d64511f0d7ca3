"""The web server's settings: ``gunicorn wsgi:app`` finds this file by itself.

Threads, because a door waits for the database and nothing else; many, because a sender that stops in the middle of a
request keeps one: https://docs.gunicorn.org/en/stable/design.html. A buffering proxy in front is better still.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from gunicorn import glogging  # type: ignore[import-untyped]  # ships no types

from gateway import settings, telemetry


class Log(glogging.Logger):  # type: ignore[misc]  # ships no types
    """The server's own lines, by the way of all other lines."""

    def setup(self, cfg: Any) -> None:
        """Leave the lines to the root logger."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers[:] = []
            logger.propagate = True


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
# The application tells of each request by its route, so that no one-use token of a path is in a log.
accesslog = None
errorlog = "-"
loglevel = _chosen.log_level.lower()
logger_class = Log
