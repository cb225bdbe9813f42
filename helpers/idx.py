"""The IDX file format, in which MNIST and its relatives are published.

Two zero bytes, a type code (8: unsigned byte), the number of dimensions, each dimension as a big-endian
32-bit integer, then the values. Described at http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

UNSIGNED_BYTE = 8


class IdxError(ValueError):
    """A file's content is not what the IDX format promises."""


def parse_idx(content: bytes) -> NDArray[np.uint8]:
    """Turn the bytes of an IDX file into an array.

    Parameters
    ----------
    content : bytes
        The whole file, decompressed.

    Returns
    -------
    ndarray of uint8
        As many dimensions as the header says; read-only.

    Raises
    ------
    IdxError
        Where the header is not one of unsigned bytes, or the length differs from what it promises.
    """
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTE]):
        raise IdxError(f"expected an IDX header of unsigned bytes (00 00 08 …), found {content[:4].hex(' ')!r}")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise IdxError(f"expected a header of {start} bytes, the file ends after {len(content)}")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    values = np.frombuffer(content, dtype=np.uint8, offset=start)
    expected = int(np.prod(shape, dtype=object))  # object: a broken header must not overflow into a right answer
    if len(values) != expected:
        raise IdxError(f"expected {expected:,} bytes of data for the shape {shape}, found {len(values):,}")
    return values.reshape(shape)


def format_idx(array: NDArray[np.uint8]) -> bytes:
    """Write an array as the bytes of an IDX file, the inverse of `parse_idx`.

    Parameters
    ----------
    array : ndarray of uint8
        Of any shape.

    Returns
    -------
    bytes
        The file's content, not compressed.
    """
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + array.tobytes()


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file; one whose name ends in `.gz` is decompressed on the way.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    ndarray of uint8
        Read-only.

    Raises
    ------
    IdxError
        Where the file is not a whole gzip file or not an IDX file.
    OSError
        Where it can't be read at all.
    """
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = decompress(content)
    return parse_idx(content)


def decompress(content: bytes) -> bytes:
    """Undo gzip, with one kind of error for all the ways in which that fails.

    Raises
    ------
    IdxError
        Where the bytes are no gzip file, or only the beginning of one.
    """
    try:
        return gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise IdxError(f"expected a whole gzip file: {error}") from error
