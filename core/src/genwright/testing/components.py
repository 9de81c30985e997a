"""What must hold of components that need no items, as they are by default: backbones, families, stores and others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, get_args

import torch
from torch import Tensor, nn

from genwright.backbones.conv import conv
from genwright.backbones.dit import dit
from genwright.backbones.transformer import Transformer
from genwright.backbones.unet import UNet
from genwright.errors import MismatchError
from genwright.family import Family
from genwright.generation import PLAINEST, make_sampler
from genwright.options import describe, given_to, make
from genwright.readings import Condition
from genwright.recipe import Component
from genwright.registry import Registry
from genwright.seeds import Noise, seeded_torch
from genwright.space import ConditionSpace, Continuous, SampleSpace, Tokens
from genwright.specs import BackboneSpec, ExporterSpec, FamilySpec, Reads, Role, SamplerSpec, Space, Spec, StoreSpec
from genwright.testing.backbones import check_roles
from genwright.testing.check import Check
from genwright.testing.exporters import check_exporter
from genwright.testing.families import check_family
from genwright.testing.samplers import check_sampler, letters

__all__ = ["check_component"]

_PICTURES: Mapping[Space, SampleSpace] = {
    "tokens": Tokens(vocab_size=5, shape=(28, 28)),
    "continuous": Continuous(shape=(1, 28, 28), axes=("C", "Y", "X")),
}
_NETWORKS: Mapping[Role, Callable[..., nn.Module]] = {
    "causal": partial(Transformer, width=16, depth=1, heads=2),
    "unmask": partial(dit, role="unmask", width=16, depth=1, heads=2),
    "denoise": partial(UNet, width=8, multipliers=(1, 2), blocks=1, groups=4),
    **{role: partial(conv, role=role, width=8) for role in ("generator", "posterior", "critic")},
}
assert set(_NETWORKS) == set(get_args(Role))
_CONDITIONS = ConditionSpace(scalars={"size": (0.0, 1.0)}, labels={"kind": ("a", "b")})
# Half of each half of the examples ask for a size, and all but one for a kind.
_ASKED = Condition(
    scalars=torch.tensor([[0.4], [torch.nan], [torch.nan], [-0.7]]),
    labels=torch.tensor([[0], [1], [1], [-1]]),
    prefix=torch.empty(4, 0, dtype=torch.int64),
)
_KITS: Mapping[str, str] = {
    "backbone": "genwright.testing.backbones",
    "family": "genwright.testing.families",
    "sampler": "genwright.testing.samplers",
}
_WITHOUT_PYTEST = (
    "what stores promise is written as tests, which need pytest. Install it: pip install 'genwright-core[testing]'"
)


def check_component(spec: Spec, registry: Registry) -> Iterator[Check]:
    """Check a backbone, family, sampler, store or exporter; of others, nothing.

    Of what cannot be made here, one check says that it was skipped, and why.

    registry: where a sampler that wraps another finds that
    """
    of = f"{spec.kind} {spec.name}"
    if isinstance(spec, StoreSpec):
        yield from _check_store(spec, of=of)
    elif isinstance(spec, ExporterSpec):
        yield from check_exporter(spec, of=of)
    elif isinstance(spec, BackboneSpec | FamilySpec | SamplerSpec) and (options := _must_be_given(spec)):
        yield _skipped(spec, f"it needs {' and '.join(options)}, which only its author can choose")
    elif isinstance(spec, BackboneSpec):
        yield from check_roles(spec.load(), roles=spec.roles, spaces=spec.spaces, of=of)
        if spec.contours:
            yield from check_roles(
                spec.load(), roles=spec.roles, spaces=spec.spaces, contours=True, of=f"{of}, contours"
            )
    elif isinstance(spec, FamilySpec):
        yield from _check_family(spec, of=of)
    elif isinstance(spec, SamplerSpec):
        yield from _check_sampler(spec, registry, of=of)


def _must_be_given(spec: Spec) -> list[str]:
    """Return the options that nobody knows here."""
    return [option.name for option in describe(spec.load(), given=given_to(spec.kind)) if option.required]


def _skipped(spec: Spec, reason: str) -> Check:
    advice = f"Check it in a test, with {_KITS[spec.kind]}"
    return Check(name=f"{spec.kind} {spec.name}: it keeps its contract", skipped=f"{reason.rstrip('.')}. {advice}")


def _check_store(spec: StoreSpec, *, of: str) -> Iterator[Check]:
    try:
        from genwright.testing.schemes import check_store
    except ImportError:
        yield Check(name=f"{of}: it keeps its contract", skipped=_WITHOUT_PYTEST)
        return
    yield from check_store(spec.load(), scheme=spec.name, of=of)


def _check_family(spec: FamilySpec, *, of: str) -> Iterator[Check]:
    for kind in spec.spaces:
        space = _PICTURES[kind]
        made = partial(_family, spec, space)
        yield from check_family(made, spec, _examples(space), condition=_ASKED, of=f"{of}, {kind}")


def _family(spec: FamilySpec, space: SampleSpace) -> Family:
    def build(part: str, **given: Any) -> nn.Module:
        return _NETWORKS[spec.roles[part]](**given)

    with seeded_torch(0):
        return make(spec, {}, space=space, conditions=_CONDITIONS, build=build)  # type: ignore[no-any-return]


def _examples(space: SampleSpace) -> Tensor:
    noise = Noise(1, torch.arange(4))
    if isinstance(space, Tokens):
        return (noise.bits("x", 0, space.size) % space.vocab_size).view(-1, *space.shape)
    return noise.normal("x", 0, space.size).view(-1, *space.shape).clamp(-1, 1)


def _check_sampler(spec: SamplerSpec, registry: Registry, *, of: str) -> Iterator[Check]:
    for reads in _readings(spec):
        try:
            sampler = make_sampler(Component(spec.name), registry, encoder=letters(), reads=reads)
        except MismatchError as error:
            yield _skipped(spec, f"it takes no model that is known here: {error}")
            return
        yield from check_sampler(sampler, reads=reads, of=of if spec.reads == reads else f"{of}, {reads}")


def _readings(spec: SamplerSpec) -> list[Reads]:
    # What wraps any sampler need not suit a decoder, which is asked but once.
    return [reads for reads in PLAINEST if reads != "decoder"] if spec.reads == "*" else [spec.reads]
