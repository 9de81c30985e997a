from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genwright.exporters.row import Origin
from genwright.registry import discover
from genwright.specs import ExporterSpec
from genwright.store import Store
from genwright.testing.exporters import check_exporter

CORE = discover(only=[])


def greedy(samples: Iterator[Origin], path: Path, *, store: Store) -> None:
    path.write_text("".join(record.id for record, _ in samples))


def lazy(samples: Iterator[Origin], path: Path, *, store: Store) -> None:
    path.write_text(next(samples)[0].id)


def absent(samples: Iterator[Origin], path: Path, *, store: Store) -> None:
    list(samples)


def sprawling(samples: Iterator[Origin], path: Path, *, store: Store) -> None:
    greedy(samples, path, store=store)
    (path.parent / "more").write_text("")


def silent(samples: Iterator[Origin], path: Path, *, store: Store) -> None:
    try:
        greedy(samples, path, store=store)
    except Exception:
        path.write_text("")


def fastidious(samples: Iterator[Origin], path: Path, *, store: Store, title: str) -> None:
    greedy(samples, path, store=store)


@pytest.fixture
def spec(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], ExporterSpec]:
    """Return the spec of a function of this file."""

    def named(target: Any) -> ExporterSpec:
        module = types.ModuleType("formats")
        module.write = target  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "formats", module)
        return ExporterSpec(name="x", target="formats:write", summary="", endings=(".x",))

    return named


@pytest.mark.parametrize("name", [spec.name for spec in CORE.specs("exporter")])
def test_formats_of_core_keep_the_contract(name: str) -> None:
    found = list(check_exporter(CORE.get("exporter", name), of=f"exporter {name}"))
    assert [check for check in found if check.trouble] == []
    assert len(found) == 3


@pytest.mark.parametrize(
    ("target", "trouble"),
    [
        (greedy, None),
        (lazy, "it left 13 of 14 samples"),
        (absent, "there should be samples.x; nothing is there"),
        (sprawling, "beside samples.x there should be nothing; it wrote more"),
        (silent, "an error of reading the samples should be raised as it is; it was caught"),
    ],
)
def test_what_breaks_the_contract_is_told(
    spec: Callable[[Any], ExporterSpec], target: Any, trouble: str | None
) -> None:
    troubles = [check.trouble for check in check_exporter(spec(target)) if check.trouble]
    assert (trouble in troubles) if trouble else troubles == []


def test_what_needs_an_option_says_that_it_was_not_checked(spec: Callable[[Any], ExporterSpec]) -> None:
    (check,) = check_exporter(spec(fastidious))
    assert check.skipped == "it needs title, which only its author can choose"
