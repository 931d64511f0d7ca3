"""Start a command that cannot outlive the process that started it.

Run as a script (``python -I -S leash.py SIGNAL PARENT USER -- COMMAND ...``) it becomes the command: its own session
(so that Ctrl-C in a terminal reaches the launcher only, which stops its children in order), another user when asked,
and, on Linux, a standing order to the kernel to send ``SIGNAL`` when the parent is gone, however it went. Elsewhere
there is no such order: a launcher that is killed hard leaves its children to the next start, which finds them.

A small script between the two instead of ``preexec_fn``, because Python code between fork and exec may deadlock in a
launcher with threads. It uses the standard library only and starts in about 20 ms.

Linux: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html (the order is lost when credentials change,
so it is given after the user is changed; it is bound to the launching *thread*, so launch from a long-lived one).
"""

from __future__ import annotations

import ctypes
import os
import platform
import pwd
import sys

_PR_SET_PDEATHSIG = 1
_CANNOT_START = 126


def main(arguments: list[str]) -> int:
    """Become the command; returns only (with an exit code) when that is impossible."""
    death_signal, parent, user = int(arguments[0]), int(arguments[1]), arguments[2]
    command = arguments[4:]
    os.setsid()
    if user:
        _become(user)
    if platform.system() == "Linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it went before the order was given
            return _CANNOT_START
    try:
        os.execv(command[0], command)  # noqa: S606 - the launcher's own command line, no shell wanted
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error.strerror}\n")
    return _CANNOT_START


def _become(user: str) -> None:
    """Give up root for good, supplementary groups first."""
    account = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
