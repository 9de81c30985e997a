"""Training that is stopped, or killed, and taken up."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import genwright.trainer
from genwright.errors import RecipeError, TrainingError
from genwright.kernels import use
from genwright.testing.toys import ROUNDS
from genwright.trainer import Progress, Trainer, saved_step

pytestmark = pytest.mark.usefixtures("interruptible")

Letters = Callable[..., Trainer]


class Stop(Exception):
    """Raised where a training run is to be stopped."""


def stopping_at(step: int) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if progress.step == step:
            raise Stop

    return report


def same(one: Trainer, other: Trainer) -> bool:
    mine, theirs = one.family.state_dict(), other.family.state_dict()
    return all(torch.equal(mine[name], theirs[name]) for name in mine) and all(
        torch.equal(one.average[name], other.average[name]) for name in one.average
    )


@pytest.mark.usefixtures("save_always")
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_run_stopped_again_and_again_gives_the_same_weights(tmp_path: Path, letters: Letters, optimizer: str) -> None:
    whole = letters(dropout=0.2, optimizer=optimizer)
    whole.run()
    for step in (1, 2, 9, 16, 17, 20):
        stopped = letters(dropout=0.2, optimizer=optimizer, state=tmp_path / "state", on_report=stopping_at(step))
        with pytest.raises(Stop):
            stopped.run()
    resumed = letters(dropout=0.2, optimizer=optimizer, state=tmp_path / "state")
    resumed.run()
    assert resumed.step == 20
    assert same(resumed, whole)
    assert not same(letters(dropout=0.2, optimizer=optimizer), whole)


@pytest.mark.usefixtures("save_always")
def test_a_run_that_was_killed_gives_the_same_weights(tmp_path: Path, letters: Letters) -> None:
    whole = letters(steps=40)
    whole.run()
    state = tmp_path / "state"
    code = f"""
        import time, genwright.trainer
        from pathlib import Path
        from genwright.recipe import Recipe
        from genwright.testing.toys import ROUNDS, Rounds, toy_registry
        from genwright.training import prepared
        genwright.trainer._SAVE_SECONDS = -1.0
        recipe = Recipe.from_json({whole.recipe.to_json()!r})
        model, examples = prepared(recipe, Rounds(), ROUNDS, toy_registry())
        def report(progress):
            print(progress.step, flush=True)
            time.sleep(0.02)
        genwright.trainer.Trainer(
            recipe, model.family, examples, state=Path({str(state)!r}), accelerator="cpu", log_every=1, on_report=report
        ).run()
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as steps:
        for step in steps:
            if int(step) >= 11:
                process.send_signal(signal.SIGKILL)
                break
    assert process.wait() == -signal.SIGKILL
    started: list[int] = []
    resumed = letters(steps=40, state=state, on_report=lambda progress: started.append(progress.step))
    resumed.run()
    assert 10 < started[0] < 40
    assert same(resumed, whole)


def interrupting(trainer: Trainer, step: int, times: int) -> Trainer:
    """Have Ctrl-C pressed in the midst of a step, when some of its weights have been moved."""

    def press(optimizer: Any, *_: Any) -> None:
        if trainer.step == step:
            for _time in range(times):
                signal.raise_signal(signal.SIGINT)

    trainer.optimizers[0][0].register_step_post_hook(press)
    return trainer


def test_a_run_that_is_interrupted_finishes_its_step_and_saves(tmp_path: Path, letters: Letters) -> None:
    """Up to two minutes of training were once lost."""
    whole = letters(optimizer="muon")
    whole.run()
    with pytest.raises(KeyboardInterrupt):
        interrupting(letters(optimizer="muon", state=tmp_path / "state"), 7, times=1).run()
    assert saved_step(tmp_path / "state") == 8
    resumed = letters(optimizer="muon", state=tmp_path / "state")
    resumed.run()
    assert same(resumed, whole)


def test_a_step_that_is_cut_off_is_not_saved(tmp_path: Path, letters: Letters) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupting(letters(optimizer="muon", state=tmp_path / "state"), 7, times=2).run()
    assert saved_step(tmp_path / "state") is None


