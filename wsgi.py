"""The web server's way in: ``gunicorn wsgi:app``; also where ``flask --app wsgi`` finds the commands."""

from __future__ import annotations

import atexit
import logging
import os
import sys

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from gateway import settings, telemetry, wiring
from gateway.core.repositories import StoreDown
from gateway.settings import SettingsError
from gateway.web import cli_doctor
from gateway.web.app import create_app


def _start() -> Flask:
    try:
        chosen = settings.load(os.environ)
    except SettingsError as error:
        if not settings.is_command(os.environ):
            raise
        return cli_doctor.without_settings(error)
    # A command's answer stands alone on standard output.
    telemetry.begin(chosen.log_level, chosen.secrets, sys.stderr if chosen.is_command else sys.stdout)
    gateway = wiring.build(chosen, wiring.Process.COMMAND if chosen.is_command else wiring.Process.WEB)
    if not chosen.is_command:
        gateway.tally.add_to(gateway.store)
        atexit.register(gateway.tally.close)
    try:
        wiring.settle_in(gateway)
    except (StoreDown, SQLAlchemyError) as error:  # down, or not yet migrated: the clock does it later
        logging.getLogger(__name__).warning("the first installation is not checked yet: %s", type(error).__name__)
    return create_app(gateway)


app = _start()
