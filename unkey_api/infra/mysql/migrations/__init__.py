"""The tables, and how they come to be.

`schema/NNNN_name.sql` holds one statement each, applied in order, recorded in `schema_migrations` together with a
checksum. A file that was applied anywhere is never edited; changes are new files. Tables are created only if they do
not exist, so that a database which has them already is adopted as it is.

`{case_sensitive}` and `{default}` in a file stand for collations, chosen by what the server knows: MySQL 8 and MariaDB
call them differently. Both compare without padding; the first tells case and accents apart, the second does not.
"""

from unkey_api.infra.mysql.migrations.runner import MigrationError, Progress, migrate

__all__ = ["MigrationError", "Progress", "migrate"]
