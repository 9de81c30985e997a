from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import genwright as gw
from genwright.checkpoint import Checkpoint
from genwright.encoders.learned import Codes, Latent, Learned
from genwright.errors import CheckpointError, ConditionError, DataError, MismatchError, UnknownName
from genwright.memory import MemoryStore
from genwright.model import Model
from genwright.recipe import use
from genwright.registry import Registry
from genwright.representation import encoded
from genwright.space import Continuous, Tokens
from genwright.testing.encoders import check_encoder
from genwright.testing.toys import ROUNDS, Rounds, toy_recipe

pytestmark = pytest.mark.usefixtures("small")


def latent(registry: Registry, model: Path | str, domain: str = "rounds") -> Latent[str]:
    return Latent(registry=registry, domain=domain, model=str(model))


def codes(registry: Registry, model: Path | str) -> Codes[str]:
    return Codes(registry=registry, domain="rounds", model=str(model))


def troubles(encoder: Learned[str]) -> dict[str, str]:
    checks = check_encoder(encoder, ROUNDS, domain=Rounds(), lossy=True)
    return {check.name: check.trouble for check in checks if check.trouble}


def test_latents_keep_the_contract_of_an_encoder(small: Registry, vae_folder: Path) -> None:
    found = troubles(latent(small, vae_folder))
    # A letter from another alphabet than the training data's is refused, as the model's own encoder does.
    assert found == {}


def test_codes_keep_the_contract_but_that_what_is_decoded_is_only_like_what_was_encoded(
    small: Registry, codes_folder: Path
) -> None:
    assert troubles(codes(small, codes_folder)) == {}


