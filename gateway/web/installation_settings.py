"""An installation's settings as an operator types them: ``name=value``, each checked, an empty value takes it away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.core.errors import NotReadable
from gateway.core.model import Priority, Status
from gateway.core.reading import a_text
from gateway.web.returns import is_origin, parsed

LONGEST_MINUTES: Final = 24 * 60
_LONGEST_ADDRESS: Final = 500
_COLOURS: Final = "colours."
_MAPS: Final[Mapping[str, type[Priority | Status]]] = {"priorities": Priority, "statuses": Status}
"""Settings that say what the CRM's own words mean: ``statuses.<its word>=<ours>``."""


def read(pairs: Iterable[str]) -> dict[str, Any]:
    """The changes behind ``name=value`` texts; ``None`` takes a setting away. Raises ``NotReadable`` with the way
    out."""
    changes: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise NotReadable(name, "write it as name=value")
        if name.startswith(_COLOURS):
            changes.setdefault("colours", {})[_priority(name)] = _text(name, value) if value else None
        elif name.partition(".")[0] in _MAPS:
            map_name, _, word = name.partition(".")
            changes.setdefault(map_name, {})[_text(name, word)] = _ours(name, map_name, value) if value else None
        elif name not in _READERS:
            known = ", ".join([*_READERS, f"{_COLOURS}<priority>", *(f"{one}.<the CRM's word>" for one in _MAPS)])
            raise NotReadable(name, f"there is no such setting; there are {known}")
        else:
            changes[name] = _READERS[name](name, value) if value else None
    return changes


def _priority(name: str) -> str:
    word = name.removeprefix(_COLOURS)
    known = [priority.value for priority in Priority]
    if word not in known:
        raise NotReadable(name, f"name a priority after {_COLOURS}: {', '.join(known)}")
    return word


def _ours(name: str, map_name: str, value: str) -> str:
    known = [word.value for word in _MAPS[map_name]]
    if not name.partition(".")[2] or value not in known:
        raise NotReadable(name, f"write {map_name}.<the CRM's word>=<one of {', '.join(known)}>")
    return value


def _minutes(name: str, value: str) -> int:
    minutes = int(value) if value.isascii() and value.isdecimal() and len(value) < 6 else 0
    if not 1 <= minutes <= LONGEST_MINUTES:
        raise NotReadable(name, f"give whole minutes from 1 to {LONGEST_MINUTES}")
    return minutes


def _flag(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise NotReadable(name, "write true or false")
    return value == "true"


def _text(name: str, value: str) -> str:
    return a_text(value, name, 100)


def _address(name: str, value: str) -> str:
    if parsed(value) is None or len(value) > _LONGEST_ADDRESS:
        raise NotReadable(name, "give an address such as https://acme.crm.example")
    return value.rstrip("/")


def _list_of(good: Callable[[str], bool], hint: str) -> Callable[[str, str], list[str]]:
    def read_list(name: str, value: str) -> list[str]:
        entries = [entry.strip() for entry in value.split(",") if entry.strip()]
        wrong = next((entry for entry in entries if not good(entry)), None)
        if wrong is not None or not entries:
            raise NotReadable(name, hint)
        return [entry.rstrip("/") if is_origin(entry) else entry for entry in entries]

    return read_list


def _one_of(*words: str) -> Callable[[str, str], str]:
    def read_word(name: str, value: str) -> str:
        if value not in words:
            raise NotReadable(name, "write " + " or ".join(words))
        return value

    return read_word


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "crm_name": _text,
    "default_minutes": _minutes,
    "busy": _flag,
    "done_colour": _text,
    "pages_url": _address,
    "frame_origins": _list_of(is_origin, "give origins such as https://crm.example, comma between"),
    "held_decided_by": _one_of("person", "operator"),
    "return_urls": _list_of(
        lambda url: parsed(url) is not None, "give addresses or origins such as https://crm.example, comma between"
    ),
}
