"""The calendar providers: the one list. A new provider is a folder beside these and a line here.

A builder takes its provider's own frozen config record, which ``gateway.wiring`` fills from the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.core.ports import Provider
from gateway.providers import google, outlook

PROVIDERS: Mapping[str, Callable[[Any], Provider]] = {
    "google": google.provider,
    "outlook": outlook.provider,
}