def test_there_is_room_for_what_the_encoder_of_the_model_has_room_for(
    small: Registry, vae_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = latent(small, vae_folder)
    encoder.fit(ROUNDS)
    asked: list[object] = []
    monkeypatch.setattr(encoder.source.encoder, "check_room", asked.append)
    encoder.check_room({"letters": 9.0})
    assert asked == [{"letters": 9.0}]


def test_latents_have_unit_deviation(small: Registry, vae_folder: Path) -> None:
    encoder = latent(small, vae_folder)
    encoder.fit(ROUNDS)
    latents = encoder.encode(ROUNDS)
    assert encoder.space == Continuous(shape=(4,), axes=("Z",))
    assert float(latents.square().mean().sqrt()) == pytest.approx(1, abs=1e-5)
    inner = encoded(Model.load(vae_folder, small), ROUNDS)
    assert torch.allclose(latents * encoder.state()["scale"], inner, atol=1e-6)


def test_codes_are_the_model_s_tokens(small: Registry, codes_folder: Path) -> None:
    encoder = codes(small, codes_folder)
    encoder.fit(ROUNDS)
    assert encoder.space == Tokens(vocab_size=8, shape=(3,))
    assert torch.equal(encoder.encode(ROUNDS), encoded(Model.load(codes_folder, small), ROUNDS))


def test_a_model_is_found_again_by_its_digest_wherever_it_lies(
    small: Registry, vae_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "models" / "rounds" / "elsewhere"
    shutil.copytree(vae_folder, moved)
    monkeypatch.setenv("GENWRIGHT_HOME", str(tmp_path))
    encoder = latent(small, "rounds/gone")
    encoder.restore({"model": Checkpoint.open(vae_folder).digest, "scale": 2.0})
    assert encoder.encode(["abc"]).shape == (1, 4)
    assert encoder.state() == {"model": Checkpoint.open(vae_folder).digest, "scale": 2.0}


def test_another_model_in_the_place_of_the_one_that_encoded_is_refused(
    small: Registry, vae_folder: Path, codes_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENWRIGHT_HOME", str(tmp_path))
    digest = Checkpoint.open(vae_folder).digest
    for model in (codes_folder, tmp_path / "nowhere"):
        with pytest.raises(
            CheckpointError,
            match=rf"what was encoded by '{model}' is decoded by it alone: model {digest[:12]} is needed; none of the",
        ):
            latent(small, model).restore({"model": digest, "scale": 1.0})


def test_a_model_that_is_not_there_is_named(small: Registry) -> None:
    with pytest.raises(UnknownName, match="there is no model named 'rounds/nothing'"):
        latent(small, "rounds/nothing").fit(ROUNDS)


def test_a_model_of_another_domain_is_refused(small: Registry, vae_folder: Path) -> None:
    with pytest.raises(MismatchError, match=r"an encoder of images wraps a model of images; .* is one of rounds"):
        latent(small, vae_folder, "images").fit(ROUNDS)


def test_a_model_with_the_other_kind_of_latents_is_refused(
    small: Registry, vae_folder: Path, codes_folder: Path
) -> None:
    with pytest.raises(MismatchError, match=r"whose latents are continuous; .* are tokens. Use the encoder 'codes'"):
        latent(small, codes_folder).fit(ROUNDS)
    with pytest.raises(MismatchError, match=r"whose latents are tokens; .* are continuous. Use the encoder 'latent'"):
        codes(small, vae_folder).fit(ROUNDS)


def test_items_that_the_model_cannot_take_are_passed_over_where_it_learns(small: Registry, vae_folder: Path) -> None:
    one, other = latent(small, vae_folder), latent(small, vae_folder)
    one.fit(ROUNDS)
    other.fit([*ROUNDS, "ABC"])
    assert one.state() == other.state()
    with pytest.raises(DataError, match="it takes none of 1"):
        other.fit(["ABC"])


def test_no_text_starts_a_latent(small: Registry, vae_folder: Path) -> None:
    with pytest.raises(ConditionError, match=r"here they are latents of 'my model'. Leave 'abc' out"):
        latent(small, "my model").prefix("abc")


def test_a_model_of_latents_generates_records_and_replays(
    rounds_file: Path, vae_folder: Path, tmp_path: Path, store: MemoryStore, small: Registry
) -> None:
    recipe = toy_recipe(
        rounds_file,
        encoder=use("latent", model=str(vae_folder)),
        family=use("vae", latent=4),
        backbone=use("small"),
        conditions=(),
        steps=100,
    )
    gw.train(recipe, folder=tmp_path / "latents", store=store, device="cpu")
    samples = gw.generate(tmp_path / "latents", 40, seed=3, rows=16, store=store)
    assert sum(sample.is_valid for sample in samples) > 10
    assert len({sample.item for sample in samples}) > 8
    assert [sample.item for sample in gw.generate(tmp_path / "latents", 3, seed=3, rows=16, store=False)] == [
        sample.item for sample in samples[:3]
    ]
    assert gw.audit(samples[17], store=store).outcome == "identical"
    assert [verdict.outcome for verdict in gw.replay(samples.run.id, store=store)] == ["identical"] * 40


def test_a_prior_over_codes_generates_and_replays(
    rounds_file: Path, codes_folder: Path, tmp_path: Path, store: MemoryStore
) -> None:
    recipe = toy_recipe(
        rounds_file,
        encoder=use("codes", model=str(codes_folder)),
        family=use("autoregressive"),
        backbone=use("transformer", width=16, depth=1, heads=2),
        conditions=(),
        steps=80,
    )
    gw.train(recipe, folder=tmp_path / "prior", store=store, device="cpu")
    samples = gw.generate(tmp_path / "prior", 30, seed=3, rows=16, store=store)
    assert sum(sample.is_valid for sample in samples) > 10
    assert [verdict.outcome for verdict in gw.replay(samples.run.id, store=store)] == ["identical"] * 30


def test_a_model_whose_model_is_gone_says_which_it_needs(
    trained_small: Callable[..., Path], vae_folder: Path, tmp_path: Path, small: Registry
) -> None:
    wrapped = tmp_path / "wrapped"
    shutil.copytree(vae_folder, wrapped)
    folder = trained_small(tmp_path / "outer", use("gan", latent=2), encoder=use("latent", model=str(wrapped)), steps=1)
    assert Model.load(folder, small).encoder.space == Continuous(shape=(4,), axes=("Z",))
    shutil.rmtree(wrapped)
    with pytest.raises(CheckpointError, match=f"model {Checkpoint.open(vae_folder).digest[:12]} is needed"):
        Model.load(folder, small)
