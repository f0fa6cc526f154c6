"""Imports and exports of keys on a real MariaDB."""
