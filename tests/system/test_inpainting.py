"""Images drawn around a part of one are recorded with it and replayed, in whatever process."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import genwright as gw
from genwright.cli import main
from genwright.errors import MismatchError, OptionError, ShapeError
from genwright.known import written
from genwright.memory import MemoryStore
from genwright.model import Model
from genwright.recording import Recording
from genwright.registry import Plugin, Registry, discover
from genwright.seeds import Noise
from genwright.training import trained
from genwright_images import plugin
from genwright_images.domain import Images

SIDE = 8


def pictures(count: int) -> list[Image.Image]:
    bits = Noise(0, torch.arange(count)).bits("pictures", 0, SIDE * SIDE) >> 24
    return [Image.fromarray(row.reshape(SIDE, SIDE)) for row in bits.numpy().astype(np.uint8)]


@pytest.fixture(scope="module")
def registry() -> Registry:
    specs = [spec for hook in vars(plugin) if hook.startswith("register_") for spec in getattr(plugin, hook)()]
    images = Plugin(name="images", distribution="genwright-images", version="0.1.0", specs=tuple(specs))
    return Registry([discover(only=[]).plugins[0], images], {})


@pytest.fixture
def here(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("api", "cli.generate"):
        monkeypatch.setattr(f"genwright.{module}.registry", lambda: registry)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Model[Any]:
    family, backbone = gw.use("flow"), gw.use("unet", width=8, multipliers=(1, 2), blocks=1)
    return tiny(tmp_path_factory.mktemp("inpainting"), registry, family=family, backbone=backbone)


TOKENS = {
    "pixelcnn": ("autoregressive", gw.use("pixelcnn", width=16, depth=2, reach=2)),
    "transformer": ("autoregressive", gw.use("transformer", width=16, depth=1, heads=2)),
    "masked": ("masked", gw.use("dit", width=16, depth=1, heads=2)),
}


@pytest.fixture(scope="module", params=TOKENS)
def tokens(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Model[Any]:
    family, backbone = TOKENS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    return tiny(folder, registry, encoder=gw.use("levels"), family=gw.use(family), backbone=backbone)


def tiny(folder: Path, registry: Registry, **components: gw.Component) -> Model[Any]:
    Images().write(pictures(12), folder / "pictures")
    recipe = gw.Recipe(
        domain="images",
        data=str(folder / "pictures"),
        steps=2,
        batch_size=4,
        held_out=0.0,
        precision="float32",
        **components,  # type: ignore[arg-type]
    )
    trained(
        recipe,
        Recording(None, registry, owned=False),
        name="images/tiny",
        folder=folder / "tiny",
        device="cpu",
        log_every=1,
        tensorboard=None,
        on_report=lambda progress: None,
    )
    return Model.load(folder / "tiny", registry)


@pytest.fixture
def free() -> np.ndarray:
    """The lower half."""
    return np.arange(SIDE)[:, None].repeat(SIDE, 1) >= SIDE // 2


def test_the_given_part_is_kept_and_the_rest_drawn(here: None, model: Model[Any], free: np.ndarray) -> None:
    (image,) = pictures(1)
    samples = gw.generate(model, 5, seed=3, known=(image, free), store=False)
    drawn = np.stack([np.asarray(item) for item in samples.items])
    assert (drawn[:, ~free] == np.asarray(image)[~free]).all()
    assert len({row.tobytes() for row in drawn[:, free]}) == 5


def test_what_was_drawn_around_a_part_is_replayed_from_the_record(
    here: None, model: Model[Any], free: np.ndarray, tmp_path: Path
) -> None:
    sampler = gw.use("guided", scale=1.0, inner=gw.use("ddpm", steps=4))
    with closing(gw.open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")) as store:
        samples = gw.generate(model, 4, seed=3, known=(pictures(1)[0], free), sampler=sampler, store=store)
        recorded = store.run(samples.run.id).config
        assert recorded["samplers"] == ["inpaint@1", "guided@1", "ddpm@1"]
        assert [verdict.outcome for verdict in gw.replay(samples.run.id, store=store)] == ["identical"] * 4
        assert gw.audit(samples[2].id, store=store).outcome == "identical"


def test_a_part_of_tokens_is_kept_and_what_was_drawn_around_it_is_replayed(
    here: None, tokens: Model[Any], free: np.ndarray, tmp_path: Path
) -> None:
    (image,), inner = pictures(1), "random" if tokens.recipe.family.name == "masked" else "top-p"
    with closing(gw.open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")) as store:
        samples = gw.generate(tokens, 20, seed=3, known=(image, free), sampler=inner, store=store, rows=16)
        drawn = np.stack([np.asarray(item) for item in samples.items])
        assert (drawn[:, ~free] == np.asarray(image)[~free]).all()
        assert len({row.tobytes() for row in drawn[:, free]}) == 20
        assert store.run(samples.run.id).config["samplers"] == ["inpaint@1", f"{inner}@1"]
        assert [verdict.outcome for verdict in gw.replay(samples.run.id, store=store)] == ["identical"] * 20
        assert gw.audit(samples[17].id, store=store).outcome == "identical"


@pytest.mark.parametrize("batch_size", [1, 7])
def test_a_sample_around_tokens_does_not_depend_on_its_batch(
    here: None, tokens: Model[Any], free: np.ndarray, batch_size: int
) -> None:
    given: dict[str, Any] = {"seed": 3, "known": (pictures(1)[0], free), "store": False, "rows": 16}
    whole, parts = (gw.generate(tokens, 9, batch_size=size, **given).items for size in (9, batch_size))
    assert [item.tobytes() for item in parts] == [item.tobytes() for item in whole]


@pytest.mark.parametrize("tokens", ["masked"], indirect=True)
def test_a_hole_before_what_is_given_is_filled_with_hidden_tokens(
    here: None, tokens: Model[Any], free: np.ndarray
) -> None:
    (image,) = pictures(1)
    (item,) = gw.generate(tokens, 1, seed=3, known=(image, ~free), store=False).items
    assert (np.asarray(item)[free] == np.asarray(image)[free]).all()


@pytest.mark.parametrize("tokens", ["pixelcnn", "transformer"], indirect=True)
def test_a_hole_before_what_is_given_is_refused_before_anything_is_recorded_where_tokens_follow_one_another(
    here: None, tokens: Model[Any], free: np.ndarray
) -> None:
    store = MemoryStore()
    with pytest.raises(MismatchError, match=r"free at \[0, 0\] and given at \[4, 0\], .*Give what comes first"):
        gw.generate(tokens, 1, known=(pictures(1)[0], ~free), store=store)
    assert list(store.runs()) == []


def test_a_trajectory_around_a_part_shows_it_at_every_call(here: None, model: Model[Any], free: np.ndarray) -> None:
    (image,), sampler = pictures(1), gw.use("heun", steps=3)
    steps = gw.trajectory(model, 2, seed=3, known=(image, free), sampler=sampler)
    assert len(steps) == 4
    shown = np.stack([np.asarray(item) for items in steps for item in items])
    assert (shown[:, ~free] == np.asarray(image)[~free]).all()


@pytest.mark.parametrize("tokens", ["masked"], indirect=True)
def test_a_trajectory_around_tokens_shows_the_part_at_every_call(
    here: None, tokens: Model[Any], free: np.ndarray
) -> None:
    (image,), sampler = pictures(1), gw.use("random", steps=3)
    steps = gw.trajectory(tokens, 2, seed=3, known=(image, ~free), sampler=sampler, rows=16)
    assert len(steps) == 4
    shown = np.stack([np.asarray(item) for items in steps for item in items])
    assert (shown[:, free] == np.asarray(image)[free]).all()


def test_the_command_line_draws_tokens_around_a_part_with_the_plainest_sampler(
    here: None, tokens: Model[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    monkeypatch.setattr("genwright.recording.open_store", lambda where: store)
    known = written(torch.full((SIDE, SIDE), -1))
    assert tokens.checkpoint is not None
    folder = str(tokens.checkpoint.folder)
    assert main(["generate", folder, "-n", "1", "--rows", "16", "--sampler", "inpaint", "-o", f"known={known}"]) == 0
    (run,) = store.runs()
    inner = {"masked": "confidence"}.get(tokens.recipe.family.name, "temperature")
    assert run.config["samplers"] == ["inpaint@1", f"{inner}@1"]


def test_a_sampler_that_is_no_denoiser_s_is_refused(here: None, model: Model[Any], free: np.ndarray) -> None:
    with pytest.raises(MismatchError, match="sampler 'temperature' needs a next-token"):
        gw.generate(model, 1, known=(pictures(1)[0], free), sampler="temperature", store=False)


@pytest.mark.parametrize(
    "known", [pictures(1)[0], (pictures(1)[0],), "x.png", (1, 2, 3)], ids=["image", "one", "path", "three"]
)
def test_what_is_no_pair_of_an_item_and_a_mask_is_refused(here: None, model: Model[Any], known: Any) -> None:
    with pytest.raises(OptionError, match=r"known is an item and a mask, .*; got .*\. Write known=\(item, free\)"):
        gw.generate(model, 1, known=known, store=False)


@pytest.mark.parametrize("item", ["x.png", np.zeros((SIDE, SIDE)), None], ids=["path", "array", "none"])
def test_what_is_no_image_is_refused(here: None, model: Model[Any], free: np.ndarray, item: Any) -> None:
    with pytest.raises(OptionError, match=r"(?s)an item of the model's domain.*; got .*\. Read the item first"):
        gw.generate(model, 1, known=(item, free), store=False)


@pytest.mark.parametrize("outer", [None, "guided"])
def test_a_part_of_another_shape_is_refused_before_anything_is_recorded(
    here: None, model: Model[Any], outer: str | None
) -> None:
    """It was once refused in the midst of a run, which then stood in the store as failed."""
    sampler, store = gw.use("inpaint", known=written(torch.zeros(3, 3))), MemoryStore()
    if outer is not None:
        sampler = gw.use(outer, scale=1.0, inner=sampler)
    with pytest.raises(ShapeError, match=r"has the sample's shape, \[1, 8, 8\], .* got \[3, 3\]\. Encode the item"):
        gw.generate(model, 1, sampler=sampler, store=store)
    assert list(store.runs()) == []


@pytest.mark.parametrize(
    ("options", "inner"),
    [
        ([], None),
        (["inner.steps=3"], {"name": "dpm-solver++", "steps": 3}),
        (["inner=ddpm", "inner.steps=3"], {"name": "ddpm", "steps": 3}),
    ],
)
@pytest.mark.parametrize("name", ["guided", "inpaint"])
def test_the_command_line_draws_with_the_plainest_sampler_inside_unless_another_is_named(
    here: None, model: Model[Any], monkeypatch: pytest.MonkeyPatch, name: str, options: list[str], inner: Any
) -> None:
    """It was once the one for tokens, whatever the model."""
    store = MemoryStore()
    monkeypatch.setattr("genwright.recording.open_store", lambda where: store)
    own = {"guided": "scale=1", "inpaint": f"known={written(torch.full((1, SIDE, SIDE), torch.nan))}"}[name]
    asked = [text for option in (own, *options) for text in ("-o", option)]
    assert model.checkpoint is not None
    assert main(["generate", str(model.checkpoint.folder), "-n", "1", "--rows", "16", "--sampler", name, *asked]) == 0
    (run,) = store.runs()
    assert run.config["sampler"].get("inner") == inner
    assert run.config["samplers"] == [f"{name}@1", f"{'dpm-solver++' if inner is None else inner['name']}@1"]
