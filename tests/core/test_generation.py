from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

import genwright as gw
from genwright import kernels, library
from genwright.backbones.transformer import Transformer
from genwright.errors import MismatchError, OptionError, UnknownName
from genwright.generation import Generation, make_sampler, reviewed, suited, usual_rows
from genwright.kernels.catalogue import operation
from genwright.kernels.policy import POLICY, Policy
from genwright.memory import MemoryStore
from genwright.model import Model
from genwright.readings import Condition, NextToken
from genwright.recipe import Component, use
from genwright.registry import Registry
from genwright.sampler import Sampler
from genwright.samplers.guidance import Guided
from genwright.samplers.tokens import Temperature, TopP
from genwright.samples import Samples
from genwright.seeds import Noise
from genwright.space import Tokens
from genwright.specs import SamplerSpec
from genwright.testing.toys import Quiet, toy_registry


def generation(model: Model[str], **changes: Any) -> Generation[str]:
    fields: dict[str, Any] = {"sampler": use("temperature"), "where": {}, "seed": 5, "rows": 128}
    return Generation(model=model, **(fields | {"registry": toy_registry()} | changes))


def taught(model: Model[str], **changes: Any) -> Model[str]:
    """Return the model as if its recipe had been another."""
    return replace(model, recipe=replace(model.recipe, **changes))


@pytest.mark.parametrize("inner", [{}, {"inner": use("guided", scale=1.0)}])
def test_guidance_is_refused_of_a_model_that_never_learned_to_draw_with_nothing_asked(
    toys: Registry, toy_model: Model[str], store: MemoryStore, inner: dict[str, Any]
) -> None:
    """It once drew samples that were moved by what the network made of an input that it had never had."""
    sampler, where = use("guided", scale=3.0, **inner), {"letters": 6}
    wanted = r"learned to draw with nothing asked; this one was trained with drop=0\. Train .* choose sampler 'temper"
    with pytest.raises(MismatchError, match=wanted):
        gw.generate(taught(toy_model, drop=0.0), 2, sampler=sampler, where=where, store=store)
    with pytest.raises(MismatchError, match=r"this model was trained without conditions, so nothing can be\. Train it"):
        gw.generate(taught(toy_model, conditions=()), 2, sampler=sampler, where=where, store=store)
    assert list(store.runs()) == []
    generation(taught(toy_model, drop=0.0), sampler=use("guided", scale=1.0), where=where)


def test_guidance_of_a_model_that_gives_its_samples_at_once_is_refused_before_anything_is_recorded(
    vae_folder: Path, small: Registry, store: MemoryStore
) -> None:
    """It was once refused in the midst of a run, which then stood in the store as failed."""
    with pytest.raises(MismatchError, match=r"this one gives the sample at once\. Use the sampler without guidance\."):
        gw.generate(vae_folder, 2, sampler="guided", store=store)
    assert list(store.runs()) == []


@pytest.mark.parametrize("indices", [[0], [99], [3, 2, 1], [50, 50], list(range(99, -1, -1)), [17, *range(40, 60)]])
def test_a_sample_is_the_same_alone_in_any_batch_and_in_any_order(
    toy_model: Model[str], whole: list[str], indices: Sequence[int]
) -> None:
    assert list(generation(toy_model).items(indices)) == [whole[index] for index in indices]


def test_a_sample_is_bit_equal_whatever_else_is_asked_of_the_call(toy_model: Model[str]) -> None:
    """The logits themselves, not only the tokens drawn from them."""
    made = generation(toy_model)
    tokens = made.tensors(torch.arange(100))
    for index in (0, 31, 99):
        assert torch.equal(made.tensors(torch.tensor([index]))[0], tokens[index])


def test_guided_samples_of_conditions_do_not_depend_on_their_batch_either(toy_model: Model[str]) -> None:
    sampler = use("guided", scale=3.0, inner=use("min-p", p=0.1))
    made = generation(toy_model, sampler=sampler, where={"letters": 6, "start": "c"})
    items = list(made.items(range(40)))
    assert [next(made.items([index])) for index in (0, 39, 7)] == [items[0], items[39], items[7]]


def test_more_samples_than_a_call_takes_come_in_their_order(toy_model: Model[str], whole: list[str]) -> None:
    many = list(generation(toy_model, rows=16).items(range(300)))
    assert many == list(generation(toy_model, rows=32).items(range(300)))
    assert many[:100] == whole


