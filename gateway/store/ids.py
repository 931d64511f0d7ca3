"""Ids that sort by age, so that new rows land side by side in their index."""

from __future__ import annotations

import secrets
from datetime import datetime


def new_id(at: datetime) -> str:
    """32 hexadecimal digits: milliseconds, then 80 random bits. Unique, and no secret."""
    return f"{int(at.timestamp() * 1000):012x}{secrets.token_hex(10)}"
