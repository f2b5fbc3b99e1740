"""Values that travel: round trips, what they share, and bytes that are no values."""

from __future__ import annotations

import contextlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from solver.grid.types import Grids, Objects
from solver.sandbox.protocol import (
    DTYPES,
    Opaque,
    ProtocolError,
    decode,
    encode,
    frame,
    frames_in,
    is_plane,
    plane_bytes,
    read_plane,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
values = st.recursive(
    scalars | st.frozensets(st.integers() | st.text()),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@settings(max_examples=50)  # nested ones take long to draw
@given(values)
def test_plain_values_come_back(value):
    assert decode(encode(value)) == value


@given(hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)))
def test_arrays_come_back(array):
    for form in (array, np.asfortranarray(array), array.T, array[..., ::-1] if array.ndim else array):
        found = decode(encode(form))
        assert found.dtype == form.dtype
        assert found.shape == form.shape
        assert found.tobytes() == form.tobytes()
        assert found.flags.writeable


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_an_error(data):
    with contextlib.suppress(ProtocolError):
        decode(data)


@settings(max_examples=300)
@given(st.data())
def test_changed_bytes_are_a_value_or_an_error(data):
    array = np.arange(12, dtype=np.int16).reshape(3, 4)
    good = bytearray(encode({"a": array, "b": array[::-1, 1:], "c": [1, 2.5, (None, "x")], "d": np.int8(3)}))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ProtocolError, AttributeError):
        for value in decode(bytes(good)).values():
            repr(value)  # reads what it refers to


def test_sharing_is_kept():
    base = np.arange(12, dtype=np.int8).reshape(3, 4)
    rows = [1]
    found = decode(encode({"base": base, "same": base, "view": base[::-1, 1:], "turned": base.T, "rows": [rows, rows]}))
    assert found["same"] is found["base"]
    found["base"][2, 1] = 77
    assert found["view"][0, 0] == found["turned"][1, 2] == 77
    assert found["rows"][0] is found["rows"][1]
    apart = decode(encode([base.copy(), base.copy()]))
    assert not np.shares_memory(*apart)


def test_a_list_within_itself():
    value: list = [1]
    value.append(value)
    found = decode(encode(value))
    assert found[1] is found


def test_what_cannot_travel_is_opaque():
    class Mine(list):
        pass

    found = decode(encode([len, Mine([1]), object(), np, np.array([None]), 1j, np.array(["x"])]))
    assert all(isinstance(value, Opaque) for value in found)
    assert found[1] == Opaque("Mine")


def test_values_of_the_library_travel():
    objects = Objects(np.zeros((2, 2), np.int8), np.zeros((2, 2), np.int16), 0)
    grids = Grids(np.zeros((1, 30, 30), np.int8), np.ones((1, 2), np.int64))
    found = decode(encode([objects, grids]))
    assert [type(value) for value in found] == [Objects, Grids]
    assert found[0].count == 0


@pytest.mark.parametrize(
    "value", [[0] * 200_000, "x" * 2000, np.zeros(2000, np.int8), pow(2, 100_000), [[]] * 600], ids=range(5)
)
def test_what_is_too_large_is_refused(value):
    with pytest.raises(ProtocolError):
        encode(value, 1000)


def test_what_is_too_deep_is_refused():
    value: list = []
    for _ in range(100):
        value = [value]
    with pytest.raises(ProtocolError):
        encode(value)
    with pytest.raises(ProtocolError):
        decode(b"l\1\0\0\0" * 100 + b"N")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"N" * 2, b"x", b"i123", b"l\xff\xff\xff\xff", b"s\xff\xff\xff\xff", b"r\0\0\0\0", b"r\xff\xff\xff\xff",
        b"d\1\0\0\0l\0\0\0\0N", b"a\1\2\0" + b"\xff" * 16, b"a\x63\0\0", b"a\1\x40\0" + b"\1" * 512,
        b"v\1\1\0" + (5).to_bytes(8, "little") * 3 + b"a\1\1\0" + (1).to_bytes(8, "little") + b"x", b"s\1\0\0\0\xff",
    ],
)  # fmt: skip
def test_forged_values_are_refused(data):
    with pytest.raises(ProtocolError):
        decode(data)


def _doubled(tag: bytes, levels: int, first: int = 0) -> bytes:
    """A container of two, twice the one before, and so on: 2 ** levels parts in a few bytes. first: its number."""
    data = tag + b"\2\0\0\0"
    references = (first + k for k in range(levels - 1, 0, -1))
    return data * levels + b"NN" + b"".join(b"r" + number.to_bytes(4, "little") for number in references)


def _colliding(item_end: bytes) -> bytes:
    """20,000 numbers with equal hashes."""
    numbers = (k * (2**61 - 1) for k in range(20_000))
    return (20_000).to_bytes(4, "little") + b"".join(
        b"I\x10\0\0\0" + number.to_bytes(16, "little") + item_end for number in numbers
    )


def _int64(number: int) -> bytes:
    return number.to_bytes(8, "little")


SLOW = {
    "lists in lists": _doubled(b"l", 36),
    "a key of tuples in tuples": b"d\1\0\0\0" + _doubled(b"t", 36, first=1) + b"N",
    "keys with equal hashes": b"d" + _colliding(b"N"),
    "a set of equal hashes": b"e" + _colliding(b""),
    "one byte as a terabyte": b"v\1\1\0" + _int64(1 << 40) + bytes(16) + b"a\1\1\0" + _int64(1) + b"x",
    "a large array again and again": (
        b"l" + (1000).to_bytes(4, "little") + b"a\1\1\0" + _int64(1 << 20) + bytes(1 << 20) + b"r\1\0\0\0" * 999
    ),
}


@pytest.mark.parametrize("name", SLOW)
def test_few_bytes_cannot_stand_for_much(name):
    began = time.monotonic()
    with pytest.raises(ProtocolError, match=r"too many parts|members|too large"):
        decode(SLOW[name])
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("data", [b"", bytes(8), bytes(9), b"\0\0\0\0\x63\1\0\1\0x", b"\0\0\0\0\1\xff\xff\xff\xffx"])
def test_forged_planes_are_refused(data):
    if data == bytes(9):
        assert read_plane(data).shape == (0, 0)
        return
    with pytest.raises(ProtocolError):
        read_plane(data)


@given(hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5)))
def test_planes_come_back(array):
    for form in (array, array.T, array[::-1, ::-1]):
        assert is_plane(form)
        found = read_plane(plane_bytes(7, form))
        assert found.dtype == form.dtype
        assert found.tobytes() == form.tobytes()


def test_what_is_no_plane():
    class Mine(np.ndarray):
        pass

    for value in (np.zeros(3), np.zeros((1, 1)).view(Mine), np.zeros((1, 1), ">i4"), [[1]], np.zeros((200, 200), "i1")):
        assert not is_plane(value)


def test_frames_come_in_any_pieces():
    data = frame(b"V", b"abc") + frame(b"D") + frame(b"E", b"x" * 1000)
    buffer, found = bytearray(), []
    for k in range(0, len(data), 7):
        buffer += data[k : k + 7]
        found += frames_in(buffer)
    assert found == [(b"V", b"abc"), (b"D", b""), (b"E", b"x" * 1000)]
    assert not buffer
