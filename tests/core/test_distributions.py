from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from genwright.distributions import LARGEST, content_digest
from genwright.registry import Registry, discover, registry

Install = Callable[..., None]


def test_an_edited_file_changes_the_digest_and_compiled_ones_do_not(rhythms: Path) -> None:
    before = content_digest("genwright-rhythms", "genwright_rhythms")
    assert len(before) == 64
    (rhythms / "__pycache__").mkdir(exist_ok=True)
    (rhythms / "__pycache__" / "plugin.cpython-311.pyc").write_bytes(b"compiled")
    assert content_digest("genwright-rhythms", "genwright_rhythms") == before
    source = rhythms / "plugin.py"
    source.write_text(source.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    assert content_digest("genwright-rhythms", "genwright_rhythms") != before


def test_a_file_that_is_added_or_renamed_changes_the_digest(rhythms: Path) -> None:
    found = [content_digest("genwright-rhythms", "genwright_rhythms")]
    (rhythms / "data.txt").write_text("x", encoding="utf-8")
    found.append(content_digest("genwright-rhythms", "genwright_rhythms"))
    (rhythms / "data.txt").rename(rhythms / "other.txt")
    found.append(content_digest("genwright-rhythms", "genwright_rhythms"))
    assert len(set(found)) == 3


def test_weights_do_not_count(rhythms: Path) -> None:
    before = content_digest("genwright-rhythms", "genwright_rhythms")
    (rhythms / "weights.safetensors").write_bytes(bytes(LARGEST + 1))
    assert content_digest("genwright-rhythms", "genwright_rhythms") == before


def test_the_same_files_elsewhere_have_the_same_digest(
    tmp_path: Path, rhythms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content_digest("absent", "genwright_rhythms")
    shutil.copytree(rhythms, tmp_path / "elsewhere" / "genwright_rhythms")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    assert content_digest("absent", "genwright_rhythms") == before


def test_what_is_not_installed_has_no_digest() -> None:
    assert content_digest("no-such-distribution") == ""
    assert content_digest("no-such-distribution", "no_such_module") == ""


def test_a_distribution_that_lists_its_files_is_digested_by_its_packages(site: Path, install: Install) -> None:
    install("listed", "from genwright_inner import VALUE\n")
    (site / "genwright_inner.py").write_text("VALUE = 1\n", encoding="utf-8")
    record = site / "genwright_listed-0.3.1.dist-info" / "RECORD"
    record.write_text("genwright_listed_plugin.py,,\ngenwright_inner.py,,\n../../bin/listed.py,,\n", encoding="utf-8")
    before = content_digest("genwright-listed")
    (site / "genwright_inner.py").write_text("VALUE = 2\n", encoding="utf-8")
    assert content_digest("genwright-listed") != before


def test_the_registry_knows_the_content_of_what_it_took(install: Install) -> None:
    code = """
        from genwright.hooks import hookimpl
        @hookimpl
        def on_samples(run, samples): ...
        """
    install("good", code)
    install("bad", "1/0")
    found = discover().contents
    assert {"genwright-core", "genwright-good"} <= set(found)
    assert "genwright-bad" not in found


def test_digesting_all_that_is_installed_takes_no_time_to_speak_of() -> None:
    expected = registry().contents
    began = time.perf_counter()
    assert Registry.contents.func(registry()) == expected
    assert time.perf_counter() - began < 0.5
