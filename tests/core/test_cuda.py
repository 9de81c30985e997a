"""What a GPU must give: the draws of a CPU, and samples that depend on nothing else that is drawn with them."""

from __future__ import annotations

import gc
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genwright import captured
from genwright.captured import Captured
from genwright.families.preconditioning import Preconditioned
from genwright.generation import Generation, suited
from genwright.kernels import recorded
from genwright.kernels import use as using
from genwright.library import find
from genwright.model import Model
from genwright.readings import Condition
from genwright.recipe import use
from genwright.registry import registry
from genwright.sampler import Sampler
from genwright.seeds import Noise
from genwright.testing.toys import toy_recipe, toy_registry
from genwright.trainer import Trainer
from genwright.training import prepared
from tests.core.samplers.loops import CASES, COUNT, NAMES, ROWS, WAYS, Calls, Looking, asked, reading

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU that torch can use"),
]


def test_draws_are_those_of_a_cpu_bit_for_bit() -> None:
    rows = Noise(7, torch.arange(5, 300))
    for purpose in ("bits", "uniform", "normal", "gumbel"):
        here, there = (getattr(noise, purpose)("test", 3, 1001) for noise in (rows, rows.to("cuda")))
        assert torch.equal(here, there.cpu()), purpose


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["fashion", "fashion-student", "fashion-gan", "emoji"])
def test_a_sample_is_drawn_again_alone(name: str, precision: Any) -> None:
    known = registry()
    model: Model[Any] = Model.load(find(f"images/{name}", known), known, device="cuda")
    made = Generation(
        model=model, sampler=suited(model, known), where={}, seed=7, rows=64, precision=precision, registry=known
    )
    all_of_them = list(made.items(range(150)))
    alone = list(made.items([131, 3]))
    assert [item.tobytes() for item in alone] == [all_of_them[131].tobytes(), all_of_them[3].tobytes()]


@pytest.mark.parametrize("name", ["fashion", "fashion-gan", "emoji", "emoji-vae"])
def test_a_sample_is_the_same_by_any_number_of_rows_where_kernels_are_to_be_invariant(name: str) -> None:
    known = registry()
    model: Model[Any] = Model.load(find(f"images/{name}", known), known, device="cuda")
    with using(invariant=True):
        few, many = (
            Generation(model=model, sampler=suited(model, known), where={}, seed=7, rows=rows, registry=known)
            for rows in (1, 128)
        )
    whole = many.tensors(torch.arange(40))
    assert torch.equal(few.tensors(torch.tensor([31, 3])), whole[[31, 3]])


def test_tokens_are_drawn_again_alone(rounds_file: Path, toy_folder: Path) -> None:
    known = toy_registry()
    model: Model[Any] = Model.load(toy_folder, known, device="cuda")
    made = Generation(model=model, sampler=use("temperature"), where={}, seed=7, rows=16, registry=known)
    all_of_them = list(made.items(range(40)))
    assert list(made.items([31, 3])) == [all_of_them[31], all_of_them[3]]


def test_training_learns(rounds_file: Path) -> None:
    recipe, known = toy_recipe(rounds_file, steps=60), toy_registry()
    domain = known.get("domain", "rounds").load()()
    items = rounds_file.read_text(encoding="utf-8").splitlines()
    model, examples = prepared(recipe, domain, items, known)
    losses: list[float] = []
    trainer = Trainer(
        recipe,
        model.family,
        examples,
        accelerator="cuda",
        log_every=10,
        on_report=lambda progress: losses.append(progress.losses["loss"]),
    )
    trainer.run()
    assert losses[-1] < 0.5 * losses[0]
    assert next(model.family.parameters()).is_cuda


def there(model: Preconditioned) -> Preconditioned:
    return Preconditioned(deepcopy(model.network).to("cuda"), model.preconditioning, model.shape)


def drawn(sampler: Sampler[Any], model: Any, *, precision: torch.dtype = torch.float32) -> Tensor:
    """Return samples of four blocks, of which the last two replay the graph of the second."""
    noise, condition = Noise(3, torch.arange(5, 5 + COUNT)).to("cuda"), asked().to("cuda")
    with torch.autocast("cuda", torch.bfloat16, enabled=precision == torch.bfloat16):
        return sampler.sample(model, noise, condition, rows=ROWS)


