"""What is in the tree speaks of the project alone: nothing of a machine, nothing of where packages came from."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LEAKS = {
    "a path of a machine": re.compile(r"(?<![\w.$}/:-])/(?:home|root|Users|work|mnt|media|private)/\w"),
    "a registry": re.compile(
        r"\b(?:pypi|pythonhosted|npmjs|yarnpkg|crates|debian|ubuntu|rubygems|maven|maven\.apache|sonatype)\.(?:org|com|io|net)\b"
        r"|\bproxy\.golang\b"
    ),
    "a private address": re.compile(r"https?://[\w.-]+\.(?:internal|local|lan|corp)\b"),
    "something outside of the tree": re.compile(r"\.\./shared\b"),
}


def tracked_files() -> list[str]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - the git on PATH
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    return [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("kind", sorted(LEAKS))
def test_no_file_holds(kind: str) -> None:
    places = []
    for name in tracked_files():
        content = (ROOT / name).read_bytes()
        if b"\0" in content or name == "tests/unit/test_no_leaks.py":
            continue
        text = content.decode(errors="replace")
        places += [f"{name}:{text.count(chr(10), 0, m.start()) + 1} {m[0]}" for m in LEAKS[kind].finditer(text)]
    assert not places
