"""Captured requests as they arrived on the wire: files with the request line, headers and body, CRLF as sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Captured:
    """One request. ``headers``: names in lower case, as the door hands them on."""

    name: str
    path: str
    headers: dict[str, str]
    raw: bytes


def captures(folder: Path) -> list[Captured]:
    """Every capture of a folder, in the order of their names."""
    return [_read(path) for path in sorted(folder.glob("*.http"))]


def _read(path: Path) -> Captured:
    head, _, raw = path.read_bytes().partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return Captured(path.stem, first.split(" ")[1], {name.lower(): value for name, value in pairs}, raw)
