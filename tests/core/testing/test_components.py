from __future__ import annotations

import sys
from typing import Any

import pytest
from torch import Tensor

from genwright.encoder import Encoder
from genwright.errors import MismatchError
from genwright.readings import Condition, NextToken
from genwright.registry import discover
from genwright.sampler import Sampler
from genwright.samplers.tokens import Temperature
from genwright.seeds import Noise
from genwright.specs import BackboneSpec, FamilySpec, SamplerSpec, Spec
from genwright.testing.components import check_component
from genwright.testing.toys import Letters, toy_registry

CORE = discover(only=[])


def troubles(spec: Spec) -> list[str]:
    return [f"{check.name}: {check.trouble}" for check in check_component(spec, CORE) if check.trouble]


@pytest.mark.parametrize("name", ["masked", "gan"])
def test_a_family_is_checked_on_pictures_of_each_kind_that_it_takes(name: str) -> None:
    """All of core's are, in tests/system/test_plugins.py."""
    spec: FamilySpec = CORE.get("family", name)
    assert troubles(spec) == []
    names = {check.name.partition(":")[0] for check in check_component(spec, CORE)}
    assert names == {f"family {name}, {kind}" for kind in spec.spaces}


def test_a_backbone_is_checked_with_contours_if_it_follows_them() -> None:
    names = [check.name for check in check_component(CORE.get("backbone", "wavenet"), CORE)]
    assert "backbone wavenet, causal, tokens of (7,): its results have the shape of its role" in names
    assert "backbone wavenet, contours, causal, tokens of (7,): every value of a contour matters" in names
    assert not any("contour" in check.name for check in check_component(CORE.get("backbone", "dense"), CORE))


def test_a_sampler_that_wraps_others_is_checked_with_the_plainest_of_each_reading() -> None:
    names = {check.name.rpartition(":")[0] for check in check_component(CORE.get("sampler", "guided"), CORE)}
    assert names == {"sampler guided, next-token", "sampler guided, denoiser", "sampler guided, unmasker"}


def test_what_needs_options_that_nobody_knows_here_says_that_it_was_not_checked() -> None:
    (check,) = check_component(CORE.get("sampler", "inpaint"), CORE)
    assert (check.name, check.trouble) == ("sampler inpaint: it keeps its contract", None)
    assert check.skipped == (
        "it needs known, which only its author can choose. Check it in a test, with genwright.testing.samplers"
    )


class Fastidious(Sampler[NextToken]):
    """Draws from models of one encoder only."""

    wanted: type = str

    def __init__(self, *, encoder: Encoder[Any], inner: Sampler[Any]) -> None:
        if type(encoder) is not self.wanted:
            raise MismatchError(f"it draws from models with another encoder; got {type(encoder).__name__}. Choose one.")
        self.inner = inner

    def sample(self, reading: NextToken, noise: Noise, condition: Condition, *, rows: int) -> Tensor:
        return self.inner.sample(reading, noise, condition, rows=rows)


def test_a_sampler_that_takes_an_encoder_is_given_that_of_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SamplerSpec(name="fastidious", target="a:Fastidious", summary="", reads="next-token")
    monkeypatch.setattr(SamplerSpec, "load", lambda spec: Fastidious if spec.name == "fastidious" else Temperature)
    (check,) = check_component(spec, toy_registry(spec))
    assert (check.name, check.trouble) == ("sampler fastidious: it keeps its contract", None)
    assert check.skipped == (
        "it takes no model that is known here: it draws from models with another encoder; got Letters. Choose one. "
        "Check it in a test, with genwright.testing.samplers"
    )
    monkeypatch.setattr(Fastidious, "wanted", Letters)
    assert [(check.trouble, check.skipped) for check in check_component(spec, toy_registry(spec))] == [(None, None)] * 6


def test_a_store_is_checked_by_the_tests_of_stores() -> None:
    names = [check.name for check in check_component(CORE.get("store", "memory"), CORE)]
    assert "store memory: a run comes back as it was put" in names


def test_without_pytest_a_store_says_that_it_was_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genwright.testing.schemes", None)
    (check,) = check_component(CORE.get("store", "memory"), CORE)
    assert check.trouble is None
    assert "Install it: pip install 'genwright-core[testing]'" in str(check.skipped)


def test_of_other_kinds_nothing_is_checked() -> None:
    assert list(check_component(CORE.get("engine", "local"), CORE)) == []


def test_what_breaks_the_contract_is_told_by_the_name_of_its_component() -> None:
    wrong = FamilySpec(
        name="mine",
        target="genwright.families.diffusion:Diffusion",
        summary="",
        spaces=("continuous",),
        reads="decoder",
        roles={"network": "denoise"},
        likelihood="none",
    )
    told = troubles(wrong)
    assert any(text.startswith("family mine, continuous: it is read as its spec says: ") for text in told)
    assert any("but log_likelihood gives one" in text for text in told)


def test_a_backbone_is_checked_in_its_roles() -> None:
    spec = BackboneSpec(
        name="mine", target="genwright.backbones.dense:dense", summary="", spaces=("continuous",), roles=("critic",)
    )
    names = [check.name for check in check_component(spec, CORE)]
    assert names
    assert all(name.startswith("backbone mine, critic, continuous of (") for name in names)


def test_a_sampler_is_checked_by_its_reading() -> None:
    spec: SamplerSpec = CORE.get("sampler", "prior")
    assert [check.trouble for check in check_component(spec, CORE)] == [None] * 6
