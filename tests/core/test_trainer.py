from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genwright.errors import RecipeError, TrainingError, UsageError
from genwright.family import Batch, Family, Phase
from genwright.readings import Condition, Reading
from genwright.recipe import Recipe
from genwright.seeds import Noise
from genwright.testing.toys import toy_recipe
from genwright.trainer import Examples, Progress, Trainer, chosen_device

Letters = Callable[..., Trainer]


class Line(Family):
    """A family that costs nothing: a number that should become the mean of x. It keeps the batches it was given."""

    def __init__(self, loss: Callable[[Line, Batch], Tensor] | None = None) -> None:
        super().__init__()
        self.number = nn.Parameter(torch.zeros(1))
        self.seen: list[Batch] = []
        self._of = loss

    def phases(self) -> Sequence[Phase]:
        return (Phase(name="loss", loss=self._loss, parameters=tuple(self.parameters())),)

    def reading(self) -> Reading:
        raise NotImplementedError

    def _loss(self, batch: Batch) -> Tensor:
        self.seen.append(batch)
        return ((self.number - batch.x.float()) ** 2).mean() if self._of is None else self._of(self, batch)


def line_recipe(**changes: Any) -> Recipe:
    return toy_recipe("none", **{"steps": 32, "batch_size": 4, **changes})


def numbers(count: int, **changes: Any) -> Examples:
    """Examples whose x is their own number."""
    fields: dict[str, Any] = {
        "x": torch.arange(count)[:, None],
        "condition": Condition(
            scalars=torch.ones(count, 2),
            labels=torch.zeros(count, 2, dtype=torch.int64),
            prefix=torch.empty(count, 0, dtype=torch.int64),
        ),
        "lengths": torch.arange(count) % 7,
    }
    return Examples(**(fields | changes))


def line(recipe: Recipe, examples: Examples | None = None, family: Line | None = None, **options: Any) -> Trainer:
    return Trainer(
        recipe,
        Line() if family is None else family,
        numbers(40) if examples is None else examples,
        accelerator="cpu",
        **options,
    )


@pytest.mark.parametrize("device", ["cuda", "abacus"])
def test_a_device_that_is_not_here_is_refused(device: str) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(UsageError, match=f"a device that this machine has, or auto; got '{device}'.* Try: auto"):
        chosen_device(device)


def test_losses_are_told_how_much_of_the_training_is_done() -> None:
    family = Line()
    trainer = line(line_recipe(held_out=0.2, accumulate=2), family=family)
    trainer.run()
    assert [batch.progress for batch in family.seen] == [step / 32 for step in range(32) for _ in range(2)]
    trainer.validate()
    assert family.seen[-1].progress == 1.0


# ---- what is reported, and the schedule


@pytest.mark.usefixtures("save_always")
def test_reported_losses_are_means_since_the_last_report_also_after_a_resume(tmp_path: Path) -> None:
    """They were once divided by a count that went wrong after the first report of a resumed run."""
    reports: list[Progress] = []
    constant = [Line(lambda family, batch: 0 * family.number.sum() + 2.5) for _ in range(2)]

    def stop(progress: Progress) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        line(line_recipe(), family=constant[0], state=tmp_path / "state", log_every=8, on_report=stop).run()
    line(line_recipe(), family=constant[1], state=tmp_path / "state", log_every=5, on_report=reports.append).run()
    assert [progress.step for progress in reports] == [10, 15, 20, 25, 30, 32]
    assert [progress.losses for progress in reports] == [{"loss": 2.5}] * 6


def test_the_rate_rises_stays_and_falls() -> None:
    rates: list[float] = []
    recipe = line_recipe(steps=10, warmup=4, decay=0.5, learning_rate=1.0)
    line(recipe, log_every=1, on_report=lambda progress: rates.append(progress.rate)).run()
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2])


def test_the_rate_is_what_the_optimiser_uses() -> None:
    """A constant gradient moves AdamW by its rate at each step, whatever its size."""
    family = Line(lambda family, batch: family.number.sum() * 3)
    recipe = line_recipe(steps=8, warmup=3, decay=0.5, learning_rate=0.1, average=0.0, clip=0.0)
    rates: list[float] = []
    line(recipe, family=family, log_every=1, on_report=lambda progress: rates.append(progress.rate)).run()
    assert float(family.number.detach()) == pytest.approx(-sum(rates), rel=1e-4)


def test_a_rate_without_decay_stays() -> None:
    rates: list[float] = []
    recipe = line_recipe(steps=4, warmup=0, decay=0.0, learning_rate=0.5)
    line(recipe, log_every=1, on_report=lambda progress: rates.append(progress.rate)).run()
    assert rates == [0.5] * 4


