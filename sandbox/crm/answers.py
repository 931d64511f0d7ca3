"""Idempotency keys: the same request sent again gets the same answer, for 24 hours of the stand-ins' clock.

Only answers that came of a write are kept. A refusal (412, 422) wrote nothing, so the same key may try again, as the
large payment APIs do (https://docs.stripe.com/api/idempotent_requests).
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sandbox.crm.problems import refuse

KEPT_FOR = timedelta(hours=24)
_NAME = "Idempotency-Key"


@dataclass(frozen=True)
class Answer:
    """A successful answer as it was given."""

    body: str
    etag: str


@dataclass(frozen=True)
class _Kept:
    at: datetime
    request: str
    answer: Answer | None


class Answers:
    """The keys seen, oldest first; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    def begin(self, caller: str, key: str, path: str, body: Mapping[str, Any], now: datetime) -> Answer | None:
        """Claim `key`: None means go on, an answer means that this was done before.

        Raises Problem: 422 if the key came with another request, 409 while the first one is still at work.
        """
        asked = f"{path} {json.dumps(body, sort_keys=True)}"
        with self._lock:
            self._drop_old(now)
            kept = self._kept.get((caller, key))
            if kept is None:
                self._kept[(caller, key)] = _Kept(now, asked, None)
                return None
            if kept.request != asked:
                raise refuse(422, _NAME, "used_with_another_request")
            if kept.answer is None:
                raise refuse(409, _NAME, "in_progress")
            return kept.answer

    def finish(self, caller: str, key: str, answer: Answer | None) -> None:
        """Keep the answer to a claimed key, or let the key go when nothing was written (None)."""
        with self._lock:
            kept = self._kept.get((caller, key))
            if kept is None:
                return
            if answer is None:
                del self._kept[(caller, key)]
            else:
                self._kept[(caller, key)] = replace(kept, answer=answer)

    def _drop_old(self, now: datetime) -> None:
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if now - oldest.at < KEPT_FOR:
                return
            self._kept.popitem(last=False)
