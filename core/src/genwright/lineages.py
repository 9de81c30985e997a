"""Where a sample comes from, down to the data its model learned from, and what was done with it since.

Everything is read from the store, which keeps the cards of models, so it is told where they are gone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from genwright.diagram import Box, drawn, outlined
from genwright.errors import UnknownName
from genwright.replays import Replay, replays_of
from genwright.run import Run
from genwright.samples import Sample
from genwright.store import Record, Score, Store, is_text, open_store

__all__ = ["Ancestor", "Lineage", "lineage", "lineage_of"]


@dataclass(frozen=True, kw_only=True)
class Ancestor:
    """A model that a sample, or another model, comes from.

    role:     "model" of the sample; "encoder" or "start" of another model
    card:     what the model says of itself; empty where the store has no card of it, or one that cannot be read
    files:    each file's SHA-256 and size
    training: the run that made it, where the store has that
    parents:  the models that it was made with
    """

    role: str
    digest: str
    name: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    training: Run | None = None
    parents: tuple[Ancestor, ...] = ()

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What decided its weights, as plain data."""
        return _table(self.card.get("recipe"))

    @property
    def recipe_digest(self) -> str:
        """The digest that is the recipe's name; "" where there is none."""
        # As in Recipe.digest, of a card that may be of a version with other fields.
        text = json.dumps(self.recipe, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest() if self.recipe else ""

    @property
    def data(self) -> str:
        """The name or path of the data it learned from."""
        return str(self.recipe.get("data", ""))

    @property
    def data_sha256(self) -> str:
        """The digest of these data; "" where the recipe does not state it."""
        return str(self.recipe.get("data_sha256", ""))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, with its parents; of the card, all but the encoder's state."""
        return {
            "role": self.role,
            "digest": self.digest,
            "name": self.name,
            "recorded": bool(self.card),
            "files": {name: {"sha256": sha256, "bytes": size} for name, (sha256, size) in self.files.items()},
            "components": dict(_table(self.card.get("components"))),
            "recipe": {"digest": self.recipe_digest, **self.recipe} if self.recipe else None,
            "data": {"name": self.data, "sha256": self.data_sha256} if self.recipe else None,
            "trained": dict(_table(self.card.get("training"))),
            "training": None if self.training is None else _run_json(self.training),
            "parents": [parent.to_json() for parent in self.parents],
        }


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """A recorded sample with all that it comes from, and what was done with it since.

    scores:   of this sample alone
    replays:  newest first
    evidence: what the store says of the sample's place in its ledger; empty where it does not say
    """

    sample: Record
    run: Run
    model: Ancestor | None = None
    scores: tuple[Score, ...] = ()
    replays: tuple[Replay, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "sample": _sample_json(self.sample),
            "run": _run_json(self.run),
            "model": None if self.model is None else self.model.to_json(),
            "reviews": [asdict(review) for review in self.sample.reviews],
            "scores": [asdict(score) for score in self.scores],
            "replays": [asdict(replay) | {"drift": list(replay.drift)} for replay in self.replays],
            "evidence": dict(self.evidence),
        }

    def to_svg(self) -> str:
        """Return it as an SVG document, a box for each step."""
        return drawn(_of_sample(self))

    def __str__(self) -> str:
        return outlined(_of_sample(self))


def lineage(sample: Sample[Any] | str, *, store: str | Store | None = None) -> Lineage:
    """Return where a recorded sample comes from: run, model, recipe, data and their ancestors, and what came after.

    Needs nothing but the store: neither the model nor a plugin of its domain has to be here.

    Raises UnknownName if the store has no such sample.
    """
    id, opened = sample if isinstance(sample, str) else sample.id, open_store(store)
    with nullcontext(opened) if opened is store else closing(opened):
        return lineage_of(id, opened)


def lineage_of(id: str, store: Store) -> Lineage:
    """Return the lineage of a sample. Raises UnknownName if the store has no such sample."""
    sample = store.sample(id)
    run = store.run(sample.run)
    evidence = getattr(store, "evidence", None)
    return Lineage(
        sample=sample,
        run=run,
        model=_ancestor("model", run.checkpoint, store, frozenset()) if run.checkpoint else None,
        scores=tuple(score for score in store.scores(run.id) if score.index == sample.index),
        replays=tuple(replays_of(store, run, sample.index)),
        evidence=evidence(sample.id) if evidence is not None else {},
    )


def _ancestor(role: str, digest: str, store: Store, children: frozenset[str]) -> Ancestor:
    try:
        stored = store.checkpoint(digest)
    except UnknownName:
        return Ancestor(role=role, digest=digest)
    card = _card(stored.card)
    # A card that was changed may name its own model as what it came from.
    known = children | {digest}
    return Ancestor(
        role=role,
        digest=digest,
        name=stored.name,
        card=card,
        files=stored.files,
        training=_training(store, digest, stored.name, card),
        parents=tuple(_ancestor(kind, of, store, known) for kind, of in _parents(card) if of not in known),
    )


def _parents(card: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the models that a card names, by digest: what encodes for it, and what it started from."""
    for kind, digest in (
        ("encoder", _table(card.get("encoder")).get("model")),
        ("start", _table(card.get("recipe")).get("start")),
    ):
        if isinstance(digest, str) and digest:
            yield kind, digest


def _training(store: Store, digest: str, name: str, card: Mapping[str, Any]) -> Run | None:
    """Return the run that made a checkpoint: the one that its card names, else the one whose scores name it."""
    named = _table(card.get("training")).get("run")
    if isinstance(named, str) and re.fullmatch("[0-9a-f]{32}", named):
        try:
            run = store.run(named)
        except UnknownName:
            return None
        return run if run.kind == "train" and run.config.get("recipe") == card.get("recipe") else None
    made = f"checkpoint {digest}"
    trained = (run for run in store.runs(kind="train") if run.model == name)
    return next((run for run in trained if any(score.detail == made for score in store.scores(run.id))), None)


def _card(text: str) -> Mapping[str, Any]:
    try:
        return _table(json.loads(text))
    except (ValueError, RecursionError):
        return {}


def _table(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, Mapping) else {}


def _sample_json(sample: Record) -> dict[str, Any]:
    return {
        "id": sample.id,
        "index": sample.index,
        "seed": sample.seed,
        "item": sample.payload.decode(errors="replace") if is_text(sample.media_type) else None,
        "media_type": sample.media_type,
        "bytes": len(sample.payload),
        "sha256": hashlib.sha256(sample.payload).hexdigest(),
        "flaw": sample.flaw,
        "canonical": sample.canonical,
        "identity": sample.identity,
        "parameters": sample.parameters,
        "prompt": sample.prompt,
    }


def _run_json(run: Run) -> dict[str, Any]:
    environment = {"digest": run.environment.digest, **run.environment.to_json()}
    return {**vars(run), "config": dict(run.config), "environment": environment, "notes": list(run.notes)}


def _of_sample(lineage: Lineage) -> Box:
    sample, inner = lineage.sample, [_of_run(lineage.run, () if lineage.model is None else (lineage.model,))]
    facts = {name: value for name, value in _sample_json(sample).items() if name not in ("id", "index")}
    reviews = [f"{r.reviewer}: {'passed' if r.passed else f'refused, {r.reason}'}" for r in sample.reviews]
    scores = [f"{s.metric} {s.value:.6g}" + (f" ({s.detail})" if s.detail else "") for s in lineage.scores]
    later = {"reviews": reviews, "scores": scores, "ledger": _lines(lineage.evidence)}
    inner += [Box(title=title, lines=lines) for title, lines in later.items() if lines]
    inner += [_of_replay(replay) for replay in lineage.replays]
    return Box(title=f"sample {sample.id}", lines=_lines(facts), inner=inner)


def _of_run(run: Run, models: tuple[Ancestor, ...], *, title: str = "") -> Box:
    config, sampler = run.config, _table(run.config.get("sampler"))
    options = {name: value for name, value in sampler.items() if name != "name"}
    here = run.environment
    facts = {
        "state": f"{run.state}, begun {_moment(run.started)}",
        "by": run.actor,
        "sampler": " ".join(map(str, filter(None, (sampler.get("name"), options or "")))),
        "condition": config.get("where"),
        "seed": f"{run.seed}" + (f", {run.planned:,} samples planned" if run.planned else ""),
        "rows": config.get("rows"),
        "precision": config.get("precision"),
        "environment": f"{here.digest[:12]}: Python {here.python}, torch {here.packages.get('torch', 'absent')}, "
        f"{here.device}, {here.threads} threads",
        "machine": ", ".join(filter(None, (here.platform, here.processor, here.simd, here.gpu))),
        "plugins": ", ".join(here.plugins),
        "notes": "; ".join(run.notes),
        "error": run.error,
    }
    return Box(title=title or f"{run.kind} run {run.id}", lines=_lines(facts), inner=[_of_model(m) for m in models])


def _of_model(model: Ancestor) -> Box:
    title = f"{_ROLES.get(model.role, model.role)} {model.name or 'not in this store'}"
    trained = _table(model.card.get("training"))
    facts = {
        "digest": model.digest,
        "files": ", ".join(f"{name} {sha256[:12]} ({size:,} bytes)" for name, (sha256, size) in model.files.items()),
        "components": ", ".join(map(str, _table(model.card.get("components")).values())),
        "trained": ", ".join(f"{name} {trained[name]}" for name in ("steps", "examples", "device") if name in trained),
    }
    recipe = [_of_recipe(model)] if model.recipe else []
    training = [] if model.training is None else [_of_run(model.training, ())]
    return Box(title=title, lines=_lines(facts), inner=[*recipe, *training, *map(_of_model, model.parents)])


def _of_recipe(model: Ancestor) -> Box:
    recipe = model.recipe
    named = {part: _table(recipe.get(part)).get("name") for part in ("encoder", "family", "backbone")}
    chosen = {name: recipe.get(name) for name in ("conditions", "steps", "seed")}
    data = Box(title=f"data {model.data}", lines=_lines({"SHA-256": model.data_sha256 or "not stated"}))
    return Box(title=f"recipe {model.recipe_digest[:12]}", lines=_lines(named | chosen), inner=[data])


def _of_replay(replay: Replay) -> Box:
    facts = {"verdict": ": ".join(filter(None, (replay.outcome, replay.detail)))}
    title = f"replay {replay.run}, {_moment(replay.when)}"
    return Box(title=title, lines=[*_lines(facts), *(f"drift: {change}" for change in replay.drift)])


def _lines(facts: Mapping[str, Any]) -> list[str]:
    """Return facts as aligned lines; what says nothing is left out."""
    kept = {name: value for name, value in facts.items() if value not in (None, "", {}, [], ())}
    width = max(map(len, kept), default=0)
    return [f"{name.ljust(width)}  {_text(value)}" for name, value in kept.items()]


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def _moment(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


_ROLES = {"model": "model", "encoder": "encoder model", "start": "started from"}
# A digest, or the SMILES of a large molecule, is shown whole; the part of an image that was kept is not.
_LONGEST = 200
