from __future__ import annotations

import html.parser
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genwright.errors import DataError, OptionError
from genwright_molecules.rendering import draw, page, png, svg

ITEMS = ["CCO", "c1ccccc1", "C(", "[Na+].[Cl-]", "", "C[C@H](N)C(=O)O", "c1cccc1"]
ANY = st.characters(exclude_categories=())
"""Any character, with control characters and lone surrogates."""
SVG = "{http://www.w3.org/2000/svg}"


def size(picture: bytes) -> tuple[int, int]:
    """Return the width and height that the header of a PNG holds."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")


class Parsed(html.parser.HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_one_molecule_is_drawn_alone_and_several_in_a_grid() -> None:
    assert size(png(["CCO"])) == (400, 400)
    assert size(png(ITEMS)) == (5 * 250, 2 * 240)
    assert size(png(ITEMS[:2])) == (2 * 250, 240)


def test_an_svg_is_well_formed_and_draws_bonds() -> None:
    root = ElementTree.fromstring(svg(["CCO"]).encode())
    assert root.get("width") == "400px"
    assert len([p for p in root.iter(f"{SVG}path") if "bond" in p.get("class", "")]) >= 2


def test_an_invalid_molecule_has_an_empty_cell_with_its_flaw() -> None:
    drawn = ElementTree.fromstring(svg(["CC", "C("]).encode())
    valid = ElementTree.fromstring(svg(["CC", "CC"]).encode())
    legends = [len([p for p in root.iter(f"{SVG}path") if p.get("class") == "legend"]) for root in (drawn, valid)]
    assert legends[1] == 0
    assert legends[0] >= len("Character2:1branchhasnotbeenclosed.")


def test_drawing_is_repeatable() -> None:
    assert svg(ITEMS) == svg(ITEMS)
    assert png(ITEMS) == png(ITEMS)


@pytest.mark.parametrize("ending", [".svg", ".PNG", ".html"])
def test_each_ending_is_written(ending: str, tmp_path: Path) -> None:
    draw(ITEMS, tmp_path / f"a{ending}", legends=[f"logP {i}" for i in range(len(ITEMS))])
    assert (tmp_path / f"a{ending}").stat().st_size > 1_000


@settings(max_examples=30, deadline=None)
@given(st.text(ANY, max_size=200))
def test_any_legend_is_drawn(legend: str) -> None:
    root = ElementTree.fromstring(svg(["CC"], [f"x{legend}"]).encode())
    assert {"bond-0", "legend"} <= {name for path in root.iter(f"{SVG}path") for name in path.get("class", "").split()}


def test_a_page_holds_each_molecule_with_its_caption() -> None:
    text = page(ITEMS, title="New <molecules>", captions=[{"logP": 2.51234, "id": "a/1"}] * len(ITEMS))
    parsed = Parsed(text)
    assert parsed.tags.count("figure") == len(ITEMS)
    assert parsed.tags.count("svg") == 4
    assert parsed.text.count("2.512") == len(ITEMS)
    assert "New <molecules>" in parsed.text
    assert "Character 2: 1 branch has not been closed." in parsed.text


def test_a_page_fetches_nothing_and_runs_nothing() -> None:
    parsed = Parsed(page(ITEMS, captions=[{"<script>": "</dd><script>alert(1)</script>"}] * len(ITEMS)))
    assert {"script", "link", "img", "iframe", "object", "image", "use"}.isdisjoint(parsed.tags)
    assert {"src", "href", "xlink:href"}.isdisjoint(name for name, _ in parsed.attributes)
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    namespaces = {value for name, value in parsed.attributes if value and "://" in value}
    assert all(name.startswith("xmlns") for name, value in parsed.attributes if value in namespaces)


@settings(max_examples=30, deadline=None)
@given(st.text(ANY, max_size=30), st.text(ANY, max_size=30))
def test_any_text_is_escaped_in_a_page(item: str, caption: str) -> None:
    tags = Parsed(page([item, "C"], title=caption, captions=[{caption: caption}, {}])).tags
    assert tags.count("figure") == 2
    page([item], captions=[{caption: caption}]).encode()


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"drawn as .svg, .png, .html; got 'a.jpg'. Name the file so"):
        draw(["C"], tmp_path / "a.jpg")


def test_a_drawing_does_not_overwrite(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text("mine")
    with pytest.raises(DataError, match="exists already"):
        draw(["C"], tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text() == "mine"


@pytest.mark.parametrize("count", [0, 401])
def test_too_few_or_many_molecules_are_refused(count: int) -> None:
    with pytest.raises(OptionError, match=f"takes 1 to 400 molecules; got {count}. Draw a part"):
        png(["C"] * count)


def test_legends_that_do_not_match_are_refused() -> None:
    with pytest.raises(OptionError, match="legends are one a molecule, or none; got 1 for 2 molecules"):
        svg(["C", "CC"], ["a"])
    with pytest.raises(OptionError, match="captions are one a molecule"):
        page(["C", "CC"], captions=[{}])