def step_by_step(sampler: Sampler[Any], model: Any, *, precision: torch.dtype = torch.float32) -> Tensor:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captured, "_is_open", lambda given: False)
        return drawn(sampler, model, precision=precision)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("model", "sampler", "name"), CASES, ids=NAMES)
def test_a_loop_that_is_replayed_draws_what_its_steps_do(
    model: Preconditioned, sampler: Sampler[Any], name: str, precision: torch.dtype
) -> None:
    """A loop that cannot be recorded would warn, which fails here."""
    calls = Calls(there(model))
    expected = step_by_step(sampler, calls, precision=precision)
    whole, calls.count = calls.count, 0
    assert torch.equal(drawn(sampler, calls, precision=precision), expected)
    assert calls.count == whole // 2
    assert expected.std() > 0.01


@pytest.mark.parametrize("name", ["unet", "dense, heun", "dense, dpm-solver", "dense, ddpm"])
def test_a_loop_of_kernels_is_recorded_with_them_and_draws_what_the_reference_does(name: str) -> None:
    model, sampler = next((there(model), sampler) for model, sampler, other in CASES if other == name)
    chosen: dict[str, dict[str, list[str]]] = {}
    found: dict[str, Tensor] = {}
    for way in ("reference", "triton"):
        with using(sampler_step=way, philox_normal=way), recorded() as chosen[way]:
            found[way] = drawn(sampler, model)
    assert torch.equal(found["triton"], found["reference"])
    for way, noted in chosen.items():
        assert noted["sampler_step"] == noted["philox_normal"] == [way]


def test_nothing_is_collected_while_a_call_is_recorded() -> None:
    seen: list[bool] = []

    def function(x: Tensor) -> Tensor:
        seen.append(gc.isenabled())
        return x + 1

    captured.recorded(function, (torch.ones(3, device="cuda"),))
    assert (seen, gc.isenabled()) == ([False], True)


def test_after_a_record_that_failed_a_gpu_draws_as_before() -> None:
    torch.cuda.manual_seed(3)
    expected = torch.randn(4, device="cuda")
    torch.cuda.manual_seed(3)
    with pytest.raises(RuntimeError):
        captured.recorded(lambda x: x * float(x.sum()), (torch.ones(3, device="cuda"),))
    assert torch.equal(torch.randn(4, device="cuda"), expected)


def test_memory_of_a_graph_is_given_back() -> None:
    model = there(reading("unet"))
    drawn(WAYS["guided"], model)
    torch.cuda.empty_cache()
    allocated, reserved = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
    for _ in range(8):
        drawn(WAYS["guided"], model)
    torch.cuda.empty_cache()
    assert torch.cuda.memory_allocated() == allocated
    # A graph has 2 MiB at least for itself.
    assert torch.cuda.memory_reserved() <= reserved + (4 << 20)


def test_a_network_that_waits_for_the_gpu_draws_step_by_step_and_is_told_once() -> None:
    model = there(reading("dense"))
    expected = step_by_step(WAYS["guided"], Looking(model))
    with pytest.warns(
        UserWarning, match=r"the removal of noise is launched .*; .*loops\.py:\d+ waits for it\."
    ) as seen:
        found = drawn(WAYS["guided"], Looking(model))
    assert torch.equal(found, expected)
    assert len(seen) == 1


@dataclass
class Waiting(Calls):
    """A plugin's, which waits in a way that PyTorch does not see."""

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        torch.cuda.synchronize()
        return super().denoise(x, sigma, condition)


def test_a_recording_that_fails_leaves_the_gpu_as_it_was() -> None:
    model = there(reading("dense"))
    for precision in (torch.float32, torch.bfloat16):
        expected = step_by_step(WAYS["guided"], model, precision=precision)
        with pytest.warns(UserWarning, match="the removal of noise is launched .*; recording it failed: ") as seen:
            found = drawn(WAYS["guided"], Waiting(model), precision=precision)
        assert torch.equal(found, expected)
        assert len(seen) == 1
        assert torch.equal(drawn(WAYS["guided"], model, precision=precision), expected)
    assert torch.rand(3, device="cuda").isfinite().all()


def test_what_a_recorded_function_writes_in_place_it_goes_on_with() -> None:
    total = torch.zeros(3, device="cuda")
    made = Captured(lambda x: total.add_(x) * 2, what="adding")
    for count in range(1, 6):
        x = torch.full((3,), float(count), device="cuda")
        assert made(x).tolist() == [count * (count + 1)] * 3
