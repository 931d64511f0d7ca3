"""``installation.json``: everything that a check needs to drive a running demo from outside. It holds secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.demo.keys import write_private


class Report:
    """The file, written only when all is ready and gone when the demo is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: dict[str, Any] = {}

    def update(self, **content: Any) -> None:
        """Replace these entries; the file changes in one step."""
        self._content |= content
        write_private(self._path, json.dumps(self._content, indent=1))

    def remove(self) -> None:
        """No file, no running demo."""
        self._path.unlink(missing_ok=True)
