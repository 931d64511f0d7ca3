"""As much of ``curl`` as the guides use, for machines that have none: run as ``python plain_curl.py ...``."""

from __future__ import annotations

import argparse
import sys
import urllib.error
import urllib.request
from pathlib import Path


def main() -> int:
    """Exit code 22 for an answer of 400 or more, as with ``--fail-with-body``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-sS", action="store_true")
    parser.add_argument("--fail-with-body", action="store_true", required=True)
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", "--data-binary", dest="body")
    given = parser.parse_args()
    body = given.body
    data = None if body is None else Path(body[1:]).read_bytes() if body[0] == "@" else body.encode()
    headers = dict(line.split(": ", 1) for line in given.headers)
    request = urllib.request.Request(given.url, data, headers, method=given.method)  # noqa: S310 - http on loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
            sys.stdout.buffer.write(answer.read())
    except urllib.error.HTTPError as error:
        sys.stdout.buffer.write(error.read())
        return 22
    return 0


if __name__ == "__main__":
    sys.exit(main())
