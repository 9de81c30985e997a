from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from genwright.diagram import Box, drawn, outlined

SVG = "{http://www.w3.org/2000/svg}"
TREE = Box(
    title="sample",
    lines=["seed  7"],
    inner=[Box(title="run", inner=[Box(title="model", lines=["files  2"])]), Box(title="replay")],
)


def texts(document: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(document).iter(f"{SVG}text")]


def test_boxes_are_indented_by_their_depth() -> None:
    assert outlined(TREE) == "sample\n    seed  7\n  run\n    model\n        files  2\n  replay"


def test_a_picture_has_a_box_for_each_and_a_line_to_each_but_the_first() -> None:
    document = drawn(TREE)
    root = ElementTree.fromstring(document)
    assert texts(document) == ["sample", "seed  7", "run", "model", "files  2", "replay"]
    boxes = [
        {name: float(box.get(name, "")) for name in ("x", "y", "width", "height")} for box in root.iter(f"{SVG}rect")
    ]
    assert len(boxes) == 4
    assert len(list(root.iter(f"{SVG}path"))) == 3
    for above, below in pairwise(boxes):
        assert above["y"] + above["height"] < below["y"]
    assert [box["x"] for box in boxes] == [14, 42, 70, 42]
    for box in boxes:
        assert box["x"] + box["width"] <= float(root.get("width", ""))
        assert box["y"] + box["height"] <= float(root.get("height", ""))


def test_what_a_name_holds_is_shown_as_text_and_runs_nothing() -> None:
    evil = "</text><script>alert(1)</script> & \"x\" 'y' <image href=x onerror=alert(2)>"
    document = drawn(Box(title=evil, lines=[evil]))
    assert texts(document) == [evil, evil]
    assert {element.tag for element in ElementTree.fromstring(document).iter()} == {
        f"{SVG}{name}" for name in ("svg", "style", "rect", "text")
    }


@given(st.text(st.characters(), max_size=40))
def test_any_text_makes_a_document_and_stays_on_its_line(text: str) -> None:
    box = Box(title=text, lines=[text])
    assert len(texts(drawn(box))) == 2
    assert len(outlined(box).splitlines()) == 2 or not text
    assert outlined(box).encode()


def test_what_a_terminal_obeys_is_escaped() -> None:
    assert outlined(Box(title="a\x1b[31m\u202eb\0")) == r"a\x1b[31m\u202eb\x00"


def test_a_text_that_is_long_is_cut_in_the_picture() -> None:
    [text] = texts(drawn(Box(title="x" * 1000)))
    assert text == "x" * 109 + "…"


def test_boxes_may_be_very_deep() -> None:
    box = Box(title="0")
    for depth in range(3000):
        box = Box(title=str(depth), inner=[box])
    assert outlined(box).count("\n") == 3000
