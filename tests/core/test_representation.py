from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import genwright as gw
from genwright import kernels
from genwright.errors import ConditionError, DataError, MismatchError, OptionError, ShapeError
from genwright.model import Model
from genwright.recipe import use
from genwright.registry import Registry
from genwright.representation import Representing, decoded, encoded, interpolated, representing
from genwright.testing.toys import ROUNDS

pytestmark = pytest.mark.usefixtures("small")


@pytest.fixture
def vae(vae_folder: Path, small: Registry) -> Model[str]:
    return Model.load(vae_folder, small)


@pytest.fixture
def codes(codes_folder: Path, small: Registry) -> Model[str]:
    return Model.load(codes_folder, small)


@pytest.mark.parametrize("name", ["vae", "codes"])
def test_most_items_come_back_from_their_latents(name: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(name)
    again = decoded(model, encoded(model, ROUNDS))
    assert sum(a == b for a, b in zip(again, ROUNDS, strict=True)) >= 16


def test_latents_are_in_the_space_that_the_family_says(vae: Model[str], codes: Model[str]) -> None:
    for model in (vae, codes):
        assert isinstance(model.family, Representing)
        assert encoded(model, ["ab", "c"]).shape == (2, *representing(model).latents.shape)


def test_a_latent_does_not_depend_on_what_is_encoded_with_it(vae: Model[str]) -> None:
    whole = encoded(vae, ROUNDS)
    assert torch.equal(encoded(vae, [ROUNDS[30]])[0], whole[30])
    assert torch.equal(encoded(vae, ROUNDS[7:25]), whole[7:25])


def test_between_two_items_are_items_by_equal_steps(vae: Model[str]) -> None:
    found = interpolated(vae, "abcd", "dab", 5)
    assert len(found) == 5
    assert [found[0], found[-1]] == decoded(vae, encoded(vae, ["abcd", "dab"]))


def test_between_two_samples_are_items_from_one_to_the_other(vae: Model[str]) -> None:
    samples = gw.generate(vae, 40, seed=5, store=False).items
    found = gw.interpolate(vae, 3, 31, 5, seed=5)
    assert len(found) == 5
    assert [found[0], found[-1]] == [samples[3], samples[31]]
    assert gw.interpolate(vae, 3, 31, 5) != found


def test_between_two_samples_are_items_where_kernels_are_to_be_invariant(vae: Model[str]) -> None:
    with kernels.use(invariant=True):
        samples = gw.generate(vae, 40, seed=5, store=False).items
        found = gw.interpolate(vae, 3, 31, 5, seed=5)
    assert [len(found), found[0], found[-1]] == [5, samples[3], samples[31]]


def test_between_samples_of_a_model_that_draws_from_no_latent_lies_nothing(
    toy_model: Model[str], vae: Model[str]
) -> None:
    with pytest.raises(MismatchError, match=r"one call of a VAE or GAN; this model is of the family 'autoregressive'"):
        gw.interpolate(toy_model, 0, 1, 3)
    with pytest.raises(OptionError, match=r"^samples are numbered from 0; got 4 and -1\. Choose others\.$"):
        gw.interpolate(vae, 4, -1, 3)
    with pytest.raises(OptionError, match="has 2 steps or more"):
        gw.interpolate(vae, 4, 1, 1)


def test_the_public_functions_take_a_model_by_its_folder(vae_folder: Path) -> None:
    latents = gw.encode(vae_folder, ["abc"])
    assert latents.shape == (1, 4)
    assert gw.decode(vae_folder, latents) == gw.interpolate(vae_folder, "abc", "abc", 2)[:1]


def test_a_conditional_model_is_told_what_items_are_known_to_be(
    tmp_path: Path, trained_small: Callable[..., Path]
) -> None:
    folder = trained_small(tmp_path / "known", use("vae", latent=2), conditions=("letters",), steps=1)
    assert gw.encode(folder, ["abc"], where={"letters": 3}).shape == (1, 2)
    with pytest.raises(ConditionError, match="takes 1 to 8"):
        gw.encode(folder, ["abc"], where={"letters": 30})
    with pytest.raises(ConditionError, match="takes 1 to 8"):
        gw.interpolate(folder, "abc", "bcd", 3, where={"letters": 30})


def test_between_two_items_all_are_what_these_are_known_to_be(vae: Model[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    condition = Model.condition
    monkeypatch.setattr(Model, "condition", lambda model, where: (seen.append(where), condition(model, {}))[1])
    interpolated(vae, "abcd", "dab", 3, where={"letters": 4})
    assert seen == [{"letters": 4}] * 2


def test_a_model_without_latents_is_refused(toy_model: Model[str]) -> None:
    with pytest.raises(MismatchError, match="families vae and vqvae; this one is of the family 'autoregressive'"):
        encoded(toy_model, ["abc"])


def test_between_tokens_lies_nothing(codes: Model[str]) -> None:
    with pytest.raises(MismatchError, match="lie latents of numbers; those of the family 'vqvae' are tokens"):
        interpolated(codes, "abc", "bcd", 3)


def test_latents_of_another_shape_are_refused(vae: Model[str]) -> None:
    with pytest.raises(ShapeError, match=r"latents of this model are \[B, 4\]; got \[2, 3\]\. Give latents"):
        decoded(vae, torch.zeros(2, 3))


def test_no_item_has_no_latent_and_no_latent_no_item(vae: Model[str], codes: Model[str]) -> None:
    """Both were once an IndexError."""
    for model in (vae, codes):
        found, some = gw.encode(model, []), gw.encode(model, ["abc"])
        assert (found.shape, found.dtype) == (some[:0].shape, some.dtype)
        assert gw.decode(model, found) == []
        with pytest.raises(ConditionError, match="depends on no start"):
            gw.encode(model, [], where={"start": "a"})


def test_a_start_is_refused(vae: Model[str]) -> None:
    """It was once ignored."""
    refused = pytest.raises(ConditionError, match=r"depends on no start, .*; got start='ab'\. Leave start out\.")
    start = {"start": "ab"}
    with refused:
        gw.encode(vae, ["abc"], where=start)
    with refused:
        gw.decode(vae, torch.zeros(1, 4), where=start)
    with refused:
        gw.interpolate(vae, "abc", "bcd", 3, where=start)
    with refused:
        gw.interpolate(vae, 0, 1, 3, where=start)


def test_an_item_of_another_domain_is_refused(vae: Model[str]) -> None:
    """It was once a TypeError or an AttributeError, by the domain."""
    with pytest.raises(OptionError, match=r"^item 1: .* an item of the model's domain, .* got 7, of type int\."):
        gw.encode(vae, ["abc", 7])
    with pytest.raises(OptionError, match=r"^item 0: .* an item of the model's domain"):
        gw.interpolate(vae, 7, "abc", 3)


def test_an_item_that_cannot_be_encoded_is_named(vae: Model[str]) -> None:
    with pytest.raises(DataError, match=r"^item 1: 'xyz' has more than 8 letters, or others"):
        encoded(vae, ["abc", "xyz"])