def test_averaged_weights_follow_faster_in_the_beginning() -> None:
    family = Line()
    values: list[float] = []
    recipe = line_recipe(steps=30, average=0.7, learning_rate=1.0)
    trained = line(recipe, family=family, log_every=1, on_report=lambda p: values.append(float(family.number.detach())))
    trained.run()
    average = 0.0
    for step, value in enumerate(values):
        decay = min(0.7, (step + 1) / (step + 10))
        average = decay * average + (1 - decay) * value
    assert min(0.7, 1 / 10) == 0.1
    assert float(trained.average["number"]) == pytest.approx(average, rel=1e-5)
    assert float(family.number.detach()) == pytest.approx(average, rel=1e-5)


def test_without_averaging_the_last_weights_stay() -> None:
    family, values = Line(), []
    recipe = line_recipe(average=0.0)
    line(recipe, family=family, log_every=1, on_report=lambda p: values.append(float(family.number.detach()))).run()
    assert float(family.number.detach()) == values[-1]


def test_gradients_are_clipped_to_the_norm_of_the_recipe() -> None:
    norms: list[float] = []
    family = Line(lambda family, batch: family.number.sum() * 50)
    trainer = line(line_recipe(steps=2, clip=0.25), family=family)
    (optimizer,) = trainer.optimizers[0]
    optimizer.register_step_pre_hook(lambda *_: norms.append(float(family.number.grad.norm())))
    trainer.run()
    assert norms == pytest.approx([0.25, 0.25], rel=1e-4)


def test_a_loss_that_is_no_number_names_its_step() -> None:
    steps = iter([1.0, 1.0, math.nan])
    family = Line(lambda family, batch: family.number.sum() * next(steps))
    with pytest.raises(TrainingError) as caught:
        line(line_recipe(), family=family).run()
    assert str(caught.value) == (
        "the loss 'loss' became nan at step 3. Lower learning_rate (it is 0.01) or clip (it is 1)."
    )
    assert family.number.isfinite().all()


# ---- accumulation


@pytest.mark.parametrize("passes", [2, 4, 8])
def test_several_passes_add_up_to_the_gradient_of_one(passes: int, letters: Letters) -> None:
    gradients, losses = [], []
    for accumulate in (1, passes):
        trainer = letters(batch_size=16, accumulate=accumulate)
        # Four of one letter, four of two, …
        rows = torch.arange(32).view(4, 8).T.flatten()[:16]
        losses.append(trainer._backward(0, trainer._batch(rows, training=True)))
        gradients.append({n: p.grad for n, p in trainer.family.named_parameters() if p.grad is not None})
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradients[1][name], gradient, rtol=1e-4, atol=1e-7), name


# ---- batches


def rows_of(family: Line) -> list[list[int]]:
    """The numbers of the examples in each batch."""
    return [batch.x[:, 0].tolist() for batch in family.seen]


@pytest.mark.parametrize(("count", "held_out"), [(40, 0.0), (40, 0.1), (7, 0.0), (64, 0.0), (200, 0.0)])
def test_every_example_is_seen_once_an_epoch(count: int, held_out: float) -> None:
    """Epochs end in the midst of windows of 16 batches: none of 64 examples is a multiple of 40, 36, 7 or 200."""
    family = Line()
    trainer = line(line_recipe(steps=96, held_out=held_out), numbers(count), family)
    trainer.run()
    rows = rows_of(family)
    for windows in range(1, 7):
        seen = torch.tensor(rows[: 16 * windows]).flatten().bincount(minlength=count)[trainer.kept]
        assert int(seen.sum()) == 64 * windows
        assert seen.max() - seen.min() <= 1


def test_examples_held_out_are_never_trained_on() -> None:
    family = Line()
    trainer = line(line_recipe(steps=160, held_out=0.2), family=family)
    trainer.run()
    seen = {row for rows in rows_of(family) for row in rows}
    assert len(trainer.held_out) == 8
    assert seen.isdisjoint(trainer.held_out.tolist())
    assert seen | set(trainer.held_out.tolist()) == set(range(40))


def test_batches_are_of_like_length_and_in_no_order_of_it() -> None:
    lengths = torch.arange(400) * 7 % 100
    family = Line()
    line(line_recipe(steps=64), numbers(400, lengths=lengths), family).run()
    batches = lengths[torch.tensor(rows_of(family))]
    within = (batches.max(1).values - batches.min(1).values).double().mean()
    assert within < 12
    means = batches.double().mean(1)
    assert (means[1:] < means[:-1]).sum() > 16


