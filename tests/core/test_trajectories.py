from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import genwright as gw
from genwright.errors import MismatchError, OptionError
from genwright.registry import Registry

FAST = {"steps": 5, "batch_size": 8}


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory, trained_small: Callable[..., Path]) -> Path:
    """A model of rounds, as tokens that are filled in any order."""
    folder = tmp_path_factory.mktemp("models") / "masked"
    return trained_small(folder, gw.use("masked"), conditions=("first",), **FAST)


@pytest.fixture(scope="module")
def diffusion(tmp_path_factory: pytest.TempPathFactory, trained_small: Callable[..., Path], vae_folder: Path) -> Path:
    """A model of the latents of rounds."""
    return trained_small(
        tmp_path_factory.mktemp("models") / "diffusion",
        gw.use("diffusion"),
        encoder=gw.use("latent", model=str(vae_folder)),
        backbone=gw.use("dense", width=16, depth=1),
        conditions=("first",),
        **FAST,
    )


@pytest.mark.parametrize("scale", [None, 1.0, 3.0])
def test_there_is_a_step_a_call_and_the_samples_come_last(
    diffusion: Path, small: Registry, scale: float | None
) -> None:
    """Guidance calls the network twice at each level; it is shown once."""
    sampler = gw.use("dpm-solver++", steps=7)
    if scale is not None:
        sampler = gw.use("guided", scale=scale, inner=sampler)
    where = {"first": "c"}
    steps = gw.trajectory(diffusion, 5, seed=3, where=where, sampler=sampler)
    assert [len(items) for items in steps] == [5] * 8
    assert steps[-1] == gw.generate(diffusion, 5, seed=3, where=where, sampler=sampler, store=False).items


def test_heun_s_second_call_at_a_level_is_not_shown_again(diffusion: Path, small: Registry) -> None:
    assert len(gw.trajectory(diffusion, 2, sampler=gw.use("heun", steps=4))) == 5


def test_what_is_drawn_of_a_masked_model_stays_as_it_is(masked: Path, small: Registry) -> None:
    steps = gw.trajectory(masked, 6, seed=1, sampler=gw.use("random", steps=8))
    assert len(steps) == 9
    assert steps[-1] == gw.generate(masked, 6, seed=1, sampler=gw.use("random", steps=8), store=False).items
    # What is likeliest where nothing is drawn is not what is drawn there: samples differ, the first step does not.
    assert len(set(steps[0])) == 1
    assert len(set(steps[-1])) > 1


def test_a_model_that_gives_no_whole_samples_on_the_way_is_refused(
    toy_folder: Path, vae_folder: Path, small: Registry
) -> None:
    for folder in (toy_folder, vae_folder):
        with pytest.raises(MismatchError, match=r"become clearer, .* or at once\. Choose another model"):
            gw.trajectory(folder, 2)


def test_samples_are_those_of_one_batch(masked: Path, small: Registry) -> None:
    with pytest.raises(OptionError, match=r"a trajectory is of up to 16 samples, those of one batch; got 17"):
        gw.trajectory(masked, 17, rows=16)
