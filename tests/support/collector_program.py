"""A collector of traces as a process of its own.

python -m tests.support.collector_program --port PORT
"""

from __future__ import annotations

import argparse

from tests.support.collector import Collector

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    Collector(parser.parse_args().port).serve_forever()
