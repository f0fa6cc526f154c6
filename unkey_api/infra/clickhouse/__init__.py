"""Clickhouse package."""
