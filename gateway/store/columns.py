"""The kinds of column that the tables are made of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKeyConstraint, Identity, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB, TIMESTAMP


def a_text(name: str, *, empty: bool = False) -> Column[Any]:
    """Text of any length. ``empty``: may be NULL."""
    return Column(name, Text, nullable=empty)


def texts(name: str) -> Column[Any]:
    """A list of texts, none by default."""
    return Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'"))


def a_time(name: str, *, empty: bool = True) -> Column[Any]:
    """An instant."""
    return Column(name, TIMESTAMP(timezone=True), nullable=empty)


def a_whole(name: str, *, empty: bool = False) -> Column[Any]:
    """A whole number of eight bytes, 0 by default or NULL."""
    return Column(name, BigInteger, nullable=empty, server_default=None if empty else text("0"))


def a_switch(name: str) -> Column[Any]:
    """Off by default."""
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def some_bytes(name: str, *, empty: bool = True) -> Column[Any]:
    """A hash or ciphertext."""
    return Column(name, BYTEA, nullable=empty)


def a_json(name: str, default: str = "{}") -> Column[Any]:
    """Plain JSON without a word of a person in it."""
    return Column(name, JSONB, nullable=False, server_default=text(f"'{default}'"))


def in_order() -> Column[Any]:
    """Order of creation."""
    return Column("seq", BigInteger, Identity(always=True), nullable=False)


def belongs_to(parent: str, column: str | None = None) -> ForeignKeyConstraint:
    """Belongs to an installation, or by ``column`` to another row of the same installation, and goes with it."""
    if column is None:
        return ForeignKeyConstraint(["installation_id"], [f"{parent}.id"], ondelete="CASCADE")
    return ForeignKeyConstraint(
        ["installation_id", column], [f"{parent}.installation_id", f"{parent}.id"], ondelete="CASCADE"
    )
