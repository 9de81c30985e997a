from __future__ import annotations

import base64

from genwright.exporters.row import COLUMNS, row
from genwright.testing.stores import make_record, make_run


def test_a_row_tells_the_columns_in_their_order() -> None:
    run = make_run()
    found = row(make_record(run, 3), run)
    assert tuple(found) == COLUMNS
    assert (found["id"], found["index"], found["checkpoint"]) == (f"{run.id}/3", 3, run.checkpoint)


def test_what_is_no_text_is_a_data_url() -> None:
    run, payload = make_run(), bytes(range(256))
    item = str(row(make_record(run, 0, payload=payload, media_type="image/png"), run)["item"])
    kind, _, text = item.partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(text) == payload


def test_a_text_that_is_not_utf_8_is_shown_all_the_same() -> None:
    run = make_run()
    assert row(make_record(run, 0, payload=b"a\xff"), run)["item"] == "a\ufffd"
