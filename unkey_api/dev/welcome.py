"""What a person sees once the service answers: a key, and commands that work when pasted."""

from __future__ import annotations

from importlib.resources import files
from string import Template

from unkey_api.dev.options import ANY_ADDRESS, DevOptions
from unkey_api.dev.ports import LOOPBACK
from unkey_api.dev.seed import Demo

HEADERS = """-H "Authorization: Bearer $ROOT_KEY" -H 'Content-Type: application/json'"""


class _Text(Template):
    """Names are marked with @, because $ belongs to the shell."""

    delimiter = "@"


def welcome(options: DevOptions, demo: Demo, *, seconds: float, first_start: bool) -> str:
    """Return the text. Every command is one line and needs nothing but a POSIX shell, sed and curl."""
    host = LOOPBACK if options.host in ANY_ADDRESS else options.host
    host = f"[{host}]" if ":" in host else host
    base = f"http://{host}:{options.http_port}"
    return _Text(files("unkey_api.dev").joinpath("welcome.txt").read_text()).substitute(
        seconds=f"{seconds:.1f}",
        start="first start" if first_start else "with the data of before",
        base=base,
        http2=f"\n  HTTP/2   {host}:{options.http2_port} (gRPC, Connect)" if options.http2_port else "",
        data=options.data_dir,
        root_key=demo.root_key,
        api_id=demo.api_id,
        curl=f"curl -sS {base}",
        headers=HEADERS,
    )
