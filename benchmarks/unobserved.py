"""`unkey-api serve` that observes no request: what the benchmark of observability compares with."""

from __future__ import annotations

import argparse
import sys

from unkey_api.cli.configuration import read_settings
from unkey_api.cli.serving import serve_settings
from unkey_api.container.runtime import Runtime


def main() -> int:
    """Serve with the configuration named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unobserved")
    parser.add_argument("--config", required=True)
    return serve_settings(read_settings(parser.parse_args().config), Runtime(observed=False))


if __name__ == "__main__":
    sys.exit(main())
