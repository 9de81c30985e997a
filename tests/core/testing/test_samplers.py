from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch import Tensor

from genwright.generation import PLAINEST, make_sampler
from genwright.readings import Condition
from genwright.recipe import Component
from genwright.registry import discover
from genwright.sampler import Sampler
from genwright.seeds import Noise
from genwright.specs import Reads, SamplerSpec
from genwright.testing.samplers import check_sampler

CORE = discover(only=[])
SAMPLERS = [spec for spec in CORE.specs("sampler") if spec.reads != "*"]
# A part that is given fits one reading alone; tests of inpaint hold it to the same.
WRAPPERS = [spec for spec in CORE.specs("sampler") if spec.reads == "*" and spec.name != "inpaint"]
WRAPPED = [(spec, reads) for spec in WRAPPERS for reads in PLAINEST if reads != "decoder"]


def troubles(sampler: Sampler[Any], reads: Reads) -> list[str]:
    return [f"{check.name}: {check.trouble}" for check in check_sampler(sampler, reads=reads) if check.trouble]


@pytest.mark.parametrize("spec", SAMPLERS, ids=lambda spec: spec.name)
def test_core_s_samplers_keep_the_contract(spec: SamplerSpec) -> None:
    reads = cast(Reads, spec.reads)
    assert troubles(make_sampler(Component(spec.name), CORE, encoder=None, reads=reads), reads) == []


@pytest.mark.parametrize(("spec", "reads"), WRAPPED, ids=lambda given: getattr(given, "name", given))
def test_core_s_samplers_that_wrap_others_keep_the_contract(spec: SamplerSpec, reads: Reads) -> None:
    assert troubles(make_sampler(Component(spec.name), CORE, encoder=None, reads=reads), reads) == []


class Broken(Sampler[Any]):
    """Breaks one part of the contract."""

    def __init__(self, how: str) -> None:
        self.how, self.times = how, 0

    def sample(self, reading: Any, noise: Noise, condition: Condition, *, rows: int) -> Tensor:
        self.times += 1
        z = noise.normal("latent", 0, 3)
        if self.how == "batch":
            z = z - z.mean(0)
        if self.how == "time":
            z = z + self.times
        if self.how == "seed":
            z = Noise(0, noise.samples).normal("latent", 0, 3)
        if self.how == "rows":
            return reading.decode(z, condition)
        places = torch.arange(-(-len(z) // rows) * rows).clamp(max=len(z) - 1)
        parts = [reading.decode(z[part], condition[part]) for part in torch.split(places, rows)]
        return torch.cat(parts)[: len(z), : 1 if self.how == "shape" else None]


@pytest.mark.parametrize(
    ("how", "trouble"),
    [
        ("shape", r"samples have the shape \(2,\); got \(1,\)"),
        ("time", "the same seed gives other samples"),
        ("batch", "sample 0 is another when drawn alone"),
        ("rows", r"given 8 rows at every call; it was given \[21\]"),
        ("seed", "another seed gives the same samples"),
    ],
)
def test_a_sampler_that_breaks_it_is_told_how(how: str, trouble: str) -> None:
    import re

    assert any(re.search(trouble, found) for found in troubles(Broken(how), "decoder"))


def test_a_sampler_that_keeps_it_has_no_troubles() -> None:
    assert troubles(Broken("nothing"), "decoder") == []
