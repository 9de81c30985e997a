from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

import genwright as gw
from genwright.errors import ConditionError, DataError, MismatchError, OptionError, UsageError
from genwright.likelihoods import Likelihoods, likelihoods
from genwright.model import Model
from genwright.recipe import use
from genwright.registry import Registry
from genwright.testing.toys import ENTROPY, ROUNDS

pytestmark = pytest.mark.usefixtures("small")


def test_the_model_of_rounds_finds_them_about_as_likely_as_they_are(toy_folder: Path) -> None:
    found = gw.score(toy_folder, ROUNDS)
    assert (found.kind, found.dimensions, len(found)) == ("exact", 8, 32)
    assert ENTROPY < -found.mean_nats.value < ENTROPY + 0.3
    assert gw.score(toy_folder, ["acac"]).nats[0] < min(found.nats) - 2


def test_bits_per_dimension_and_means_are_of_the_same_numbers() -> None:
    found = Likelihoods(nats=[-8 * math.log(2), -16 * math.log(2)], kind="bound", dimensions=4)
    assert found.bits_per_dimension == pytest.approx([2.0, 4.0])
    mean = found.mean_bits_per_dimension
    assert (mean.value, mean.error, mean.count) == (pytest.approx(3.0), pytest.approx(1.0), 2)
    assert found.mean_nats.value == pytest.approx(-12 * math.log(2))
    assert Likelihoods(nats=[-1.0], kind="exact", dimensions=4).mean_nats.error is None


def test_a_bound_is_said_to_be_one_and_the_seed_decides_its_estimate(vae_folder: Path) -> None:
    found = gw.score(vae_folder, ROUNDS[:5])
    assert found.kind == "bound"
    assert gw.score(vae_folder, ROUNDS[:5]) == found
    assert gw.score(vae_folder, ROUNDS[:5], seed=1) != found


def test_an_item_s_likelihood_does_not_depend_on_those_after_it(toy_folder: Path, vae_folder: Path) -> None:
    for folder in (toy_folder, vae_folder):
        assert gw.score(folder, ROUNDS[:3]).nats == gw.score(folder, ROUNDS).nats[:3]


def test_an_item_s_likelihood_does_not_depend_on_where_it_stands(toy_folder: Path, vae_folder: Path) -> None:
    """A bound was once estimated with the noise of the item's place, so that the same item scored otherwise elsewhere.

    Now items can be compared, and one that is taken out changes no other.
    """
    for folder in (toy_folder, vae_folder):
        whole = gw.score(folder, [*ROUNDS, ROUNDS[0]]).nats
        assert whole[0] == whole[-1]
        assert gw.score(folder, ROUNDS[::-1]).nats == whole[-2::-1]
        assert gw.score(folder, [*ROUNDS[:7], *ROUNDS[8:]]).nats == [*whole[:7], *whole[8:-1]]


def test_a_family_without_a_likelihood_says_so(tmp_path: Path, vae_folder: Path, codes_folder: Path) -> None:
    with pytest.raises(MismatchError, match="'vqvae' learns to draw, and gives no likelihood"):
        gw.score(codes_folder, ROUNDS)


def test_a_model_of_latents_cannot_say_how_likely_items_are(
    tmp_path: Path, vae_folder: Path, trained_small: Callable[..., Path]
) -> None:
    folder = trained_small(
        tmp_path / "latents", use("vae", latent=2), encoder=use("latent", model=str(vae_folder)), steps=1
    )
    with pytest.raises(MismatchError, match="and many may stand for one item, so it cannot say how likely items are"):
        gw.score(folder, ROUNDS)


def test_a_likelihood_is_given_what_is_asked_for(toy_folder: Path) -> None:
    """The model has learned how many letters rounds have."""
    three, seven = (gw.score(toy_folder, ["abc"], where={"letters": n}).nats[0] for n in (3, 7))
    assert three > seven + 1


def test_a_start_is_refused(toy_folder: Path, vae_folder: Path) -> None:
    """It was once ignored, so that p(x) was given for p(x given its start)."""
    for folder in (toy_folder, vae_folder):
        with pytest.raises(ConditionError, match=r"depends on no start, .*; got start='ab'\. Leave start out\."):
            gw.score(folder, ["abc"], where={"start": "ab"})


def test_an_item_of_another_domain_is_refused(toy_folder: Path) -> None:
    """It was once a TypeError or an AttributeError, by the domain."""
    with pytest.raises(OptionError, match=r"^item 1: .* an item of the model's domain, .* got 7, of type int\."):
        gw.score(toy_folder, ["abc", 7])


def test_nothing_and_what_is_no_item_are_refused(toy_model: Model[str], small: Registry) -> None:
    with pytest.raises(UsageError, match="likelihoods are of items; there are none"):
        likelihoods(toy_model, [], small, where={}, seed=0)
    with pytest.raises(DataError, match=r"^item 1: 'xyz' has"):
        likelihoods(toy_model, ["abc", "xyz"], small, where={}, seed=0)
