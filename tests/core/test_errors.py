from __future__ import annotations

import pytest

import genwright.errors
from genwright.errors import GenwrightError, OptionError, UnknownName, UsageError


def every() -> list[type[GenwrightError]]:
    return [getattr(genwright.errors, name) for name in genwright.errors.__all__]


def test_every_error_is_one_of_ours_with_a_code_of_its_own() -> None:
    assert all(issubclass(error, GenwrightError) for error in every())
    assert len({error.code for error in every()}) == len(every())


def test_the_tree_drawn_in_the_module_is_the_one_there_is() -> None:
    drawn = genwright.errors.__doc__ or ""
    parents = {"├": GenwrightError, "│": UsageError}
    for line in drawn.splitlines():
        name = next((word for word in line.split() if word in genwright.errors.__all__), None)
        if name and line[0] in parents:
            assert issubclass(getattr(genwright.errors, name), parents[line[0]]), name
    assert all(error.__name__ in drawn for error in every())


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
    assert str(UnknownName("sampler", name, known, "Install it.")) == f"{message} Install it."


def test_a_name_is_shown_in_part_where_it_is_very_long() -> None:
    """A message was once as long as what was given: a megabyte."""
    error = UnknownName("sampler", "x" * 10**6, ["top-p"])
    assert str(error) == f"there is no sampler named '{'x' * 59}… (1,000,002 characters). Known: top-p."


def test_errors_of_use_are_told_from_others() -> None:
    assert issubclass(OptionError, UsageError)
    assert not issubclass(genwright.errors.TrainingError, UsageError)
