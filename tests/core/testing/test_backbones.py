from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genwright.backbones.dense import dense
from genwright.backbones.transformer import Transformer
from genwright.readings import Condition
from genwright.registry import discover
from genwright.space import ConditionSpace, Continuous, SampleSpace, Tokens
from genwright.specs import BackboneSpec
from genwright.testing.backbones import check_backbone, check_roles
from genwright.testing.check import Check

VECTORS = Continuous(shape=(5,), axes=("X",))
TEXTS = Tokens(vocab_size=7, shape=(6,))


def troubles(checks: Iterator[Check]) -> list[str]:
    return [f"{check.name}: {check.trouble}" for check in checks if check.trouble]


@pytest.mark.parametrize("spec", discover(only=[]).specs("backbone"), ids=lambda spec: spec.name)
def test_core_s_backbones_keep_the_contract_in_all_their_roles(spec: BackboneSpec) -> None:
    found = list(check_roles(spec.load(), roles=spec.roles, spaces=spec.spaces))
    assert troubles(iter(found)) == []
    names = {check.name.partition(",")[0] for check in found}
    assert names == set(spec.roles)


class Broken(nn.Module):
    """A network for vectors with one thing wrong."""

    def __init__(self, *, space: SampleSpace, conditions: ConditionSpace, how: str = "") -> None:
        super().__init__()
        self.how, self.times, width = how, 0, 33 if how == "place" else 32
        self.first, self.last = nn.Linear(space.size + 1, width), nn.Linear(width, space.size)
        self.kind = nn.Embedding(4, width)

    def forward(self, x: Tensor, level: Tensor, condition: Condition) -> Tensor:
        self.times += 1
        level = torch.zeros_like(level) if self.how == "level" else level
        hidden = self.first(torch.cat((x, level[:, None]), 1))
        hidden = hidden if self.how == "condition" else hidden + self.kind(condition.labels[:, 0] + 1)
        hidden = hidden - hidden.mean(0) if self.how == "batch" else hidden
        hidden = hidden * (1 + 0.01 * len(x)) if self.how == "size" else hidden
        hidden = hidden + self.times if self.how == "time" else hidden
        found: Tensor = self.last(F.silu(hidden))
        if self.how == "finite":
            return found / 0
        return found[:, :1] if self.how == "shape" else found


@pytest.mark.parametrize(
    ("how", "trouble"),
    [
        pytest.param(
            "place",
            r"a row's place .*: rows \[\d+.* have other bits in places .*sigmoid, silu.*multiples of 32",
            marks=pytest.mark.skipif(
                torch.backends.cpu.get_cpu_capability() != "AVX512",
                reason="with shorter vectors than those of AVX-512, 16 rows have no last elements to go wrong",
            ),
        ),
        ("batch", "row 0 is another beside other rows"),
        ("size", "in a batch of 1, rows are others: by .*, where the largest is"),
        ("time", "the same input gives something else again"),
        ("shape", r"it gives \(16, 5\) in this role; got \(16, 1\)"),
        ("finite", "it gives finite numbers; got others"),
        ("condition", "it gives the same whatever is asked for"),
        ("level", "it gives the same at every level of noise"),
    ],
)
def test_a_backbone_that_breaks_it_is_told_how(how: str, trouble: str) -> None:
    found = troubles(check_backbone(partial(Broken, how=how), role="denoise", space=VECTORS))
    assert any(re.search(trouble, text) for text in found), found


def test_a_backbone_that_keeps_it_has_no_troubles() -> None:
    assert troubles(check_backbone(Broken, role="denoise", space=VECTORS)) == []


@pytest.mark.parametrize("spec", [s for s in discover(only=[]).specs("backbone") if s.contours], ids=lambda s: s.name)
def test_core_s_backbones_follow_contours_if_they_say_so(spec: BackboneSpec) -> None:
    found = list(check_roles(spec.load(), roles=spec.roles, spaces=spec.spaces, contours=True))
    assert troubles(iter(found)) == []
    assert any(check.name.endswith(": every value of a contour matters") for check in found)


def test_a_backbone_that_does_not_follow_a_contour_is_told() -> None:
    target = partial(Transformer, width=32, depth=1, heads=2)
    found = troubles(check_backbone(target, role="causal", space=TEXTS, contours=True))
    assert found == ["every value of a contour matters: value 0 of a contour changes nothing"]


class Ahead(Transformer):
    """Sees a token ahead, which a stream cannot."""

    def forward(self, tokens: Tensor, condition: Condition) -> Tensor:
        return super().forward(tokens.roll(-1, 1), condition)


class Forgetful(Transformer):
    """Its streams never begin anew."""

    def open(self, condition: Condition) -> object:  # type: ignore[override]
        stream = super().open(condition)
        stream.restart = lambda rows, condition: None  # type: ignore[method-assign]
        return stream


@pytest.mark.parametrize(
    ("network", "trouble"),
    [
        (Ahead, "a token changes the logits of those before it"),
        (Ahead, "token by token it gives other logits"),
        (Forgetful, "a row begun anew is not as it was at first"),
    ],
)
def test_a_causal_backbone_that_breaks_it_is_told_how(network: type[Transformer], trouble: str) -> None:
    target = partial(network, width=32, depth=1, heads=2)
    assert any(trouble in text for text in troubles(check_backbone(target, role="causal", space=TEXTS)))


def test_a_backbone_that_takes_no_space_of_a_kind_is_told_why() -> None:
    found = troubles(check_roles(Transformer, roles=("causal",), spaces=("continuous",)))
    assert found == []
    found = troubles(check_roles(partial(dense, width=0), roles=("denoise",), spaces=("continuous",), of="mine"))
    assert len(found) == 1
    assert found[0].startswith("mine, denoise: it takes some space of continuous: ")
