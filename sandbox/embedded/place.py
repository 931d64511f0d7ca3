"""Where the embedded servers keep their data and sockets.

An ordinary user: inside the demo's folder. Root: PostgreSQL refuses root, and the user ``nobody`` cannot reach a
private checkout, so data and sockets live under ``/var/tmp/calendar-gateway-<hash of the folder's path>`` and the
demo's folder holds a pointer. A unix socket's path has room for about 104 bytes (less than a deep checkout needs), and
a comma or a blank in it breaks connection strings; such a folder gets its sockets in a short private folder in /tmp.

One launcher at a time may use a place (a file lock, which the kernel lets go when the launcher dies).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import re
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sandbox.embedded.binaries import ServersUnavailable

PUBLIC = Path("/var/tmp")  # noqa: S108 - every name made here is checked to be a folder of ours alone
SHORT = Path("/tmp")  # noqa: S108 - likewise
_PREFIX = "calendar-gateway-"
_LONGEST_SOCKET_FOLDER = 80  # macOS: 104 bytes in all, of which "/.s.PGSQL.5432.lock" and a margin are not ours
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
_POINTER, _NOTE = "servers.json", "demo-dir"  # in the demo folder, and in what belongs to it elsewhere


@dataclass(frozen=True)
class Place:
    """A claimed place: ``data`` and ``sockets`` belong to ``user`` ("" = the one who launches); ``logs`` does not."""

    data: Path
    sockets: Path
    logs: Path
    user: str
    lock: IO[str]
    base: Path

    def release(self, *, wipe: bool) -> None:
        """Let the next launcher in; sockets go, and with ``wipe`` all data too."""
        shutil.rmtree(self.base if wipe else self.sockets, ignore_errors=True)
        if not self.sockets.is_relative_to(self.base):
            shutil.rmtree(self.sockets, ignore_errors=True)
        self.lock.close()


def claim(demo_dir: Path) -> Place:
    """The place that belongs to this demo folder, made when needed.

    Data whose pointer is gone (the demo folder was deleted) is thrown away: its keys went with the folder. Raises
    ``ServersUnavailable`` while another launcher holds the place.
    """
    demo_dir = demo_dir.resolve()
    demo_dir.mkdir(parents=True, exist_ok=True)
    as_root = os.geteuid() == 0
    base = PUBLIC / _name(demo_dir) if as_root else demo_dir / "servers"
    sweep(PUBLIC if as_root else SHORT)
    _private_folder(base, 0o711 if as_root else 0o700)
    lock = _lock(base, demo_dir)
    user = "nobody" if as_root else ""
    data, sockets = base / "data", base / "s"
    _keep_only_our_data(demo_dir, base, data)
    if not as_root and not _suits_sockets(sockets):
        sockets = SHORT / _name(demo_dir)
    shutil.rmtree(sockets, ignore_errors=True)  # lock files of a killed server name a process that may be another now
    for folder in (data, sockets):
        _private_folder(folder, 0o700, user)
    for folder in (base, sockets):
        (folder / _NOTE).write_text(str(demo_dir))
    return Place(data, sockets, demo_dir / "logs", user, lock, base)


def sweep(parent: Path) -> None:
    """Remove what earlier launchers of ours left in ``parent`` for demo folders that no longer exist."""
    for folder in parent.glob(_PREFIX + "*"):
        note = folder / _NOTE
        try:
            if folder.lstat().st_uid != os.geteuid() or Path(note.read_text()).exists():
                continue
            with (folder / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # another launcher's, in use, or gone meanwhile: not ours to touch
            continue


def _name(demo_dir: Path) -> str:
    digest = hashlib.sha256(os.fsencode(demo_dir)).hexdigest()[:12]
    return f"{_PREFIX}{os.geteuid()}-{digest}"


def _suits_sockets(folder: Path) -> bool:
    return len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER and _PLAIN_PATH.fullmatch(str(folder)) is not None


def _lock(base: Path, demo_dir: Path) -> IO[str]:
    lock = (base / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise ServersUnavailable(
            f"The servers of {demo_dir} are in use by another process; stop it, or choose another DEMO_DIR."
        ) from error
    return lock


def _keep_only_our_data(demo_dir: Path, base: Path, data: Path) -> None:
    """Pointer and place carry the same random mark; where they differ, the data is a deleted folder's."""
    pointer, mark_file = demo_dir / _POINTER, base / "mark"
    mark = mark_file.read_text() if mark_file.exists() else ""
    known = json.loads(pointer.read_text()).get("mark") if pointer.exists() else None
    if mark and known == mark:
        return
    shutil.rmtree(data, ignore_errors=True)
    mark = secrets.token_hex(8)
    mark_file.write_text(mark)
    pointer.write_text(json.dumps({"place": str(base), "mark": mark}) + "\n")


def _private_folder(folder: Path, mode: int, user: str = "") -> None:
    """Make it, or check that it is a folder of ours (or of ``user``), then set owner and mode."""
    folder.mkdir(mode=mode, exist_ok=True)
    account = pwd.getpwnam(user) if user else None
    found = folder.lstat()
    allowed = {os.geteuid(), account.pw_uid if account else os.geteuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in allowed:
        raise ServersUnavailable(f"{folder} is not a folder of this user: remove it and start again.")
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    folder.chmod(mode)
