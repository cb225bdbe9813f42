"""Throw bytes at the decoder of answers, guided by what they reach in it: `make fuzz`.

Needs atheris (`pip install atheris`), which there is for Linux. The bytes are the tree of an answer and its buffers;
whatever they are, the decoder returns a value or raises `UnreadableError`, in bounded time and memory.
"""

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["grading"]):
    from grading.decoder import decode_answer
    from grading.encoder import encode_value
    from grading.wire import HEADER, Opaque, UnreadableError

SAMPLES = ([1, -5, 2.5, "text", None, True, b"raw"], {"a": {"b": (1, 2)}, 3: [[]]})


def one_input(data: bytes) -> None:
    """Decode some bytes, cut into a tree and buffers."""
    provider = atheris.FuzzedDataProvider(data)
    buffers = provider.ConsumeBytes(provider.ConsumeIntInRange(0, 64))
    tree = provider.ConsumeBytes(provider.remaining_bytes())
    with contextlib.suppress(UnreadableError):
        decode_answer(HEADER.pack(len(tree), len(buffers)) + tree + buffers, lambda opaque: opaque)


if __name__ == "__main__":
    for sample in SAMPLES:  # the encoder's own frames are readable, so a mistake in here shows at once
        decode_answer(encode_value(sample, lambda value: Opaque(1, False)), lambda opaque: opaque)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