def test_an_interruption_before_the_first_step_saves_nothing(tmp_path: Path, letters: Letters) -> None:
    trainer = letters(state=tmp_path / "state")
    trainer._batches = lambda: signal.raise_signal(signal.SIGINT)  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert not (tmp_path / "state").exists()


@pytest.mark.usefixtures("save_always")
def test_a_run_that_was_finished_is_only_taken_up(tmp_path: Path, letters: Letters) -> None:
    whole = letters(state=tmp_path / "state")
    whole.run()
    again = letters(state=tmp_path / "state", on_report=stopping_at(1))
    again.run()
    assert same(again, whole)


@pytest.mark.usefixtures("save_always")
def test_a_run_on_other_data_is_not_taken_up(tmp_path: Path, letters: Letters) -> None:
    letters(state=tmp_path / "state").run()
    with pytest.raises(RecipeError, match="a training run whose data has the digest"):
        letters(items=ROUNDS[1:], state=tmp_path / "state").run()


def test_a_run_of_another_recipe_is_not_taken_up(tmp_path: Path, letters: Letters) -> None:
    """Two digests were once all that was said of what differs."""
    letters(state=tmp_path / "state").run()
    changes = (
        r"backbone\.dropout was 0\.0, is 0\.1; backbone\.norm was not given, is 'x'; seed was 0, is 1; steps was 20, is"
    )
    other = letters(seed=1, steps=30, dropout=0.1, state=tmp_path / "state")
    other.recipe.backbone.options["norm"] = "x"  # type: ignore[index]
    with pytest.raises(RecipeError, match=rf"holds a run by another: {changes} 30\. Go on with that, remove the file"):
        other.run()


@pytest.mark.usefixtures("save_always")
def test_a_run_goes_on_with_the_kernels_that_were_asked_for(tmp_path: Path, letters: Letters) -> None:
    """With others the weights are not those of a run that was never stopped, and nothing told of it."""
    with use("reference"), pytest.raises(Stop):
        letters(state=tmp_path / "state", on_report=stopping_at(5)).run()
    told = r"holds a run that asked for \{'everywhere': 'reference'\}, this one for none\. Ask for those"
    with pytest.raises(RecipeError, match=told):
        letters(state=tmp_path / "state").run()
    with use("reference"):
        letters(state=tmp_path / "state").run()
    assert saved_step(tmp_path / "state") == 20


def test_a_state_of_before_kernels_could_be_asked_for_is_taken_up(
    tmp_path: Path, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = letters()._identity
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_identity", {name: identity[name] for name in ("recipe", "data")})
        letters(state=tmp_path / "state").run()
    letters(state=tmp_path / "state").run()
    with use("reference"), pytest.raises(RecipeError, match="a run that asked for none"):
        letters(state=tmp_path / "state").run()


def test_a_state_without_its_recipe_is_named(tmp_path: Path, letters: Letters, monkeypatch: pytest.MonkeyPatch) -> None:
    """Earlier ones held a digest of it."""
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_identity", {"recipe": "0" * 64, "data": "1" * 64})
        letters(state=tmp_path / "state").run()
    with pytest.raises(TrainingError, match=r"it does not hold its recipe, as in an earlier version\. Remove it to"):
        letters(state=tmp_path / "state").run()


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\x10" + b"\0" * 30])
def test_a_state_that_cannot_be_read_is_named(tmp_path: Path, letters: Letters, content: bytes) -> None:
    (tmp_path / "state").write_bytes(content)
    with pytest.raises(TrainingError, match=r"state should hold where training stood.*Remove it to begin anew"):
        letters(state=tmp_path / "state").run()


@pytest.mark.usefixtures("save_always")
def test_a_save_that_fails_leaves_the_last_one(
    tmp_path: Path, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Stop):
        letters(state=tmp_path / "state", on_report=stopping_at(5)).run()
    before = (tmp_path / "state").read_bytes()

    def fail(*arguments: Any) -> None:
        Path(arguments[1]).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(genwright.trainer, "save_file", fail)
    with pytest.raises(OSError, match="no space"):
        letters(state=tmp_path / "state").run()
    assert (tmp_path / "state").read_bytes() == before
