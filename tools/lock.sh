#!/bin/sh
# Resolve the newest versions that pyproject.toml and tools/scalar/package.json allow and write them down.
# The results name versions only: no index address, no download address, so any mirror can serve them.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "==> resolving Python packages (several minutes)"
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[dev,node]'
# What builds packages that come as sources, and our own.
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade hatchling editables setuptools wheel
{
	echo "# Exact versions of everything in .venv. Written by 'make lock'; do not edit."
	"$work/venv/bin/python" -m pip freeze --all --exclude pip --exclude-editable | grep -v ' @ ' | LC_ALL=C sort -f
} >"$work/constraints.txt"
mv "$work/constraints.txt" constraints.txt

PATH=$PATH:$(pwd)/.venv/bin
if command -v npm >/dev/null 2>&1; then
	echo "==> resolving the reference page"
	cp tools/scalar/package.json "$work/"
	(cd "$work" && npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund)
	cp "$work/package-lock.json" tools/scalar/package-lock.json
else
	echo "==> npm is not installed: tools/scalar/package-lock.json is kept"
fi