def test_one_row_alone_draws_each_sample_as_it_does_among_others(toy_model: Model[str]) -> None:
    made = generation(toy_model, rows=1, where={"start": "ab"})
    items = list(made.items(range(40)))
    assert all(item.startswith("ab") for item in items)
    assert [next(made.items([index])) for index in (39, 0, 7)] == [items[39], items[0], items[7]]


@pytest.mark.parametrize("size", [None, 1, 3, 50])
@pytest.mark.parametrize("where", [{}, {"start": "abc", "letters": 6}])
def test_the_stages_of_a_sample_grow_and_end_in_it(
    toy_model: Model[str], size: int | None, where: dict[str, Any]
) -> None:
    made = generation(toy_model, rows=1, where=where)
    for index in (0, 3, 17):
        stages = list(made.stages(index, size=size))
        assert stages[-1] == next(made.items([index]))
        assert all(later.startswith(earlier) for earlier, later in pairwise(stages))
        # The token that stops is the last of a stage too.
        longest = len(stages[-1]) + (len(stages[-1]) < 8)
        assert len(stages) == -(-longest // (size or 1))


def test_stages_of_what_is_given_whole_are_refused(toy_model: Model[str], vae_folder: Path, small: Registry) -> None:
    with pytest.raises(
        MismatchError, match=r"while a sampler draws them token by token; 'guided' gives them whole\. C"
    ):
        generation(toy_model, rows=1, sampler=use("guided", scale=2.0)).check_stages()
    model = Model.load(library.find(vae_folder, small), small)
    made = Generation(model=model, sampler=use("prior"), where={}, seed=0, rows=1, registry=small)
    with pytest.raises(MismatchError, match=r"read token by token; 'vae' gives them whole\. Generate without --stream"):
        made.check_stages()


def test_an_index_may_be_as_large_as_a_store_keeps(toy_model: Model[str]) -> None:
    (sample,) = generation(toy_model, seed=2**63 - 1).samples("0" * 32, [2**63 - 1])
    assert (sample.index, sample.seed) == (2**63 - 1, 2**63 - 1)


@pytest.mark.parametrize("rows", [0, 3, 4, 6, 8, 10, 24, -2, -16, True, 16.0, 65_538, 65_552, 10**30])
def test_rows_are_one_or_a_multiple_of_16_and_no_more_than_memory_holds(toy_model: Model[str], rows: Any) -> None:
    """At 4, 6, 8 and 10 a linear layer with few outputs gives a row other bits by its place."""
    wanted = r"rows is 1, or a multiple of 16 from 16 to 65,536; got .*\. The default is 128\."
    with pytest.raises(OptionError, match=wanted):
        generation(toy_model, rows=rows)


def test_a_sampler_that_cannot_read_the_model_is_refused(toy_model: Model[str]) -> None:
    registry = toy_registry(SamplerSpec(name="heun", target="x:Y", summary="", reads="denoiser"))
    with pytest.raises(MismatchError, match="Samplers that fit: greedy"):
        Generation(model=toy_model, sampler=use("heun"), where={}, seed=0, rows=16, registry=registry)


def test_a_sampler_inside_another_is_held_to_the_model_too(toy_model: Model[str]) -> None:
    """One of another reading was once found out by what it asked of the model, in the midst of a run."""
    wanted = (
        r"sampler 'heun' needs a denoiser, but what 'guided' has it draw from is read as next-token\. "
        r"Samplers that fit: greedy, guided, inpaint, min-p"
    )
    with pytest.raises(MismatchError, match=wanted):
        generation(toy_model, sampler=use("guided", inner=use("heun")))
    with pytest.raises(MismatchError, match="'confidence' needs an unmasker"):
        generation(toy_model, sampler=use("guided", inner=use("guided", inner=use("confidence"))))


def test_a_sampler_inside_another_that_is_none_is_named(toy_model: Model[str]) -> None:
    with pytest.raises(UnknownName, match=r"no sampler named 'top-q'\. Did you mean 'top-p'"):
        generation(toy_model, sampler=use("guided", inner=use("top-q")))


def test_a_model_that_nothing_can_be_drawn_from_is_refused_before_anything_is_recorded(
    codes_folder: Path, small: Registry, store: MemoryStore
) -> None:
    """It was once refused in the midst of a run, which then stood in the store as failed."""
    with pytest.raises(MismatchError, match=r"nothing can be drawn from it alone\. Train a model of its tokens"):
        gw.generate(codes_folder, 2, store=store)
    assert list(store.runs()) == []


def test_a_sampler_around_another_is_given_it() -> None:
    registry = toy_registry()
    guided = make_sampler(use("guided", inner={"name": "top-p", "p": 0.5}), registry, encoder=None)
    assert isinstance(guided, Guided)
    assert isinstance(guided.inner, TopP)
    assert guided.inner.p == 0.5
    plain = make_sampler(Component("guided"), registry, encoder=None)
    assert isinstance(plain, Guided)
    assert isinstance(plain.inner, Temperature)


def test_the_plainest_sampler_suits_where_the_encoder_names_none(toy_model: Model[str], toys: Registry) -> None:
    assert suited(toy_model, toys) == use("temperature")


def test_a_model_is_drawn_from_as_its_recipe_says(toy_model: Model[str], toys: Registry) -> None:
    model = replace(toy_model, recipe=replace(toy_model.recipe, sampler=use("top-k", k=3)))
    assert suited(model, toys) == use("top-k", k=3)


def test_large_samples_are_drawn_by_fewer_rows(toy_model: Model[str]) -> None:
    assert usual_rows(toy_model) == 128
    large: Any = SimpleNamespace(space=Tokens(vocab_size=2, shape=(64, 65)))
    assert usual_rows(replace(toy_model, encoder=large)) == 16


def test_only_samples_without_a_flaw_are_reviewed(recorded: Samples[str]) -> None:
    found = reviewed(recorded, {"quiet": Quiet(most=3), "strict": Quiet(most=1)})
    assert [sample.item for sample in found] == recorded.items
    for sample in found:
        expected = [len(sample.item) <= 3, len(sample.item) <= 1] if sample.is_valid else []
        assert [review.passed for review in sample.reviews] == expected


class Counting(Sampler[NextToken]):
    """Draws at temperature 1, and takes down how many threads it was given."""

    seen: ClassVar[list[int]] = []

    def sample(self, reading: NextToken, noise: Noise, condition: Condition, *, rows: int) -> Tensor:
        """Return one sample a row of noise."""
        self.seen.append(torch.get_num_threads())
        return Temperature().sample(reading, noise, condition, rows=rows)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_draws_has_the_threads_that_are_recorded(toy_model: Model[str], threads: int) -> None:
    spec = SamplerSpec(name="counting", target=f"{__name__}:Counting", summary="", reads="next-token")
    before = torch.get_num_threads()
    list(generation(toy_model, sampler=use("counting"), registry=toy_registry(spec), threads=threads).items([0]))
    assert Counting.seen.pop() == threads
    assert torch.get_num_threads() == before


def test_samples_in_bfloat16_do_not_depend_on_their_batch_and_are_replayed_so(
    vae_folder: Path, small: Registry, store: MemoryStore
) -> None:
    samples = gw.generate(vae_folder, 40, seed=2, precision="bfloat16", store=store)
    made = generation(Model.load(vae_folder, small), sampler=use("prior"), seed=2, registry=small, precision="bfloat16")
    assert [next(made.items([index])) for index in (0, 17, 39)] == [samples.items[index] for index in (0, 17, 39)]
    assert store.run(samples.run.id).config["precision"] == "bfloat16"
    assert {verdict.outcome for verdict in gw.replay(store=store)} == {"identical"}
    seen: list[torch.dtype] = []
    made.model.family.likelihood.layers[0].register_forward_hook(lambda layer, given, found: seen.append(found.dtype))
    list(made.items([0]))
    list(generation(made.model, sampler=use("prior"), seed=2, registry=small).items([0]))
    assert seen == [torch.bfloat16, torch.float32]


def test_a_run_that_says_no_precision_was_drawn_in_float32(
    vae_folder: Path, small: Registry, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Generation.config
    monkeypatch.setattr(Generation, "config", lambda self: {k: v for k, v in config(self).items() if k != "precision"})
    gw.generate(vae_folder, 5, seed=2, store=store)
    assert {verdict.outcome for verdict in gw.replay(store=store)} == {"identical"}


def test_tokens_are_drawn_in_bfloat16_by_streams_that_know_it(
    toys: Registry, toy_model: Model[str], store: MemoryStore
) -> None:
    samples = gw.generate(toy_model, 20, seed=2, precision="bfloat16", store=store)
    made = generation(toy_model, seed=2, precision="bfloat16")
    assert list(made.items([3, 19])) == [samples.items[3], samples.items[19]]
    assert {verdict.outcome for verdict in gw.replay(store=store)} == {"identical"}
    unknown = r"backbone 'pixelcnn' draws token by token in float32; got bfloat16\. Leave the precision out"
    with pytest.raises(OptionError, match=unknown):
        generation(taught(toy_model, backbone=use("pixelcnn")), precision="bfloat16")


def test_an_unknown_precision_is_refused(toy_model: Model[str]) -> None:
    with pytest.raises(OptionError, match=r"drawn in float32 or bfloat16; got 'half'\. The default is float32"):
        generation(toy_model, precision="half")


def test_what_kernels_asks_for_where_a_generation_is_made_stands_while_it_draws(toy_model: Model[str]) -> None:
    with kernels.use("reference", invariant=True):
        asked = generation(toy_model)
    assert asked.config()["kernels"] == {"everywhere": "reference", "invariant": True}
    assert "kernels" not in generation(toy_model).config()
    assert asked.kernels == Policy(everywhere="reference", invariant=True)
    assert len(list(asked.items(range(5)))) == 5
    assert {name for names in asked.chosen.values() for name in names} == {"reference"}


@pytest.mark.parametrize("rows", [1, 16, 128])
def test_invariant_kernels_draw_sixteen_rows_at_a_time_whatever_is_asked(toy_model: Model[str], rows: int) -> None:
    """No operation of a CPU without numba, and no `linear` of a GPU, is invariant by itself: that ended runs."""
    asked = generation(toy_model, rows=rows, kernels=Policy(invariant=True))
    assert asked.config()["rows"] == asked.rows == 16
    plain = generation(toy_model, rows=16)
    assert torch.equal(asked.tensors(torch.arange(20)), plain.tensors(torch.arange(20)))
    assert asked.chosen == plain.chosen
    with pytest.raises(OptionError, match="got 17"):
        generation(toy_model, rows=17, kernels=Policy(invariant=True))


def test_a_sample_that_is_seen_while_it_is_drawn_is_that_of_other_rows(
    toy_model: Model[str], store: MemoryStore, toys: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths: list[int] = []
    opened = Transformer.open
    counted = lambda network, condition: (widths.append(len(condition)), opened(network, condition))[1]  # noqa: E731
    monkeypatch.setattr(Transformer, "open", counted)
    with kernels.use(invariant=True):
        made = generation(toy_model, rows=1)
        whole = list(made.items(range(5)))
        assert [list(made.stages(index))[-1] for index in range(5)] == whole
        *_, last = gw.stages(toy_model, 1, seed=5, store=store)
    assert set(widths) == {16}
    assert last.run.config["rows"] == 16
    assert {verdict.outcome for verdict in gw.replay(store=store)} == {"identical"}


def test_an_operation_that_a_generation_names_has_to_be_there(toy_model: Model[str]) -> None:
    with pytest.raises(UnknownName, match="no operation named 'smoothing'"):
        generation(toy_model, kernels=Policy(each={"smoothing": "triton"}))
    with pytest.raises(UnknownName, match="no implementation named 'tritn'"):
        generation(toy_model, kernels=Policy(everywhere="tritn"))


def test_networks_are_made_ready_where_they_draw_and_not_before(
    toy_model: Model[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They once were in a process too that only hands the work to others."""
    made: list[object] = []
    monkeypatch.setattr("genwright.generation.prepacked", lambda network: made.append(network) or network)
    asked = generation(toy_model)
    assert made == []
    list(asked.items([0, 1]))
    assert made == [toy_model.family]


def test_what_an_encoder_computes_is_computed_as_the_run_says_and_taken_down(
    toy_model: Model[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, str, bool]] = []
    decode = type(toy_model.encoder).decode

    def learned(encoder: Any, tensors: Tensor) -> list[str]:
        operation("geglu")(torch.ones(2, 4))
        seen.append((torch.get_num_threads(), POLICY.get().choice("geglu"), torch.is_autocast_enabled("cpu")))
        return decode(encoder, tensors)

    monkeypatch.setattr(type(toy_model.encoder), "decode", learned)
    before = torch.get_num_threads()
    made = generation(toy_model, threads=before + 1, precision="bfloat16", kernels=Policy(each={"geglu": "reference"}))
    for _ in made.items([0, 1]):
        assert torch.get_num_threads() == before
        assert POLICY.get() == Policy()
    assert seen == [(before + 1, "reference", False)]
    assert made.chosen["geglu"]
