"""``python -m tests.storm --seed N --minutes M``: a storm by hand. Exit code 0 only if nothing was found; the last line
is a summary."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.storm.storm import storm


def main() -> int:
    """Run one."""
    parser = argparse.ArgumentParser(prog="python -m tests.storm")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="storm-"))
    result = storm(options.seed, options.minutes * 60, folder, os.environ.get("PATH", ""), say=print)
    for line in result.wrong:
        print(line)
    print(f"logs: {folder}")
    print(result.summary(), flush=True)
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
