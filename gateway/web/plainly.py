"""What all commands have in common: a failure is one line and exit status 1, without a trace."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import click

from gateway.core.errors import Forbidden, GatewayError, TryLater, Unauthorised
from gateway.core.repositories import StoreDown
from gateway.services import held
from gateway.services import installations as use
from gateway.services.connect import NoConnectionError
from gateway.services.personal_data import NobodyError

P = ParamSpec("P")
R = TypeVar("R")

_WORDS: Final[dict[type[Exception], str]] = {
    use.NoSuchInstallationError: "There is no installation with this key.",
    NobodyError: "Nothing is held about this user.",
    NoConnectionError: "This user has no connection.",
    held.NoSuchBatchError: "There is no such held change.",
    held.DecidedError: "Somebody has said the opposite already.",
    StoreDown: "The database does not answer. Is DATABASE_URL right, and has `alembic upgrade head` been run?",
    Unauthorised: "The CRM does not accept the credentials.",
    Forbidden: "The CRM does not allow this with the credentials it was given.",
    TryLater: "The CRM does not answer as it should just now.",
}


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Failures as one line and exit status 1, without a trace."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (GatewayError, StoreDown, use.NoSuchInstallationError, use.SecretByCrmError, NoConnectionError) as error:
            words = next((words for kind, words in _WORDS.items() if isinstance(error, kind)), str(error))
            raise click.ClickException(words) from error

    return run
