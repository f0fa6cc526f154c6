"""The audit log against MariaDB."""
