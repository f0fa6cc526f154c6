"""Fetch the browser bundle behind /reference from the npm registry, as tools/scalar/package-lock.json pins it.

Only the bundle is taken: it is self-contained, while installing its package would bring some 270 others that nothing
here uses. `npm pack` does the transfer, so that the machine's own npm configuration (mirror, proxy) applies.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@scalar/api-reference"
LOCK = Path(__file__).parent / "scalar" / "package-lock.json"
WANTED = {"package/dist/browser/standalone.js": "standalone.js", "package/package.json": "package.json"}


def main(target: Path) -> int:
    """Put the bundle into `target`; return the exit status."""
    entry = json.loads(LOCK.read_text())["packages"][f"node_modules/{PACKAGE}"]
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not installed", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as work:
        command = [npm, "pack", "--loglevel", "error", "--pack-destination", work, f"{PACKAGE}@{entry['version']}"]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, cwd=work)  # noqa: S603 - fixed words
        archives = list(Path(work).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            print(f"npm could not fetch {PACKAGE}", file=sys.stderr)
            return 1
        if not _is_intact(archives[0], entry["integrity"]):
            print(f"what npm fetched is not the {PACKAGE} that the lock file names", file=sys.stderr)
            return 1
        _extract(archives[0], target)
    return 0


def _is_intact(archive: Path, integrity: str) -> bool:
    algorithm, _, digest = integrity.partition("-")
    return base64.b64encode(hashlib.new(algorithm, archive.read_bytes()).digest()).decode() == digest


def _extract(archive: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        for member, name in WANTED.items():
            source = tar.extractfile(member)
            if source is None:
                raise FileNotFoundError(member)
            (target / name).write_bytes(source.read())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
