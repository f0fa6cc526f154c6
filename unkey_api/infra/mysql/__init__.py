"""Mysql package."""
