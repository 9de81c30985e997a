"""Running something and writing down what it was, what it gave and how it ended."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, final

from genwright import library
from genwright.checkpoint import Checkpoint
from genwright.engine import Engine
from genwright.errors import MismatchError, StoreError, UsageError
from genwright.generation import Generation, reviewed
from genwright.kernels.policy import Policy
from genwright.kernels.record import Chosen, told
from genwright.machine import machine
from genwright.memory import MemoryStore
from genwright.model import Model
from genwright.observers import Observers
from genwright.options import make
from genwright.recipe import Component
from genwright.registry import Registry
from genwright.rows import TILE
from genwright.run import Environment, Run, State, current_environment, new_run_id
from genwright.samples import Sample, Samples
from genwright.stage import Stage
from genwright.store import Record, Store, StoredCheckpoint, open_store

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Recording", "environment", "generation_of", "new_run", "stored"]


@final
class Recording:
    """A store, or none, and the observers of one run."""

    def __init__(self, store: Store | None, registry: Registry, *, owned: bool) -> None:
        self.store, self.registry, self._owned = store, registry, owned
        self.observers = Observers(registry.hooks)
        # Which kernels served: of drawing, those that its generation writes down.
        self.chosen: Chosen = {}

    @property
    def where(self) -> str | Store | None:
        """What opens the store again: its URL, or the store itself if it was given open; None for none."""
        # The URL of a store in memory opens another one, with nothing in it.
        if self.store is None or isinstance(self.store, MemoryStore) or not self._owned:
            return self.store
        return self.store.url

    @classmethod
    def of(cls, where: str | Store | Literal[False] | None, registry: Registry) -> Recording:
        """Return a recording to the store at a URL, to a store, to none if False, to the default one if None."""
        if where is False:
            return cls(None, registry, owned=False)
        return cls(open_store(where), registry, owned=where is None or isinstance(where, str))

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store, if it was opened here."""
        if self.store is not None and self._owned:
            self.store.close()

    @contextmanager
    def preparing(self) -> Iterator[Store | None]:
        """Let go of the store if what is prepared with it fails; what was prepared lets go of it in the end."""
        try:
            yield self.store
        except BaseException:
            self.close()
            raise

    def generated(
        self, generation: Generation[Any], n: int, *, engine: Component, batch_size: int, reviewers: Sequence[str] = ()
    ) -> Generator[Samples[Any], None, None]:
        """Yield the samples of a new run. Raises UnknownName or MismatchError for a reviewer or an engine at once."""
        run = new_run("generate", generation.model, generation, planned=n, reviewers=reviewers)
        made = self._reviewers(reviewers, run.domain)
        drawn = self._engine(engine).samples(generation, run.id, range(n))
        self.put_model(generation.model)
        return self._batches(run, generation, drawn, batch_size, made, count=n)

    def staged(
        self, generation: Generation[Any], n: int, *, size: int | None, reviewers: Sequence[str] = ()
    ) -> Generator[Stage[Any], None, None]:
        """Yield the stages of the samples of a new run, one sample after another, each recorded once it is whole."""
        generation.check_stages()
        run = new_run("generate", generation.model, generation, planned=n, reviewers=reviewers)
        made = self._reviewers(reviewers, run.domain)
        self.put_model(generation.model)
        return self._stages(run, generation, n, size, made)

    def _stages(
        self, run: Run, generation: Generation[Any], n: int, size: int | None, reviewers: Mapping[str, Any]
    ) -> Generator[Stage[Any], None, None]:
        self.chosen = generation.chosen
        with self:
            with self.running(run):
                for index in range(n):
                    for item in generation.stages(index, size=size):
                        yield Stage(run=run, index=index, item=item)
                    batch = self._put([generation.sample(run.id, index, item)], run, generation, reviewers)
                    if index < n - 1:
                        yield Stage(run=run, index=index, item=item, sample=batch[0])
            ended = replace(run, state="finished", finished=time.time_ns(), notes=tuple(self._notes()))
            yield Stage(run=ended, index=index, item=item, sample=batch[0])

    def _put(
        self, batch: Sequence[Sample[Any]], run: Run, generation: Generation[Any], reviewers: Mapping[str, Any]
    ) -> Samples[Any]:
        """Have samples reviewed, record them, and tell the observers."""
        domain = generation.model.domain
        samples = Samples(reviewed(batch, reviewers), run=run, domain=domain, store=self.where)
        if self.store is not None:
            media_type = self.registry.get("domain", domain.name).media_type
            self.store.put_samples([_record(sample, domain, media_type) for sample in samples])
        self.observers.on_samples(run, samples)
        return samples

    def put_model(self, model: Model[Any] | None) -> None:
        """Record the checkpoint of a model, and those of the models that its encoder is made of."""
        while self.store is not None and model is not None and model.checkpoint is not None:
            self.store.put_checkpoint(stored(model.checkpoint))
            inner = getattr(model.encoder, "source", None)
            model = inner if isinstance(inner, Model) else None

    def resumed(self, id: str, *, batch_size: int) -> Generator[Samples[Any], None, None]:
        """Yield the samples that a run planned and has not recorded."""
        if self.store is None:
            raise UsageError("a run is resumed in the store that holds it; got store=False. Name the store.")
        run = self.store.run(id)
        generation = generation_of(run, self.registry)
        drift = run.environment.drift(environment(self.registry, run.environment.device, run.environment.threads))
        self.observers.notes += [*run.notes, *(f"resumed where {change}" for change in drift)]
        made = self._reviewers(run.config.get("reviewers", ()), run.domain)
        missing = list(self.store.missing(run.id))
        drawn = generation.samples(run.id, missing)
        return self._batches(run, generation, drawn, batch_size, made, count=len(missing), resumed=True)

    def _reviewers(self, names: Sequence[str], domain: str) -> dict[str, Any]:
        for name in names:
            self.registry.check_domain("reviewer", name, domain)
        return {name: make(self.registry.get("reviewer", name), {}) for name in names}

    def _engine(self, engine: Component) -> Engine:
        return make(self.registry.get("engine", engine.name), engine.options)  # type: ignore[no-any-return]

    @contextmanager
    def running(self, run: Run, *, resumed: bool = False) -> Iterator[None]:
        """Record that a run starts and, whatever happens, how it ends."""
        if self.store is not None and resumed:
            self.store.finish_run(run.id, "running", notes=run.notes)
        elif self.store is not None:
            self.store.put_run(run)
        self.observers.on_run_started(run)
        state: State = "finished"
        error: BaseException | None = None
        try:
            yield
        except (GeneratorExit, KeyboardInterrupt) as stop:
            state, error = "interrupted", stop
            raise
        except BaseException as failure:
            state, error = "failed", failure
            raise
        finally:
            self.observers.on_run_finished(run, error)
            self._finish(run, state, error)

    def _finish(self, run: Run, state: State, error: BaseException | None) -> None:
        """Record how a run ended. Where that fails too, it is a note on what ended the run, and hides it no more."""
        if self.store is None:
            return
        text = _plain(f"{type(error).__name__}: {error}".rstrip(": ")) if error else None
        try:
            self.store.finish_run(run.id, state, error=text, notes=self._notes())
        except StoreError as failure:
            if error is None:
                raise
            error.add_note(f"The end of run {run.id} could not be recorded: {failure}")

    def _notes(self) -> list[str]:
        """Return what is to be known of a run beside itself, each sentence once."""
        notes = (*self.observers.notes, told(self.chosen))
        return [_plain(note) for note in dict.fromkeys(notes) if note]

    def _batches(
        self,
        run: Run,
        generation: Generation[Any],
        drawn: Iterator[Sample[Any]],
        batch_size: int,
        reviewers: Mapping[str, Any],
        *,
        count: int,
        resumed: bool = False,
    ) -> Generator[Samples[Any], None, None]:
        self.chosen = generation.chosen
        with self:
            with self.running(run, resumed=resumed):
                while batch := list(islice(drawn, batch_size)):
                    samples = self._put(batch, run, generation, reviewers)
                    count -= len(samples)
                    if count <= 0:
                        break
                    yield samples
            # After the run has ended, since nothing is left to interrupt for who takes the last batch and stops there.
            if batch:
                ended = replace(run, state="finished", finished=time.time_ns(), notes=tuple(self._notes()))
                yield Samples(list(samples), run=ended, domain=samples.domain, store=self.where)


