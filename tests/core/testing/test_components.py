from __future__ import annotations

import sys
from typing import Any
from unittest.mock import patch

import pytest

from genwright.errors import MismatchError
from genwright.registry import discover
from genwright.sampler import Sampler
from genwright.specs import BackboneSpec, FamilySpec, SamplerSpec, Spec
from genwright.testing.components import check_component
from genwright.testing.toys import toy_registry

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


def test_what_needs_options_that_nobody_knows_here_says_that_it_was_not_checked() -> None:
    (check,) = check_component(CORE.get("sampler", "inpaint"), CORE)
    assert (check.name, check.trouble) == ("sampler inpaint: it keeps its contract", None)
    assert check.skipped == (
        "it needs known, which only its author can choose. Check it in a test, with genwright.testing.samplers"
    )


def fastidious(*, encoder: Any) -> Sampler[Any]:
    raise MismatchError("sampler 'fastidious' draws from models with another encoder; got none. Choose such a one.")


def test_a_sampler_that_takes_no_model_here_says_that_it_was_not_checked() -> None:
    spec = SamplerSpec(name="fastidious", target="a:fastidious", summary="", reads="next-token")
    with patch.object(SamplerSpec, "load", lambda spec: fastidious):
        (check,) = check_component(spec, toy_registry(spec))
    assert check.trouble is None
    assert check.skipped is not None
    assert check.skipped.startswith("it takes no model that is known here: sampler 'fastidious' draws from models")


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
    assert [check.trouble for check in check_component(spec, CORE)] == [None] * 5
