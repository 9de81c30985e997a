from __future__ import annotations

import io
import os
import random

from genwright_audio.beginning import Beginning


def test_it_reads_like_a_file_whose_rest_is_zeros() -> None:
    draws = random.Random(0)
    ours, theirs = Beginning(b"abcdefgh", 20), io.BytesIO(b"abcdefgh" + bytes(12))
    assert ours.readable()
    assert ours.seekable()
    for _ in range(300):
        whence = draws.choice((os.SEEK_SET, os.SEEK_CUR, os.SEEK_END))
        offset = draws.randrange(25) - (0 if whence == os.SEEK_SET else 12)
        assert ours.seek(offset, whence) == theirs.seek(offset, whence)
        size = draws.choice((-1, 0, 1, 7, 30))
        assert (ours.read(size), ours.tell()) == (theirs.read(size), theirs.tell())
