from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pluggy
import pytest

from genwright.hooks import PROJECT, Observing, hookimpl
from genwright.observers import Observers
from genwright.run import Environment, Run

RUN = Run(
    id="0" * 32,
    kind="train",
    domain="x",
    environment=Environment(python="", platform="", device="cpu", threads=1, packages={}, plugins=()),
)


class Diary:
    def __init__(self, failure: BaseException | None = None) -> None:
        self.failure = failure
        self.moments: list[str] = []

    def tell(self, moment: str) -> None:
        self.moments.append(moment)
        if self.failure is not None:
            raise self.failure

    @hookimpl
    def on_run_started(self, run: Run) -> None:
        self.tell(f"started {run.kind}")

    @hookimpl
    def on_step(self, step: int, losses: Mapping[str, float]) -> None:
        self.tell(f"step {step} {losses['loss']}")

    @hookimpl
    def on_samples(self, samples: list[Any]) -> None:
        self.tell(f"{len(samples)} samples")

    @hookimpl
    def on_run_finished(self, error: BaseException | None) -> None:
        self.tell(f"finished {error!r}")


def observers(**diaries: Diary) -> Observers:
    hooks = {}
    for name, diary in diaries.items():
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(Observing)
        manager.register(diary)
        hooks[name] = manager.hook
    return Observers(hooks)


def whole_run(watched: Observers) -> None:
    watched.on_run_started(RUN)
    watched.on_step(RUN, 1, {"loss": 0.5})
    watched.on_samples(RUN, [])
    watched.on_run_finished(RUN, None)


def test_every_moment_of_a_run_is_told() -> None:
    diary = Diary()
    whole_run(observers(a=diary))
    assert diary.moments == ["started train", "step 1 0.5", "0 samples", "finished None"]


@pytest.mark.parametrize("failure", [ValueError("no disk"), SystemExit(1)])
def test_an_observer_that_fails_is_called_no_more_and_the_others_are(failure: BaseException) -> None:
    bad, good = Diary(failure), Diary()
    watched = observers(bad=bad, good=good)
    whole_run(watched)
    assert bad.moments == ["started train"]
    assert len(good.moments) == 4
    reason = f"{type(failure).__name__}: {failure}"
    assert watched.notes == [f"plugin 'bad' failed in on_run_started and observed no further: {reason}"]


def test_an_interrupt_is_not_taken_for_an_observers_failure() -> None:
    with pytest.raises(KeyboardInterrupt):
        whole_run(observers(bad=Diary(KeyboardInterrupt())))


def test_observers_of_installed_plugins_are_told(install: Callable[..., None]) -> None:
    from genwright.registry import discover

    install("loud", "from genwright.hooks import hookimpl\n@hookimpl\ndef on_step(step):\n    raise OSError(step)\n")
    watched = Observers(discover().hooks)
    whole_run(watched)
    assert watched.notes == ["plugin 'loud' failed in on_step and observed no further: OSError: 1"]
