"""`unkey-api serve` that tells as much about requests as it is asked to, for the benchmark of observability."""

from __future__ import annotations

import argparse
import sys

from unkey_api.cli.databases import read_settings
from unkey_api.cli.serving import serve_settings
from unkey_api.container.runtime import Observing, Runtime


def main() -> int:
    """Serve with the configuration named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unobserved")
    parser.add_argument("observing", type=Observing, choices=list(Observing))
    parser.add_argument("--config", required=True)
    arguments = parser.parse_args()
    return serve_settings(read_settings(arguments.config), Runtime(observing=arguments.observing))


if __name__ == "__main__":
    sys.exit(main())
