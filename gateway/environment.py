"""Reading single values from the environment: each is checked where it is read, and an error says how to mend it.

Knows what an address, a key or a number looks like, but no setting by name: those are in ``gateway.settings``.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import socket
from collections.abc import Collection, Mapping
from urllib.parse import SplitResult, urlsplit

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class SettingsError(Exception):
    """A setting is missing or wrong. The text names it, says what is wrong and gives an example; never the value."""

    def __init__(self, name: str, wrong: str, example: str) -> None:
        super().__init__(f"{name} {wrong}. Example: {name}={example}")
        self.name = name


class Environment:
    """The variables, read with their checks. Blank ones count as missing.

    ``allow_loopback``: whether this machine may stand for the outside world, over plain http.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.allow_loopback = False
        self.allow_loopback = self.switch("ALLOW_LOOPBACK", default=False)

    def has(self, name: str) -> bool:
        """Whether it is set to anything."""
        return bool(self._variables.get(name, "").strip())

    def optional(self, name: str) -> str:
        """Its text, or the empty text."""
        text = self._variables.get(name, "").strip()
        if _CONTROL.search(text):
            raise SettingsError(name, "holds a line break or another control character", "one line of text")
        return text

    def required(self, name: str, example: str) -> str:
        """Its text, which must be there."""
        text = self.optional(name)
        if not text:
            raise SettingsError(name, "is missing", example)
        return text

    def secret(self, name: str, example: str, *, least: int, required: bool = True) -> str:
        """A secret of at least ``least`` characters; the empty text where it may be missing and is."""
        text = self.required(name, example) if required else self.optional(name)
        if text and len(text) < least:
            raise SettingsError(name, f"is too short: at least {least} characters", example)
        return text

    def switch(self, name: str, *, default: bool) -> bool:
        """``1`` or ``0``."""
        text = self.optional(name)
        if text not in ("", "0", "1"):
            raise SettingsError(name, "must be 1 or 0", "1" if default else "0")
        return text == "1" if text else default

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number from ``least`` to ``most``."""
        text = self.optional(name) or str(default)
        if not (text.isascii() and text.isdecimal() and len(text) < 10) or not least <= int(text) <= most:
            raise SettingsError(name, f"must be a whole number from {least} to {most}", str(default))
        return int(text)

    def one_of(self, name: str, words: Collection[str], default: str) -> str:
        """One of these words, in any case."""
        text = self.optional(name).upper() or default
        if text not in words:
            raise SettingsError(name, f"must be one of {', '.join(words)}", default)
        return text

    def keys(self, name: str, length: int) -> tuple[str, ...]:
        """A comma list of base64 texts, each of ``length`` bytes, none twice. Platforms that make secrets themselves
        give hexadecimal digits: those are taken too, and given back in base64."""
        example = "the output of `openssl rand -base64 32`, the newest first, comma between"
        parts = (part.strip() for part in self.required(name, example).split(","))
        texts = tuple(_from_hex(part, length) for part in parts if part)
        keys = [decoded(text) for text in texts]
        if not texts or any(key is None or len(key) != length for key in keys):
            raise SettingsError(name, f"must hold keys of {length} bytes in base64", example)
        if len(set(keys)) != len(keys):
            raise SettingsError(name, "holds a key twice", example)
        return texts

    def store(self, name: str, schemes: Collection[str], example: str) -> str:
        """The address of one of our own stores."""
        text = self.required(name, example)
        if text.partition("://")[0] not in schemes or "://" not in text:
            raise SettingsError(name, f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}", example)
        return text

    def address(self, name: str, example: str) -> str:
        """An address of the outside world, or of ours in it: https, and not on this machine unless that is allowed.

        Plain http is for this machine alone. User names, queries and fragments have no place in it.
        """
        text = self.required(name, example)
        parts = _split(name, text, example)
        host = parts.hostname or ""
        if not host or parts.scheme not in ("http", "https"):
            raise SettingsError(name, "must be an address that begins with https://", example)
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise SettingsError(name, "must not hold a user name, a query or a fragment", example)
        if is_loopback(host):
            if not self.allow_loopback:
                raise SettingsError(name, "leads to this machine, which only ALLOW_LOOPBACK=1 permits", example)
        elif parts.scheme == "http":
            raise SettingsError(name, "must begin with https:// (http is for this machine alone)", example)
        return text


def is_loopback(host: str) -> bool:
    """Whether a host, as written, is this machine. Names other than ``localhost`` are not looked up."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _ip(name)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return _short_ip(host)
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def _short_ip(host: str) -> ipaddress.IPv4Address | None:
    """What ``127.1`` and ``2130706433`` mean to the system's resolver."""
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def _split(name: str, text: str, example: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise SettingsError(name, "is not an address", example) from None
    return parts


def _from_hex(text: str, length: int) -> str:
    """No confusion: in base64 so many characters would be half as many bytes again."""
    if re.fullmatch(rf"[0-9a-f]{{{2 * length}}}", text):
        return base64.b64encode(bytes.fromhex(text)).decode()
    return text


def decoded(text: str) -> bytes | None:
    """The bytes in a base64 (or URL-safe base64) text; ``None`` where it is none."""
    try:
        return base64.b64decode(text.translate(_URL_SAFE), validate=True)
    except (binascii.Error, ValueError):
        return None


_URL_SAFE = str.maketrans("-_", "+/")
