"""Keeping objects out of the garbage collector's sight."""

from __future__ import annotations

import ctypes

untrack = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("PyObject_GC_UnTrack", ctypes.pythonapi))
"""Take an object off the collector's list: no collection walks over it or over what it holds any more.

Its memory comes back when the last reference goes, as always. Only for objects that cannot be part of a cycle, because
the collector could not free that one. A dict is put on the list again by each insertion of a value that could be on it.
"""
