"""MySQL layer, against MariaDB."""
