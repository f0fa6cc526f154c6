"""The vault: encrypts what only it can read back.

Nothing is cached and nothing is tried twice: the caller's deadline is the only bound, and a failure is reported as
`VaultUnavailable`, whatever its kind. Plaintexts travel as `Secret` and never appear in an error.
"""

from unkey_api.infra.vault.client import ConnectVault, open_vault
from unkey_api.infra.vault.port import Ciphertext, VaultClient, VaultUnavailable

__all__ = ["Ciphertext", "ConnectVault", "VaultClient", "VaultUnavailable", "open_vault"]
