"""What operators see: log lines, metrics, spans.

Owns how events are written, which fields may be written, and every metric name. Nothing here decides anything, and a
sink that is away costs the service nothing: log lines go to stderr, metrics wait to be scraped, spans are dropped.
"""
