"""Run as a process by ``test_embedded``: starts the servers, prints where they are, lives until its input closes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from sandbox import embedded


def main() -> None:
    """Arguments: the demo folder."""
    with embedded.start(Path(sys.argv[1]), {"PATH": os.environ.get("PATH", "")}) as servers:
        print(json.dumps({"database": servers.database_url, "redis": servers.redis_url, **servers.pids}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
