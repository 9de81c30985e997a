"""The contract with plugins: thirteen hooks that declare components, four that observe a run.

A plugin implements any of them with `@hookimpl` in the module that its entry point names:

    [project.entry-points."genwright.v1"]
    audio = "genwright_audio.plugin"

Declaring hooks return specs, which are data. Observing hooks are called at moments of a run; an
exception in one detaches its plugin for the rest of the run and is written into the run's record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from genwright.specs import (
    BackboneSpec,
    CommandSpec,
    DatasetSpec,
    DomainSpec,
    EncoderSpec,
    EngineSpec,
    ExporterSpec,
    FamilySpec,
    MetricSpec,
    ModelSpec,
    ReviewerSpec,
    SamplerSpec,
    StoreSpec,
)

if TYPE_CHECKING:
    from genwright.run import Run
    from genwright.samples import Sample

__all__ = ["API_VERSION", "ENTRY_POINTS", "PROJECT", "Declaring", "Observing", "hookimpl", "hookspec"]

PROJECT, API_VERSION = "genwright", 1
ENTRY_POINTS = f"genwright.v{API_VERSION}"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Declaring:
    """Hooks that say what a plugin contributes. They are called once, when plugins are found."""

    @hookspec
    def register_domains(self) -> Iterable[DomainSpec]:  # type: ignore[empty-body]
        """Return kinds of things to generate."""

    @hookspec
    def register_encoders(self) -> Iterable[EncoderSpec]:  # type: ignore[empty-body]
        """Return maps between items and tensors; the domain may be another plugin's."""

    @hookspec
    def register_backbones(self) -> Iterable[BackboneSpec]:  # type: ignore[empty-body]
        """Return networks, with the roles they can serve."""

    @hookspec
    def register_families(self) -> Iterable[FamilySpec]:  # type: ignore[empty-body]
        """Return objectives, with the reading they offer."""

    @hookspec
    def register_samplers(self) -> Iterable[SamplerSpec]:  # type: ignore[empty-body]
        """Return procedures, with the reading they need."""

    @hookspec
    def register_metrics(self) -> Iterable[MetricSpec]:  # type: ignore[empty-body]
        """Return metrics: samples and a reference in, a value with its uncertainty out."""

    @hookspec
    def register_models(self) -> Iterable[ModelSpec]:  # type: ignore[empty-body]
        """Return checkpoints that come with the plugin; one of a domain may be its default."""

    @hookspec
    def register_datasets(self) -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
        """Return named data, with url, digest and licence."""

    @hookspec
    def register_reviewers(self) -> Iterable[ReviewerSpec]:  # type: ignore[empty-body]
        """Return reviewers, which give each sample a verdict before it is recorded."""

    @hookspec
    def register_stores(self) -> Iterable[StoreSpec]:  # type: ignore[empty-body]
        """Return stores, by URL scheme."""

    @hookspec
    def register_engines(self) -> Iterable[EngineSpec]:  # type: ignore[empty-body]
        """Return engines, which spread a run over processes or machines."""

    @hookspec
    def register_exporters(self) -> Iterable[ExporterSpec]:  # type: ignore[empty-body]
        """Return formats of recorded samples, by name and by what files in them end in."""

    @hookspec
    def register_commands(self) -> Iterable[CommandSpec]:  # type: ignore[empty-body]
        """Return click groups for the command line."""


class Observing:
    """Hooks called at moments of a run."""

    @hookspec
    def on_run_started(self, run: Run) -> None:
        """Called once, after the recipe or checkpoint is resolved and before data is read."""

    @hookspec
    def on_step(self, run: Run, step: int, losses: Mapping[str, float]) -> None:
        """Called every `log_every` training steps, counted from 1."""

    @hookspec
    def on_samples(self, run: Run, samples: Sequence[Sample[Any]]) -> None:
        """Called with each batch of samples, decoded, checked and reviewed."""

    @hookspec
    def on_run_finished(self, run: Run, error: BaseException | None) -> None:
        """Called once, whatever happened; `error` is None on success."""
