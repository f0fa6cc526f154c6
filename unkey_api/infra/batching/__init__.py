"""Bounded buffers that are written in batches.

Owns the promise that producing an event never waits and never fails: a full buffer drops the newest row and counts it,
a closed one refuses. Rows that were accepted are flushed exactly once, at the latest when the batcher is closed. When
the store behind is away, rows wait up to the buffer's capacity and newer ones are dropped.
"""
