"""What the database's failures mean, in one table. Installed on an engine, it speaks at the place of the failure."""

from __future__ import annotations

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import ExceptionContext

from gateway.core.errors import AlreadyExists, LeaseLost, NotReadable
from gateway.core.repositories import Contended, StoreDown

_CONTENDED = frozenset({"40001", "40P01"})
_READ_ONLY = "25006"  # a former primary during a failover
# https://www.postgresql.org/docs/current/errcodes-appendix.html: resources, operator intervention, system, connection.
_DOWN_CLASSES = frozenset({"08", "53", "57", "58"})


def translate(engine: Engine) -> None:
    """Make every failure of this engine one of ours, its cause attached: ``StoreDown``, ``Contended``,
    ``AlreadyExists``, ``LeaseLost`` (what the row belongs to was erased meanwhile), ``NotReadable`` (text that no
    database stores). Anything else is a bug and stays what it is."""
    event.listen(engine, "handle_error", _translate, retval=True)


def _translate(context: ExceptionContext) -> Exception | None:
    return meaning(context.original_exception)


def meaning(error: BaseException) -> Exception | None:
    """What a driver's error means to us; ``None``: nothing but a bug. The text names a code, never a value."""
    if isinstance(error, UnicodeEncodeError) or (isinstance(error, psycopg.DataError) and error.sqlstate is None):
        return NotReadable("text", "send no NUL characters and no lone surrogates")
    if not isinstance(error, psycopg.Error):
        return None
    state = error.sqlstate or ""
    said = f"{type(error).__name__} {state}".strip()
    if state in _CONTENDED:
        return Contended(f"the database asks to try again: {said}")
    if isinstance(error, psycopg.errors.UniqueViolation):
        return AlreadyExists(f"already stored: {error.diag.constraint_name}")
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        return LeaseLost(f"what this belongs to is no more: {error.diag.constraint_name}")
    if state == _READ_ONLY or state[:2] in _DOWN_CLASSES or isinstance(error, psycopg.OperationalError):
        return StoreDown(f"the database does not answer: {said}")
    return None