def test_batches_depend_on_the_seed_and_not_on_the_losses() -> None:
    families = [Line(), Line(lambda family, batch: family.number.sum()), Line()]
    for family, seed in zip(families, (0, 0, 1), strict=True):
        line(line_recipe(seed=seed), family=family).run()
    assert rows_of(families[0]) == rows_of(families[1])
    assert rows_of(families[0]) != rows_of(families[2])


def test_an_example_has_other_noise_each_time_it_is_seen() -> None:
    """It once had the same noise in every epoch, so that an augmented example was spelled the same for ever."""
    family = Line()
    line(line_recipe(steps=100), numbers(8), family).run()
    samples = torch.cat([batch.noise.samples for batch in family.seen])
    assert len(samples.unique()) == 400


def test_an_augmenting_encoder_spells_an_example_in_several_ways() -> None:
    spelled: dict[int, set[float]] = {}

    def encode(rows: Tensor, noise: Noise) -> Tensor:
        loud = noise.uniform("shout", 0, 1)
        for row, one in zip(rows.tolist(), loud[:, 0].tolist(), strict=True):
            spelled.setdefault(row, set()).add(one)
        return rows[:, None]

    line(line_recipe(steps=96), numbers(8, encode=encode)).run()
    assert {row: len(ways) for row, ways in spelled.items()} == dict.fromkeys(range(8), 48)


def forgotten(drop: float) -> Tensor:
    """Return what was forgotten of four conditions of each example seen, [N, 4]."""
    family = Line()
    line(line_recipe(steps=400, batch_size=16, drop=drop), family=family).run()
    conditions = [batch.condition for batch in family.seen]
    scalars = torch.cat([condition.scalars for condition in conditions]).isnan()
    labels = torch.cat([condition.labels for condition in conditions]) == -1
    return torch.cat((scalars, labels), 1)


def test_conditions_are_forgotten_together_and_each_for_itself() -> None:
    """A share 0.3 forgets all; of the others, each of four has a chance u that is uniform from example to example.

    So all are forgotten in 0.3 + 0.7 / 5 of the examples, none in 0.7 / 5, and each one in 0.3 + 0.7 / 2.
    """
    found = forgotten(0.3).double()
    assert float((found.sum(1) == 4).double().mean()) == pytest.approx(0.44, abs=0.025)
    assert float((found.sum(1) == 0).double().mean()) == pytest.approx(0.14, abs=0.02)
    assert found.mean(0).tolist() == pytest.approx([0.65] * 4, abs=0.025)


def test_a_contour_is_forgotten_as_a_whole_and_for_itself() -> None:
    followed = replace(numbers(40).condition, contours=torch.zeros(40, 2, 5))
    family = Line()
    line(line_recipe(steps=400, batch_size=16, drop=0.3), numbers(40, condition=followed), family).run()
    contours = torch.cat([c for batch in family.seen if (c := batch.condition.contours) is not None]).isnan()
    assert torch.equal(contours.any(2), contours.all(2))
    scalars = torch.cat([batch.condition.scalars for batch in family.seen]).isnan()
    every = torch.cat((scalars, contours.all(2)), 1).double()
    assert every.mean(0).tolist() == pytest.approx([0.65] * 4, abs=0.025)
    assert float((every.sum(1) == 0).double().mean()) == pytest.approx(0.14, abs=0.02)


def test_contours_are_part_of_what_a_resumed_training_shares() -> None:
    plain = numbers(4)
    followed = replace(plain, condition=replace(plain.condition, contours=torch.zeros(4, 1, 3)))
    other = replace(plain, condition=replace(plain.condition, contours=torch.ones(4, 1, 3)))
    assert len({plain.digest, followed.digest, other.digest}) == 3
    # As it was before there were contours.
    assert plain.digest == "83ede751320cd3133ebdb6966cf89a5f25c260cdb9b51b4c535df47d11fe4d97"


def test_without_dropping_no_condition_is_forgotten() -> None:
    assert not forgotten(0.0).any()


# ---- held-out loss


def test_the_held_out_loss_is_of_the_held_out_examples_with_all_their_conditions() -> None:
    family = Line()
    trainer = line(line_recipe(held_out=0.25, drop=1.0, batch_size=4), family=family)
    with torch.no_grad():
        family.number.fill_(3.0)
    expected = ((3.0 - trainer.held_out.float()) ** 2).mean()
    assert trainer.validate() == pytest.approx(float(expected))
    assert not any(batch.condition.scalars.isnan().any() for batch in family.seen)
    samples = [batch.noise.samples.tolist() for batch in family.seen]
    trainer.step = 17
    trainer.validate()
    assert [batch.noise.samples.tolist() for batch in family.seen[len(samples) :]] == samples