def new_run(
    kind: Literal["generate", "replay"],
    model: Model[Any],
    generation: Generation[Any],
    *,
    planned: int,
    reviewers: Sequence[str] = (),
    parent: str | None = None,
) -> Run:
    """Return a run that starts now, with all that decides its samples."""
    checkpoint = model.checkpoint
    if checkpoint is None:
        raise UsageError(
            "samples are generated from a model with a checkpoint; this one is in training. Save it first."
        )
    return Run(
        id=new_run_id(),
        kind=kind,
        domain=model.domain.name,
        environment=environment(generation.registry, generation.device, generation.threads),
        model=checkpoint.name,
        checkpoint=checkpoint.digest,
        config={**generation.config(), "reviewers": list(reviewers), "folder": str(checkpoint.folder.resolve())},
        seed=generation.seed,
        planned=planned,
        parent=parent,
    )


def environment(registry: Registry, device: str, threads: int) -> Environment:
    """Return the environment of this process."""
    plugins = [plugin.origin for plugin in registry.plugins if plugin.trouble is None]
    contents = registry.contents
    return current_environment(
        device=device, threads=threads, plugins=plugins, machine=machine(device), contents=contents
    )


def generation_of(run: Run, registry: Registry, *, model: Model[Any] | None = None) -> Generation[Any]:
    """Return what decided a run's samples.

    model: one that is loaded, and used if it is the run's

    Raises UsageError if it drew none or does not say how, CheckpointError if its model is no longer here, MismatchError
    if its sampler is of another version now, or its rows were of before invariance was 16 of them.
    """
    if run.kind != "generate":
        raise UsageError(
            f"run {run.id} should be one that generated samples; it is of kind {run.kind!r}. "
            "List such runs with: genwright runs list --kind generate."
        )
    if missing := [name for name in ("sampler", "where", "rows") if name not in run.config]:
        raise UsageError(
            f"the config of run {run.id} should say how it drew; it has no {', '.join(missing)}. "
            "Check the store with: genwright audit verify."
        )
    kernels = Policy.from_json(run.config.get("kernels", {}))
    if kernels.invariant and run.config["rows"] != TILE:
        raise MismatchError(
            f"run {run.id} asked for invariant kernels at {run.config['rows']} rows; since then they are drawn {TILE} "
            "at a time, which gives other bits. Draw them anew, or with the version of then."
        )
    generation = Generation(
        model=_model_of(run, registry, model),
        sampler=Component.read(run.config["sampler"]),
        where=run.config["where"],
        seed=run.seed,
        rows=run.config["rows"],
        registry=registry,
        precision=run.config.get("precision", "float32"),
        threads=run.environment.threads,
        kernels=kernels,
    )
    _check_samplers(run, generation)
    return generation


