from __future__ import annotations

import pytest

from genwright.registry import discover
from genwright.specs import BackboneSpec, FamilySpec, SamplerSpec, Spec
from genwright.testing.components import check_component

CORE = discover(only=[])


def troubles(spec: Spec) -> list[str]:
    return [f"{check.name}: {check.trouble}" for check in check_component(spec, CORE) if check.trouble]


@pytest.mark.parametrize("spec", CORE.specs("family"), ids=lambda spec: spec.name)
def test_core_s_families_keep_the_contract_on_pictures(spec: FamilySpec) -> None:
    assert troubles(spec) == []
    assert len(list(check_component(spec, CORE))) >= 8 * len(spec.spaces)


def test_a_sampler_that_wraps_others_is_checked_with_the_plainest_of_each_reading() -> None:
    names = {check.name.rpartition(":")[0] for check in check_component(CORE.get("sampler", "guided"), CORE)}
    assert names == {"sampler guided, next-token", "sampler guided, denoiser", "sampler guided, unmasker"}


def test_what_needs_options_that_nobody_knows_here_is_left_out() -> None:
    assert list(check_component(CORE.get("sampler", "inpaint"), CORE)) == []
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
    assert [check.trouble for check in check_component(spec, CORE)] == [None] * 5
