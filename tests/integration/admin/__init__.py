"""Operator use cases on a real MariaDB."""
