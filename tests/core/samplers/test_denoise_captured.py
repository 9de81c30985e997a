"""The loop from noise to samples can be recorded whole: nothing in it waits for a GPU, and a replay draws the same.

Where there is no GPU, tensors of the device "meta" stand for those on one: like them they have no numbers to look at.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from genwright import captured
from genwright.families.preconditioning import Preconditioned
from genwright.kernels import recorded, use
from genwright.sampler import Sampler
from genwright.seeds import Noise
from tests.core.samplers.loops import CASES, COUNT, NAMES, ROWS, WAYS, Calls, Looking, asked, reading
from tests.core.tapes import in_the_small


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


@pytest.mark.parametrize(("model", "sampler", "name"), CASES, ids=NAMES)
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_what_is_replayed_draws_the_same(
    model: Preconditioned, sampler: Sampler[Any], name: str, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise, condition, calls = Noise(3, torch.arange(5, 5 + COUNT)), asked(), Calls(model)
    # By PyTorch alone: a tape does not see what loops for processors do.
    computing = torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16)
    with computing, use("reference"):
        expected = sampler.sample(model, noise, condition, rows=ROWS)
        with in_the_small(monkeypatch), recorded() as chosen:
            drawn = sampler.sample(calls, noise, condition, rows=ROWS)
    assert torch.equal(drawn, expected)
    assert drawn.std() > 0.01
    sampler.sample(again := Calls(model), noise[:ROWS], condition[slice(ROWS)], rows=ROWS)
    # Of four blocks the first is called, the second recorded.
    assert calls.count == 2 * again.count
    assert chosen["philox_normal"] == ["reference"]


def test_a_single_block_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    with in_the_small(monkeypatch):
        monkeypatch.setattr(captured, "recorded", lambda function, given: pytest.fail("it was recorded"))
        for sampler in (WAYS["alone"], WAYS["around a part"]):
            sampler.sample(reading("dense"), Noise(3, torch.arange(ROWS)), asked()[slice(ROWS)], rows=ROWS)


def test_a_network_that_looks_at_its_numbers_draws_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    model, noise, condition = reading("dense"), Noise(3, torch.arange(COUNT)), asked()
    expected = WAYS["guided"].sample(Looking(model), noise, condition, rows=ROWS)
    with in_the_small(monkeypatch), pytest.warns(UserWarning, match="the removal of noise is launched .* failed: op"):
        drawn = WAYS["guided"].sample(Looking(model), noise, condition, rows=ROWS)
    assert torch.equal(drawn, expected)