def test_the_held_out_loss_weighs_examples_alike_in_batches_of_unequal_size(letters: Letters) -> None:
    many, few = letters(held_out=0.5, batch_size=16), letters(held_out=0.5, batch_size=2)
    assert many.validate() == pytest.approx(few.validate(), rel=1e-6)


def test_without_held_out_examples_there_is_no_such_loss() -> None:
    assert line(line_recipe()).validate() is None


def test_too_few_examples_are_refused() -> None:
    with pytest.raises(TrainingError, match=r"training needs examples; got 1, of which 1 are held out. Give more data"):
        line(line_recipe(held_out=0.1), numbers(1))


# ---- compiled networks


class Double(nn.Module):
    """A network of one number."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


class Network(Line):
    """A family with a network, which should double."""

    def __init__(self) -> None:
        super().__init__(lambda self, batch: (self.network(batch.x.float()) - 2 * batch.x).square().mean())
        self.network = Double()


def compiled(monkeypatch: pytest.MonkeyPatch, backend: Any) -> Trainer:
    """A trainer whose network is traced as for any compiler and then handed to this one."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    return line(line_recipe(compile=True), family=Network())


def test_compiled_networks_learn_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = line(line_recipe(), family=Network())
    trainer = compiled(monkeypatch, "eager")
    for each in (plain, trainer):
        each.run()
    mine, theirs = plain.family.state_dict(), trainer.family.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert all(torch.equal(plain.average[name], trainer.average[name]) for name in plain.average)


def test_a_recipe_says_whether_networks_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counted(graph: Any, inputs: Any) -> Any:
        seen.append(1)
        return graph.forward

    compiled(monkeypatch, counted).run()
    assert seen
    seen.clear()
    line(line_recipe(), family=Network()).run()
    assert not seen


class Sloped(Network):
    """A family whose loss takes the gradient of a gradient."""

    def phases(self) -> Sequence[Phase]:
        return (replace(super().phases()[0], twice=True),)


def test_a_loss_that_compiled_networks_cannot_serve_is_refused() -> None:
    """Torch once told so itself, in the midst of the first step and many lines."""
    wanted = (
        r"^compiled networks give no gradient of a gradient, which the loss 'loss' of family 'autoregressive' with "
        r"these options takes; got compile=true\. Leave it out of the recipe\.$"
    )
    with pytest.raises(RecipeError, match=wanted):
        line(line_recipe(compile=True), family=Sloped())
    line(line_recipe(), family=Sloped()).run()


def test_a_compiler_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(graph: Any, inputs: Any) -> Any:
        raise OSError("no compiler here")

    wanted = r"the networks should be compiled, as the recipe says; that failed: .*\n?.*compile=false"
    with pytest.raises(TrainingError, match=wanted):
        compiled(monkeypatch, broken).run()


# ---- optimisers and precision


def groups(trainer: Trainer) -> Iterator[tuple[str, set[str], float]]:
    names = {id(parameter): name for name, parameter in trainer.family.named_parameters()}
    for optimizer in trainer.optimizers[0]:
        for group in optimizer.param_groups:
            found = {names[id(parameter)] for parameter in group["params"]}
            yield type(optimizer).__name__, found, group["weight_decay"]


def test_vectors_are_not_decayed(letters: Letters) -> None:
    for _, names, decay in groups(letters(weight_decay=0.1)):
        assert decay == (0.0 if all("norm" in name for name in names) else 0.1)


def test_muon_takes_the_matrices_inside_and_adamw_the_rest(letters: Letters) -> None:
    trainer = letters(optimizer="muon")
    found = {kind: {n for k, names, _ in groups(trainer) if k == kind for n in names} for kind in ("AdamW", "Muon")}
    assert found["Muon"] == {
        "network.modulation.linear.weight",
        *(f"network.blocks.0.attention.{part}.weight" for part in ("inward", "outward")),
        *(f"network.blocks.0.feed.{part}.weight" for part in ("up", "down")),
    }
    assert "network.embedding.weight" in found["AdamW"]
    assert found["Muon"] | found["AdamW"] == {name for name, _ in trainer.family.named_parameters()}


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "auto"])
def test_each_precision_trains(precision: str, letters: Letters) -> None:
    losses: list[float] = []
    trainer = letters(
        precision=precision,
        steps=30,
        learning_rate=0.01,
        on_report=lambda progress: losses.append(progress.losses["loss"]),
    )
    trainer.run()
    assert losses[-1] < losses[0] - 0.2