def _model_of(run: Run, registry: Registry, loaded: Model[Any] | None) -> Model[Any]:
    known = None if loaded is None or loaded.checkpoint is None else (loaded.checkpoint.digest, str(loaded.device))
    if loaded is not None and known == (run.checkpoint, run.environment.device):
        return loaded
    checkpoint = library.find_digest(run.checkpoint, registry, folder=run.config.get("folder", ""))
    return Model.load(checkpoint, registry, device=run.environment.device)


def _check_samplers(run: Run, generation: Generation[Any]) -> None:
    present = generation.config()["samplers"]
    recorded = run.config.get("samplers", present)
    if recorded != present:
        raise MismatchError(
            f"run {run.id} drew with {', '.join(recorded)}; here are {', '.join(present)}, "
            "which give other samples. Install the plugins that the run names."
        )


def _plain(text: str) -> str:
    """Return text that every store keeps: NUL and lone surrogates written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _record(sample: Sample[Any], domain: Any, media_type: str) -> Record:
    return Record(
        run=sample.run,
        index=sample.index,
        seed=sample.seed,
        payload=domain.to_bytes(sample.item),
        media_type=media_type,
        flaw=sample.flaw,
        canonical=sample.canonical,
        identity=sample.identity,
        reviews=sample.reviews,
    )


def stored(checkpoint: Checkpoint) -> StoredCheckpoint:
    """Return what a store keeps of a checkpoint."""
    return StoredCheckpoint(
        digest=checkpoint.digest,
        name=checkpoint.name,
        domain=checkpoint.domain,
        card=(checkpoint.folder / "card.json").read_text(encoding="utf-8"),
        files=checkpoint.files,
    )
