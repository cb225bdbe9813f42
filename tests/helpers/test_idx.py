"""The IDX format: what is written is read, what is damaged is refused."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from helpers.idx import IdxError, format_idx, parse_idx, read_idx

byte_arrays = arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6))


@given(byte_arrays)
def test_what_is_written_is_read(array):
    again = parse_idx(format_idx(array))
    assert again.shape == array.shape
    np.testing.assert_array_equal(again, array)


@given(byte_arrays, st.data())
def test_a_file_cut_anywhere_is_refused(array, data):
    content = format_idx(array)
    with pytest.raises(IdxError, match="expected"):
        parse_idx(content[: data.draw(st.integers(0, len(content) - 1))])


@pytest.mark.parametrize("extra", [b"\0", b"abc"])
def test_a_file_with_bytes_too_many_is_refused(extra):
    with pytest.raises(IdxError, match="expected 6 bytes"):
        parse_idx(format_idx(np.zeros((2, 3), np.uint8)) + extra)


def test_a_header_of_another_type_is_refused():
    with pytest.raises(IdxError, match="header of unsigned bytes"):
        parse_idx(bytes([0, 0, 13, 1, 0, 0, 0, 0]))


def test_the_header_is_that_of_the_published_format():
    assert format_idx(np.array([[7, 8]], np.uint8)) == bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 7, 8])


def test_a_truncated_gzip_file_is_refused(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(format_idx(np.arange(200, dtype=np.uint8)))[:-9])
    with pytest.raises(IdxError, match="gzip"):
        read_idx(path)
