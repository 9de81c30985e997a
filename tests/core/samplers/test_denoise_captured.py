"""The loop from noise to samples can be recorded whole: nothing in it waits for a GPU, and a replay draws the same.

Where there is no GPU, tensors of the device "meta" stand for those on one: like them they have no numbers to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from genwright import captured
from genwright.families.preconditioning import Preconditioned, Preconditioning, Prediction
from genwright.kernels import recorded
from genwright.readings import Condition
from genwright.registry import discover
from genwright.sampler import Sampler
from genwright.samplers.denoise import DDIM, DDPM, Consistency, DPMSolver, Euler, Heun, UniPC
from genwright.samplers.guidance import Guided
from genwright.samplers.inpainting import Inpainted
from genwright.seeds import Noise, seeded_torch
from genwright.space import WORDS, ConditionSpace, Continuous
from genwright.testing.networks import shaken
from tests.core.tapes import taped

CONDITIONS = ConditionSpace(
    scalars={"size": (0.0, 1.0)}, labels={"kind": ("a", "b")}, texts={"caption": ("red", "round", "shoe")}
)
IMAGES, SIGNALS = Continuous(shape=(2, 8, 8), axes=("C", "Y", "X")), Continuous(shape=(2, 16), axes=("C", "L"))
OPTIONS: dict[str, dict[str, Any]] = {
    "unet": {"width": 8, "multipliers": (1, 2), "blocks": 1, "groups": 4, "attention": (1,)},
    "dit": {"width": 32, "depth": 2, "heads": 2, "role": "denoise"},
    "dense": {"width": 16, "depth": 1, "role": "denoise"},
}
DENOISERS = sorted(spec.name for spec in discover(only=[]).specs("backbone") if "denoise" in spec.roles)
SAMPLERS: dict[str, Sampler[Any]] = {
    "euler": Euler(steps=3),
    "heun": Heun(steps=3, churn=3.0, churn_max=100.0),
    "dpm-solver": DPMSolver(steps=3),
    "unipc": UniPC(steps=3),
    "ddim": DDIM(steps=3, eta=0.5),
    "ddpm": DDPM(steps=3),
    "consistency": Consistency(steps=3),
}
ROWS, COUNT = 4, 14


def network(name: str, space: Continuous) -> nn.Module:
    with seeded_torch(0):
        made = discover(only=[]).get("backbone", name).load()(space=space, conditions=CONDITIONS, **OPTIONS[name])
    return shaken(made).eval()


def reading(name: str, space: Continuous = IMAGES, prediction: Prediction = "edm") -> Preconditioned:
    return Preconditioned(network(name, space), Preconditioning(prediction=prediction), space.shape)


def asked() -> Condition:
    rows = torch.arange(COUNT)[:, None]
    return Condition(
        scalars=torch.linspace(-1, 1, COUNT)[:, None],
        labels=torch.cat((rows % 3 - 1, (rows + torch.arange(WORDS)) % 4 - 1), 1),
        prefix=torch.empty(COUNT, 0, dtype=torch.int64),
    )


def part(space: Continuous) -> Tensor:
    known = torch.full(space.shape, torch.nan)
    known[0] = 0.3
    return known


def ways(inner: Sampler[Any]) -> dict[str, Sampler[Any]]:
    """The ways in which a sampler is used."""
    guided = Guided(inner=inner, scale=2.0, interval=(0.01, 30.0))
    return {
        "alone": inner,
        "guided": Guided(inner=inner, scale=2.0),
        "guided in an interval": guided,
        "around a part": Inpainted(inner=inner, known=part(IMAGES)),
        "guided around a part": Inpainted(inner=guided, known=part(IMAGES)),
        "around a part, guided": Guided(inner=Inpainted(inner=inner, known=part(IMAGES)), scale=2.0),
    }


WAYS = ways(DPMSolver(steps=3))
CASES: list[tuple[Preconditioned, Sampler[Any], str]] = [
    *((reading(name), WAYS["guided"], name) for name in DENOISERS),
    *((reading(name, SIGNALS), WAYS["guided"], f"{name}, signals") for name in DENOISERS),
    *((reading("dense", prediction=kind), WAYS["guided"], kind) for kind in ("v", "epsilon", "flow")),
    *((reading("unet"), made, f"unet, {name}") for name, made in SAMPLERS.items()),
    *((reading("dense"), made, name) for name, made in WAYS.items()),
]
NAMES = [name for *_, name in CASES]


class Watched(TorchDispatchMode):
    """Raises where something waits for a GPU, for which the device "meta" stands."""

    waiting = (
        "_local_scalar_dense nonzero masked_select equal is_nonzero _unique2 unique_dim unique_consecutive "
        "bincount repeat_interleave"
    )

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # In inference mode, operations made of others arrive whole.
        with self:
            made = func.decompose(*args, **(kwargs or {}))
        if made is not NotImplemented:
            return made
        given = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, Tensor)]
        name = func._schema.name.removeprefix("aten::")
        if any(tensor.is_meta for tensor in given):
            assert name not in self.waiting.split(), f"{name} waits for the GPU"
            chosen = given[1:] if name in ("index", "index_put", "index_put_") else []
            assert all(tensor.dtype not in (torch.bool, torch.uint8) for tensor in chosen), f"{name} by a mask waits"
        found = func(*args, **(kwargs or {}))
        if name in ("_to_copy", "copy_", "copy"):
            devices = {tensor.device.type for tensor in (*given, found)}
            assert len(devices) == 1, f"{name} from the CPU to a GPU or back waits for it"
        return found


class Placed(TorchFunctionMode):
    """Raises where numbers are made on a CPU and copied, of which `Watched` is not told for the device "meta"."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.tensor, torch.as_tensor, torch.asarray):
            assert torch.device((kwargs or {}).get("device") or "cpu").type == "cpu", "numbers are copied to a GPU"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "waiting",
    [
        lambda x: x[0].item(),
        lambda x: bool((x > 0).any()),
        lambda x: x[x > 0],
        lambda x: (x > 0).nonzero(),
        lambda x: torch.equal(x, x),
        lambda x: x + torch.tensor(2.0, device=x.device),
        lambda x: x.masked_select(x > 0),
        lambda x: x.cpu(),
        lambda x: x.copy_(torch.ones(3)),
        lambda x: x.index_put_((x > 0,), torch.zeros((), device=x.device)),
    ],
)
def test_what_waits_is_seen(waiting: Callable[[Tensor], Any]) -> None:
    x = torch.empty(3, device="meta")
    for inference in (True, False):
        seen = pytest.raises((AssertionError, RuntimeError, NotImplementedError))
        with torch.inference_mode(inference), Placed(), Watched(), seen:
            waiting(x)
    with torch.inference_mode(), Placed(), Watched():
        x[torch.empty(2, dtype=torch.int64, device="meta")] * 2.0 + torch.full((), 2.0, device="meta")


