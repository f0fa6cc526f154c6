"""`python -m unkey_api` is `unkey-api`."""

from unkey_api.cli import main

main()
