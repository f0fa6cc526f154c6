"""The conditions of statements, one by one."""