@pytest.mark.parametrize(("model", "sampler", "name"), CASES, ids=NAMES)
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_nothing_waits_in_the_loop(
    model: Preconditioned, sampler: Sampler[Any], name: str, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the second block on, when all tables have been made."""
    blocks: list[Callable[..., Tensor]] = []

    class Seen:
        def __init__(self, function: Callable[..., Tensor], *, what: str) -> None:
            self.function = function
            blocks.append(function)

        def __call__(self, *given: Tensor) -> Tensor:
            return self.function(*given)

    for module in ("denoise", "inpainting"):
        monkeypatch.setattr(f"genwright.samplers.{module}.Captured", Seen)
    there = Preconditioned(deepcopy(model.network).to("meta"), model.preconditioning, model.shape)
    noise, condition = Noise(3, torch.arange(COUNT)).to("meta"), asked().to("meta")
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        with monkeypatch.context() as before:
            # That is looked up before the loop, and not again.
            before.setattr("genwright.samplers.guidance._asks", lambda condition: True)
            drawn = sampler.sample(there, noise, condition, rows=ROWS)
        assert drawn.shape == (COUNT, *model.shape)
        (block,) = blocks
        with Placed(), Watched():
            block(torch.empty(ROWS, dtype=torch.int64, device="meta"))


@contextmanager
def in_the_small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if on a GPU, with tapes for graphs."""

    @contextmanager
    def looked() -> Iterator[list[str]]:
        yield []

    with monkeypatch.context() as patch:
        patch.setattr(captured, "_is_open", lambda given: True)
        patch.setattr(captured, "recorded", taped)
        patch.setattr(captured, "waits", looked)
        yield


@pytest.mark.parametrize(("model", "sampler", "name"), CASES, ids=NAMES)
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_what_is_replayed_draws_the_same(
    model: Preconditioned, sampler: Sampler[Any], name: str, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise, condition, calls = Noise(3, torch.arange(5, 5 + COUNT)), asked(), Calls(model)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        expected = sampler.sample(model, noise, condition, rows=ROWS)
        with in_the_small(monkeypatch), recorded() as chosen:
            drawn = sampler.sample(calls, noise, condition, rows=ROWS)
    assert torch.equal(drawn, expected)
    assert drawn.std() > 0.01
    sampler.sample(again := Calls(model), noise[:ROWS], condition[slice(ROWS)], rows=ROWS)
    # Of four blocks the first is called, the second recorded.
    assert calls.count == 2 * again.count
    assert chosen["philox_normal"] == ["reference"]


@dataclass
class Calls:
    """A reading that counts its calls."""

    inner: Preconditioned
    count: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        self.count += 1
        return self.inner.denoise(x, sigma, condition)


def test_a_single_block_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    with in_the_small(monkeypatch):
        monkeypatch.setattr(captured, "recorded", lambda function, given: pytest.fail("it was recorded"))
        for sampler in (WAYS["alone"], WAYS["around a part"]):
            sampler.sample(reading("dense"), Noise(3, torch.arange(ROWS)), asked()[slice(ROWS)], rows=ROWS)


@dataclass
class Looking(Calls):
    """A plugin's, which looks at its numbers."""

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        return super().denoise(x, sigma, condition) * (1.0 if float(x.sum()) > 0 else 0.5)


def test_a_network_that_looks_at_its_numbers_draws_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    model, noise, condition = reading("dense"), Noise(3, torch.arange(COUNT)), asked()
    expected = WAYS["guided"].sample(Looking(model), noise, condition, rows=ROWS)
    with in_the_small(monkeypatch), pytest.warns(UserWarning, match="the removal of noise is launched .* failed: op"):
        drawn = WAYS["guided"].sample(Looking(model), noise, condition, rows=ROWS)
    assert torch.equal(drawn, expected)
