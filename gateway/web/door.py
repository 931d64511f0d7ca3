"""What views reach for: the gateway behind this application, and the request's installation."""

from __future__ import annotations

from typing import Final, cast

from flask import Flask, current_app, g

from gateway.core.records import Installation
from gateway.deployment import Gateway
from gateway.services.context import Context

_NAME: Final = "calendar-gateway"


def hang_up(app: Flask, gateway: Gateway) -> None:
    """Give the application its gateway."""
    app.extensions[_NAME] = gateway


def gateway() -> Gateway:
    """The gateway behind this application."""
    return cast("Gateway", current_app.extensions[_NAME])


def context() -> Context:
    """What every use case is given."""
    return gateway().ctx


def installation() -> Installation:
    """Whose token this call of the API carries."""
    return cast("Installation", g.installation)
