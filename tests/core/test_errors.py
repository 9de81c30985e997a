from __future__ import annotations

import re

import pytest

import genwright.errors
from genwright.errors import GenwrightError, OptionError, UnknownName, UsageError


def every() -> list[type[GenwrightError]]:
    public = [getattr(genwright.errors, name) for name in genwright.errors.__all__]
    return [thing for thing in public if isinstance(thing, type)]


def test_every_error_is_one_of_ours_with_a_code_of_its_own() -> None:
    assert all(issubclass(error, GenwrightError) for error in every())
    assert len({error.code for error in every()}) == len(every())


def test_the_tree_drawn_in_the_module_is_the_one_there_is() -> None:
    """What is under the last branch was once not looked at."""
    path: list[str] = []
    drawn = {}
    for branch, name in re.findall(r"^([│├└─ ]*)(\w+)(?=  |$)", genwright.errors.__doc__ or "", re.MULTILINE):
        path = [*path[: len(branch) // 4], name]
        drawn[name] = path[-2] if len(path) > 1 else "Exception"
    assert drawn == {error.__name__: error.__base__.__name__ for error in every()}


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        ("top-q", ["top-p", "top-k", "greedy"], "there is no sampler named 'top-q'. Did you mean 'top-p' or 'top-k'?"),
        ("zzz", ["b", "a"], "there is no sampler named 'zzz'. Known: a, b."),
        ("zzz", [], "there is no sampler named 'zzz'. None is installed."),
    ],
)
def test_an_unknown_name_offers_the_nearest(name: str, known: list[str], message: str) -> None:
    error = UnknownName("sampler", name, known)
    assert str(error) == message
    assert (error.kind, error.name, error.known) == ("sampler", name, sorted(known))
    advised = message.removesuffix(" None is installed.")
    assert str(UnknownName("sampler", name, known, "Install it.")) == f"{advised} Install it."


def test_a_name_is_shown_in_part_where_it_is_very_long() -> None:
    """A message was once as long as what was given: a megabyte."""
    error = UnknownName("sampler", "x" * 10**6, ["top-p"])
    assert str(error) == f"there is no sampler named '{'x' * 59}… (1,000,002 characters). Known: top-p."


def test_errors_of_use_are_told_from_others() -> None:
    assert issubclass(OptionError, UsageError)
    assert not issubclass(genwright.errors.TrainingError, UsageError)
