"""The `unkey-api` command."""

from unkey_api.cli.main import main

__all__ = ["main"]
