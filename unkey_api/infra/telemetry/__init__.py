"""Telemetry package."""
