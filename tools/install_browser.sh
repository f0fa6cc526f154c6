#!/bin/sh
# Install a headless Chromium where none is found. Never fails: without one, the test that wants it is skipped and says so.
set -u

for program in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
	if command -v "$program" >/dev/null 2>&1; then
		printf '==> browser: %s\n' "$program"
		exit 0
	fi
done

root=
if [ "$(id -u)" != 0 ]; then
	if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
		root='sudo -n'
	else
		echo '==> browser: none found, and only root may install one; its test will be skipped'
		exit 0
	fi
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo '==> browser: none found, and there is no apt-get to install one; its test will be skipped'
	exit 0
fi

echo '==> browser: installing chromium-headless-shell (100 MB)'
install() {
	$root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
		apt-get install -y -q --no-install-recommends chromium-headless-shell >/dev/null 2>&1
}
install || { $root apt-get update -q >/dev/null 2>&1 && install; } ||
	echo '==> browser: apt-get could not install it; its test will be skipped'
exit 0
