"""A Bloom filter of the values in a segment's columns: which it cannot have, without reading them.

A value that was put in is never denied; one in about 2,000 of those that were not is not denied either. 16 bits for
each value and 8 of them set (Bloom: Space/Time Trade-offs in Hash Coding, 1970), found with two hashes (Kirsch and
Mitzenmacher: Less Hashing, Same Performance, 2006).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

_BYTES_EACH, _SET = 2, 8
_TWO = struct.Struct("<QQ")
_WORD = 2**64

Value = tuple[str, str | int]
"""A column's name, and what stands there."""


@dataclass(frozen=True)
class Bloom:
    """Bits of which bit `n` is bit `n % 8` of byte `n // 8`. Of no bytes: a filter that denies nothing."""

    data: bytes

    @classmethod
    def of(cls, values: Collection[Value]) -> Bloom:
        """The filter of some values."""
        import numpy

        bits = numpy.zeros(8 * _BYTES_EACH * max(1, len(values)), dtype=bool)
        bits[_places(values, len(bits))] = True
        return cls(numpy.packbits(bits, bitorder="little").tobytes())

    def denies(self, value: Value) -> bool:
        """Whether a value was certainly not put in."""
        count = 8 * len(self.data)
        one, two = _hashes(value)
        places = [(one + n * two) % _WORD % count for n in range(_SET)] if count else []
        return not all(self.data[place >> 3] >> (place & 7) & 1 for place in places)

    def denies_any(self, values: Collection[Value]) -> bool:
        """Whether one of many values was certainly not put in: of a filter of all of them, that it was changed."""
        import numpy

        if not self.data or not values:
            return False
        bits = numpy.unpackbits(numpy.frombuffer(self.data, dtype=numpy.uint8), bitorder="little")
        return not bits[_places(values, len(bits))].all()


def _places(values: Collection[Value], count: int) -> Any:
    """The bits of all of the values, in a row."""
    import numpy

    hashes = numpy.array([_hashes(value) for value in values], dtype=numpy.uint64).reshape(-1, 2)
    steps = numpy.arange(_SET, dtype=numpy.uint64)
    return ((hashes[:, :1] + steps * hashes[:, 1:]) % numpy.uint64(count)).ravel()  # uint64 wraps as `denies` does


def _hashes(value: Value) -> tuple[int, int]:
    column, what = value
    one, two = _TWO.unpack(hashlib.blake2b(f"{column}\0{what}".encode(), digest_size=16).digest())
    return one, two | 1
