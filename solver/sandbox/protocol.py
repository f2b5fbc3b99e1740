"""Frames and values on the descriptors between this process and the sandbox.

A frame is a kind (one byte), a length (uint32, little endian) and that many bytes. A value is written by `encode` and
read by `decode`: a closed set of plain types, no code, no classes, nothing that could be made to run. Either side may
be hostile: `decode` checks every length against what is there and raises ProtocolError for anything else. It limits
depth, the number of parts as if nothing were shared (a few bytes of lists within lists may stand for 2⁴⁰ parts, and
who looks at all of them, or hashes them, never ends), bytes of arrays likewise (a view may repeat one byte), and
members of sets and dicts (numbers with equal hashes take quadratic time).

Values: None, bool, int, float, str, bytes, list, tuple, dict, set, NumPy scalars and arrays (bool, integers, floats)
and the library's Objects and Grids; exact types only, an instance of a subclass is opaque. What is one object stays
one object, and views into one array stay views into one array, so that a step that writes to a variable does what it
would have done in the process the variable came from. Everything else becomes an Opaque that tells its type's name.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

HEAD = struct.Struct("<cI")
MAX_DEPTH = 40
MAX_PARTS = 100_000
MAX_PRINTED = 1 << 16
MAX_MEMBERS = 4096
MAX_ARRAY_BYTES = 1 << 24
MAX_INT_BYTES = 1024
_U32 = struct.Struct("<I")
_I64 = struct.Struct("<q")
_F64 = struct.Struct("<d")
_ARRAY = struct.Struct("<BBB")
DTYPES = tuple(np.dtype(name) for name in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"))
_CODES = {dtype: code for code, dtype in enumerate(DTYPES)}
_CHARS = {dtype.char: code for code, dtype in enumerate(DTYPES)}
_PLANE = struct.Struct("<IBHH")
MAX_PLANE_CELLS = 10_000
_ORDER_F, _READ_ONLY = 1, 2
_CONTAINERS = {list: b"l", tuple: b"t", set: b"e", frozenset: b"z"}
_TAGS = {tag: kind for kind, tag in _CONTAINERS.items()}


class ProtocolError(ValueError):
    """Bytes are no frame, or no value."""


@dataclass(frozen=True)
class Opaque:
    """Stands for a value that cannot travel. type_name: its type, as its process called it."""

    type_name: str


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """kind: one byte."""
    return HEAD.pack(kind, len(payload)) + payload


def frames_in(buffer: bytearray) -> list[tuple[bytes, bytes]]:
    """Take the whole frames off the front of `buffer`."""
    found = []
    start = 0
    while len(buffer) - start >= HEAD.size:
        kind, size = HEAD.unpack_from(buffer, start)
        if len(buffer) - start - HEAD.size < size:
            break
        found.append((kind, bytes(buffer[start + HEAD.size : start + HEAD.size + size])))
        start += HEAD.size + size
    del buffer[:start]
    return found


# planes: arrays of two dimensions, as most outputs are, written with little code


def is_plane(value: Any) -> bool:
    """Whether `plane_bytes` can write the value."""
    return (
        type(value) is np.ndarray
        and value.ndim == 2
        and value.dtype.char in _CHARS
        and value.dtype.isnative
        and value.size <= MAX_PLANE_CELLS
        and max(value.shape) <= MAX_PLANE_CELLS
    )


def plane_bytes(number: int, plane: np.ndarray) -> bytes:
    """number: of the input, uint32."""
    return _PLANE.pack(number, _CHARS[plane.dtype.char], *plane.shape) + plane.tobytes()


def read_plane(data: bytes) -> np.ndarray:
    """The array that `plane_bytes` wrote, read-only; ProtocolError for other bytes."""
    if len(data) < _PLANE.size:
        raise ProtocolError("the array is cut short")
    _, code, height, width = _PLANE.unpack_from(data)
    if code >= len(DTYPES) or len(data) - _PLANE.size != height * width * DTYPES[code].itemsize:
        raise ProtocolError("the array has not the size that it says")
    return np.frombuffer(data[_PLANE.size :], DTYPES[code]).reshape(height, width)


# writing


def encode(value: Any, limit_bytes: int = 1 << 24) -> bytes:
    """The bytes of a value. ProtocolError if they would be more than limit_bytes, too deep or too many parts."""
    return _Writer(limit_bytes).write(value)


def parts_of(value: Any) -> set[int]:
    """Identities of the containers and arrays of a value, and of the arrays that these are views of: values that have
    one in common share it. Holds while the value is held."""
    writer = _Writer(1 << 30)
    writer.write(value)
    return set(writer.seen)


class _Writer:
    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes, self.size, self.num_parts = limit_bytes, 0, 0
        self.parts: list[bytes] = []
        self.seen: dict[int, int] = {}
        self.alive: list[Any] = []  # what `seen` has the identity of must not be freed

    def write(self, value: Any) -> bytes:
        self._any(value, 0)
        return b"".join(self.parts)

    def _put(self, *parts: bytes) -> None:
        self.num_parts += 1
        self.size += sum(map(len, parts))
        if self.size > self.limit_bytes or self.num_parts > MAX_PARTS:
            raise ProtocolError("the value is too large")
        self.parts.extend(parts)

    def _is_known(self, value: Any) -> bool:
        number = self.seen.get(id(value))
        if number is not None:
            self._put(b"r", _U32.pack(number))
            return True
        self.seen[id(value)] = len(self.seen)
        self.alive.append(value)
        return False

    def _any(self, value: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ProtocolError("the value is nested too deeply")
        kind = type(value)
        if kind is np.ndarray:
            self._array(value)
        elif kind is int:
            self._int(value)
        elif kind in _CONTAINERS:
            if not self._is_known(value):
                self._put(_CONTAINERS[kind], _U32.pack(len(value)))
                for item in value:
                    self._any(item, depth + 1)
        elif kind is dict:
            if not self._is_known(value):
                self._put(b"d", _U32.pack(len(value)))
                for key, item in value.items():
                    self._any(key, depth + 1)
                    self._any(item, depth + 1)
        elif value is None:
            self._put(b"N")
        elif kind is bool:
            self._put(b"T" if value else b"F")
        elif kind is float:
            self._put(b"f", _F64.pack(value))
        elif kind is str:
            self._text(b"s", value)
        elif kind is bytes:
            self._put(b"b", _U32.pack(len(value)), value)
        elif issubclass(kind, np.generic) and kind.__module__ == "numpy" and value.dtype in _CODES:
            self._put(b"g", bytes([_CODES[value.dtype]]), value.tobytes())
        else:
            self._library_value(value, depth)

    def _text(self, tag: bytes, text: str) -> None:
        if len(text) > self.limit_bytes:
            raise ProtocolError("the text is too large")
        data = text.encode("utf-8", "surrogatepass")
        self._put(tag, _U32.pack(len(data)), data)

    def _int(self, value: int) -> None:
        if -(2**63) <= value < 2**63:
            self._put(b"i", _I64.pack(value))
        else:
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            if len(data) > MAX_INT_BYTES:
                raise ProtocolError("the number is too large")
            self._put(b"I", _U32.pack(len(data)), data)

    def _array(self, value: np.ndarray) -> None:
        if value.dtype not in _CODES:
            self._text(b"?", f"ndarray of {value.dtype.kind}")
            return
        if self._is_known(value):
            return
        root = value
        while type(root.base) is np.ndarray:
            root = root.base
        plain = root is value or root.dtype not in _CODES or not (root.flags.c_contiguous or root.flags.f_contiguous)
        if plain or root.nbytes > self.limit_bytes:
            self._whole(value)
            return
        offset = value.__array_interface__["data"][0] - root.__array_interface__["data"][0]
        flags = 0 if value.flags.writeable else _READ_ONLY
        self._put(b"v", _ARRAY.pack(_CODES[value.dtype], value.ndim, flags))
        self._put(struct.pack(f"<{2 * value.ndim + 1}q", *value.shape, *value.strides, offset))
        if not self._is_known(root):
            self._whole(root)

    def _whole(self, value: np.ndarray) -> None:
        if value.nbytes > self.limit_bytes:
            raise ProtocolError("the array is too large")
        is_f = value.flags.f_contiguous and not value.flags.c_contiguous
        flags = (_ORDER_F if is_f else 0) | (0 if value.flags.writeable else _READ_ONLY)
        head = _ARRAY.pack(_CODES[value.dtype], value.ndim, flags)
        self._put(b"a", head, struct.pack(f"<{value.ndim}q", *value.shape), value.tobytes("F" if is_f else "C"))

    def _library_value(self, value: Any, depth: int) -> None:
        name = type(value).__name__
        tag = {"Objects": b"o", "Grids": b"G"}.get(name)
        if tag and isinstance(value, tuple) and type(value).__module__ == "solver.grid.types":
            self._put(tag)
            for item in value:
                self._any(item, depth + 1)
        else:
            self._text(b"?", name[:80])


# reading


def decode(data: bytes) -> Any:
    """The value that `encode` wrote; ProtocolError for other bytes."""
    reader = _Reader(data)
    try:
        value = reader.read(0)
    except (struct.error, ValueError, TypeError, IndexError, OverflowError, MemoryError, UnicodeDecodeError) as error:
        raise ProtocolError(str(error) or "no value") from None
    if reader.at != len(data):
        raise ProtocolError("there is more than one value")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.num_parts, self.num_members = data, 0, 0, 0
        self.array_bytes, self.max_array_bytes = 0, max(MAX_ARRAY_BYTES, 2 * len(data))
        self.seen: list[Any] = []
        self.parts_of: dict[int, int] = {}  # number in `seen` → parts of it, where it is a container

    def _take(self, size: int) -> bytes:
        piece = self.data[self.at : self.at + size]
        if size < 0 or len(piece) != size:
            raise ProtocolError("the value is cut short")
        self.at += size
        return piece

    def _count(self) -> int:
        return _U32.unpack(self._take(4))[0]

    def read(self, depth: int) -> Any:
        self._count_parts(1)
        if depth > MAX_DEPTH + 2:
            raise ProtocolError("the value is nested too deeply")
        tag = self._take(1)
        if tag in b"av":
            return self._array(tag)
        if tag == b"i":
            return _I64.unpack(self._take(8))[0]
        if tag in _TAGS:
            return self._container(_TAGS[tag], depth)
        if tag == b"d":
            return self._dict(depth)
        if tag == b"r":
            return self._known()
        if tag in b"NTF":
            return {b"N": None, b"T": True, b"F": False}[tag]
        if tag == b"f":
            return _F64.unpack(self._take(8))[0]
        if tag == b"s":
            return self._take(self._count()).decode("utf-8", "surrogatepass")
        if tag == b"b":
            return self._take(self._count())
        if tag == b"?":
            return Opaque(self._take(self._count()).decode("utf-8", "replace"))
        if tag == b"I":
            return int.from_bytes(self._take(min(self._count(), MAX_INT_BYTES + 1)), "little", signed=True)
        if tag == b"g":
            dtype = DTYPES[self._take(1)[0]]
            return np.frombuffer(self._take(dtype.itemsize), dtype)[0]
        if tag in b"oG":
            from ..grid.types import Grids, Objects

            return (Objects if tag == b"o" else Grids)(
                *(self.read(depth + 1) for _ in range(3 if tag == b"o" else 2)),
            )
        raise ProtocolError(f"no such kind of value: {tag!r}")

    def _count_parts(self, num_parts: int) -> None:
        self.num_parts += num_parts
        if self.num_parts > 2 * MAX_PARTS:
            raise ProtocolError("the value has too many parts")

    def _count_members(self) -> int:
        count = self._count()
        self.num_members += count
        if self.num_members > MAX_MEMBERS:
            raise ProtocolError(f"sets and dicts of more than {MAX_MEMBERS} members")
        return count

    def _count_array(self, array: np.ndarray) -> None:
        self.array_bytes += array.nbytes
        if self.array_bytes > self.max_array_bytes:
            raise ProtocolError("the arrays are too large")

    def _known(self) -> Any:
        """What was read before, counted once more."""
        number = self._count()
        value = self.seen[number]
        self._count_parts(self.parts_of.get(number, 0))
        if type(value) is np.ndarray:
            self._count_array(value)
        return value

    def _dict(self, depth: int) -> dict[Any, Any]:
        number, before = len(self.seen), self.num_parts
        found: dict[Any, Any] = {}
        self.seen.append(found)
        for _ in range(self._count_members()):
            key = self.read(depth + 1)
            found[key] = self.read(depth + 1)
        self.parts_of[number] = self.num_parts - before
        return found

    def _container(self, kind: type, depth: int) -> Any:
        number, before = len(self.seen), self.num_parts
        found: list[Any] = []
        self.seen.append(found)
        for _ in range(self._count_members() if kind in (set, frozenset) else self._count()):
            found.append(self.read(depth + 1))
        self.parts_of[number] = self.num_parts - before
        if kind is not list:
            self.seen[number] = kind(found)
        return self.seen[number]

    def _array(self, tag: bytes) -> np.ndarray:
        code, ndim, flags = _ARRAY.unpack(self._take(_ARRAY.size))
        dtype = DTYPES[code]
        number = len(self.seen)
        if tag == b"a":
            shape = struct.unpack(f"<{ndim}q", self._take(8 * ndim))
            size = dtype.itemsize
            for side in shape:
                if side < 0:
                    raise ProtocolError("a side is negative")
                size *= side
            order = "F" if flags & _ORDER_F else "C"
            array = np.ndarray(shape, dtype, bytearray(self._take(size)), order=order)
            self._count_array(array)
            self.seen.append(array)
        else:
            self.seen.append(None)
            numbers = struct.unpack(f"<{2 * ndim + 1}q", self._take(8 * (2 * ndim + 1)))
            root = self.read(MAX_DEPTH)
            if type(root) is not np.ndarray:
                raise ProtocolError("a view into what is no array")
            buffer = root.reshape(-1, order="A")
            offset, strides, shape = numbers[-1], numbers[ndim:-1], numbers[:ndim]
            array = np.ndarray(shape, dtype, buffer, offset, strides)
            self._count_array(array)
            self.seen[number] = array
        if flags & _READ_ONLY:
            array.flags.writeable = False
        return array
