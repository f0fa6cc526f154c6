"""Metadata of keys travels like all metadata."""

from unkey_api.rpc.metadata import struct_of, text_of

__all__ = ["struct_of", "text_of"]
