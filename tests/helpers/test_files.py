"""A file that is written appears whole, with the rights of ordinary files, or not at all."""

import stat

import pytest

from helpers.files import written_whole


def test_nothing_is_seen_before_it_is_whole(tmp_path):
    path = tmp_path / "file"
    with written_whole(path) as part:
        part.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


def test_what_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), written_whole(path) as part:
        part.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
