"""What must hold of a store that a plugin registers under a scheme: the facts of `StoreTests`, without a runner."""

from __future__ import annotations

import inspect
import itertools
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from genwright.errors import PluginError
from genwright.store import Store
from genwright.testing.check import Check, checks
from genwright.testing.stores import StoreTests, make_run

__all__ = ["check_store"]


def check_store(target: Callable[[str], Store], *, scheme: str, of: str = "") -> Iterator[Check]:
    """Check every fact of `StoreTests` of a store, each in new ones: SCHEME:///PATH, in a folder that is there for it.

    A store that does not open at such a place is not checked.

    of: what to call the store in the names of the checks
    """
    with tempfile.TemporaryDirectory(prefix="genwright-") as folder, pytest.MonkeyPatch.context() as patch:
        # A store that signs makes a key, which is not to be left among the user's.
        patch.setenv("GENWRIGHT_KEYS", f"{folder}/keys")
        places = (f"{scheme}:///{folder}/{number}.{scheme}" for number in itertools.count())
        try:
            target(next(places)).close()
        except Exception as error:
            advice = "Inherit genwright.testing.stores.StoreTests in a test"
            reason = f"{scheme}:///PATH does not open: {str(error).rstrip('.')}. {advice}"
            yield Check(name=f"{of}: it keeps its contract" if of else "it keeps its contract", skipped=reason)
            return
        yield from checks(_facts(), lambda: closing(target(next(places))), of=of)


def _facts() -> dict[str, Callable[..., None]]:
    """Return the tests as facts, named as they are."""
    tests = {name: test for name, test in vars(StoreTests).items() if name.startswith("test_")}
    return {name.removeprefix("test_").replace("_", " "): _fact(test) for name, test in tests.items()}


def _fact(test: Callable[..., None]) -> Callable[..., None]:
    """Return what calls a test with all that its marks give it, each time with a new store."""

    def fact(opened: Callable[[], closing[Store]]) -> None:
        for given in _parameters(test):
            with opened() as store:
                if "run" in inspect.signature(test).parameters:
                    given |= {"run": make_run()}
                    store.put_run(given["run"])
                try:
                    test(StoreTests(), store=store, **given)
                except (AssertionError, pytest.fail.Exception) as error:
                    raise PluginError(_told(error)) from error

    return fact


def _parameters(test: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """Yield what `pytest.mark.parametrize` gives a test."""
    marks = [mark.args for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    for values in itertools.product(*(values for _, values in marks)):
        given: dict[str, Any] = {}
        for (names, _), value in zip(marks, values, strict=True):
            given |= {names: value} if isinstance(names, str) else dict(zip(names, value, strict=True))
        yield given


def _told(error: BaseException) -> str:
    """Return the line of a test that does not hold, and what was found."""
    lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.name.startswith("test_")]
    return f"this does not hold: {lines[-1]} {error}".strip()
