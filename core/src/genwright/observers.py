"""Tells plugins what happens in a run, and detaches those that fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    import pluggy

    from genwright.run import Run
    from genwright.samples import Sample

__all__ = ["Observers"]


@final
class Observers:
    """The observing hooks of the plugins, for one run.

    An observer that raises is called no more, and `notes` says so in a sentence for the run's record: it neither stops
    a run of days nor passes unseen.
    """

    def __init__(self, hooks: Mapping[str, pluggy.HookRelay]) -> None:
        self._hooks = dict(hooks)
        self.notes: list[str] = []

    def on_run_started(self, run: Run) -> None:
        """Tell that a run starts."""
        self._tell("on_run_started", run=run)

    def on_step(self, run: Run, step: int, losses: Mapping[str, float]) -> None:
        """Tell the losses of a training step."""
        self._tell("on_step", run=run, step=step, losses=losses)

    def on_samples(self, run: Run, samples: Sequence[Sample[Any]]) -> None:
        """Tell of a batch of samples."""
        self._tell("on_samples", run=run, samples=samples)

    def on_run_finished(self, run: Run, error: BaseException | None) -> None:
        """Tell that a run ended."""
        self._tell("on_run_finished", run=run, error=error)

    def _tell(self, moment: str, **facts: Any) -> None:
        for plugin, hooks in list(self._hooks.items()):
            try:
                getattr(hooks, moment)(**facts)
            except (Exception, SystemExit) as error:
                del self._hooks[plugin]
                reason = f"{type(error).__name__}: {error}".rstrip(": ")
                self.notes.append(f"plugin {plugin!r} failed in {moment} and observed no further: {reason}")
