"""The page on families says what the registry says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from genwright.recipe import Recipe
from genwright.registry import discover
from genwright.specs import FamilySpec, SamplerSpec

ROOT = Path(__file__).parents[2]
CORE = discover(only=[])
FAMILIES: list[FamilySpec] = CORE.specs("family")


def table() -> dict[str, list[str]]:
    """Return the cells of each row of the page's table but the first, by the name in that."""
    lines = (ROOT / "docs" / "explanation" / "families.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in rows}


def fits(sampler: SamplerSpec, family: FamilySpec) -> bool:
    """Say whether a sampler draws from a family; one that wraps others has nothing to change in a single call."""
    if family.name == "vqvae":
        # It decodes tokens that another model has to draw.
        return False
    return sampler.reads == family.reads or (sampler.reads == "*" and family.reads != "decoder")


def test_every_family_has_a_row_and_nothing_else_has() -> None:
    assert sorted(table()) == sorted(spec.name for spec in FAMILIES)
    assert {len(cells) for cells in table().values()} == {7}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda spec: spec.name)
def test_its_reading_likelihood_and_samplers_are_those_of_its_spec(family: FamilySpec) -> None:
    _, reading, likelihood, samplers, *_ = table()[family.name]
    assert (reading, likelihood) == (family.reads, family.likelihood)
    named = re.findall(r"`([^`]+)`", samplers)
    assert sorted(named) == sorted(spec.name for spec in CORE.specs("sampler") if fits(spec, family))
    assert not family.sampler or named[0] == family.sampler


@pytest.mark.parametrize("family", FAMILIES, ids=lambda spec: spec.name)
def test_its_recipes_are_there_and_of_that_family(family: FamilySpec) -> None:
    links = re.findall(r"\[`([^`]+)`\]\(\.\./\.\./(recipes/[^)]+)\)", table()[family.name][6])
    assert links
    for name, path in links:
        assert Path(path).stem == name
        assert Recipe.read(ROOT / path).family.name == family.name
