from __future__ import annotations

from pathlib import Path

import pytest

from genwright_storage.blobs import INLINE, LARGEST, Blobs
from genwright_storage.inline import InRows, payloads_at


def test_payloads_lie_in_their_rows_where_no_place_is_named(tmp_path: Path) -> None:
    assert isinstance(payloads_at(None, None)[0], InRows)
    assert payloads_at(None, None)[1] == LARGEST
    for url, folder in ((str(tmp_path), None), (None, tmp_path)):
        blobs, size = payloads_at(url, folder)
        assert isinstance(blobs, Blobs)
        assert (blobs.folder, size) == (tmp_path, INLINE)


def test_what_lies_in_rows_has_no_files() -> None:
    rows = InRows()
    rows.put({})
    assert (rows.size(), list(rows.found()), rows.age("78")) == (0, [], 0.0)
    with pytest.raises(OSError, match="a payload has more than"):
        rows.put({b"x": b"x"})
    for call in (lambda: rows.get(b"x"), lambda: rows.open(b"x"), lambda: rows.remove("78")):
        with pytest.raises(FileNotFoundError):
            call()
    with pytest.raises(FileNotFoundError, match=r"say where with \?blobs= in the URL of the store, or GENWRIGHT_BLOBS"):
        rows.get(b"x")
