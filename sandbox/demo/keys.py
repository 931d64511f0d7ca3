"""The demo's own secrets: made on the first start, kept in its folder for nobody else to read."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path


@dataclass(frozen=True)
class Keys:
    """What a deployment would keep in its configuration."""

    secret_key: str = field(repr=False)
    token_key: str = field(repr=False)
    ops_password: str = field(repr=False)
    metrics_token: str = field(repr=False)


def keys(folder: Path) -> Keys:
    """The secrets in ``folder``, made when there are none (or none that can be read)."""
    path = folder / "keys.json"
    try:
        kept = json.loads(path.read_text())
        return Keys(**{one.name: str(kept[one.name]) for one in fields(Keys)})
    except (OSError, ValueError, KeyError, TypeError):
        made = Keys(
            secret_key=secrets.token_urlsafe(48),
            token_key=base64.b64encode(secrets.token_bytes(32)).decode(),
            ops_password=secrets.token_urlsafe(12),
            metrics_token=secrets.token_urlsafe(24),
        )
        write_private(path, json.dumps(asdict(made), indent=1))
        return made


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only."""
    draft = path.with_name(path.name + ".part")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
    draft.replace(path)
