"""Caches of this process: stale-while-revalidate, single flight, negative entries, bounded.

A cache holds answers, never the truth: it may forget anything at any time. When the source is away, entries serve until
the end of their stale window; a failed load is never remembered.
"""
