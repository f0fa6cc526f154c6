"""Packed bodies, unpacked as far as a limit allows."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping

GZIP_BITS, ZLIB_BITS, RAW_BITS = 31, 15, -15
STEP_BYTES = 65_536
"""Unpacked in one go; in between other threads get their turn."""
SUPPORTED = "gzip, deflate, identity"


Unpack = Callable[[bytes, int], bytes]
"""Takes a packed body and returns what it holds, at most one byte more than the number of bytes given."""


class Corrupt(ValueError):
    """The body is not what its encoding says."""


def is_packed(encoding: str | None) -> bool:
    """Return whether a Content-Encoding changes anything."""
    return encoding is not None and encoding.strip().lower() not in {"", "identity"}


def unpacker(encoding: str) -> Unpack | None:
    """Return what unpacks bodies of this Content-Encoding, up to one byte more than so many; None when unknown."""
    return _UNPACKERS.get(encoding.strip().lower())


def gunzip(body: bytes, most: int) -> bytes:
    """Return what a gzip body holds, at most `most` + 1 bytes of it. Raises `Corrupt`."""
    if most <= 0:
        most = 2**62
    return b"".join(_unpacked(body, most + 1, GZIP_BITS))


def inflate(body: bytes, most: int) -> bytes:
    """The same for `deflate`, which is zlib's format by the standard and bare in what some clients send."""
    if most <= 0:
        most = 2**62
    bits = ZLIB_BITS if body[:1] and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0 else RAW_BITS
    return b"".join(_unpacked(body, most + 1, bits))


def _unpacked(body: bytes, most: int, bits: int) -> Iterator[bytes]:
    size = 0
    inflater = zlib.decompressobj(bits)
    for start in range(0, len(body), STEP_BYTES):
        packed: bytes = body[start : start + STEP_BYTES]
        while packed and size < most:
            try:
                piece = inflater.decompress(packed, min(STEP_BYTES, most - size))
            except zlib.error as err:
                msg = "it is damaged or packed in another way"
                raise Corrupt(msg) from err
            size += len(piece)
            yield piece
            # Several members one after the other are legal and used by nobody: a chain of empty ones is an attack.
            if inflater.eof and (inflater.unused_data or start + STEP_BYTES < len(body)):
                msg = "something follows its end"
                raise Corrupt(msg)
            packed = inflater.unconsumed_tail
    while size < most and not inflater.eof:
        piece = inflater.decompress(b"", min(STEP_BYTES, most - size))
        if not piece:
            msg = "it ends too early"
            raise Corrupt(msg)
        size += len(piece)
        yield piece


_UNPACKERS: Mapping[str, Unpack] = {"gzip": gunzip, "x-gzip": gunzip, "deflate": inflate}
