"""The composition root: opens everything long-lived, builds services and handlers, closes in reverse order.

Closing drains the buffers before the stores they write to, and the stores before telemetry.
"""
