"""Recorded samples as files hold them that can be imported: what is written of each, and how it is read and checked."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from functools import partial
from typing import Any, NamedTuple

from genwright.errors import DataError, OptionError, StoreError, UnknownName, shown
from genwright.exporters.row import Origin
from genwright.options import checked
from genwright.run import Environment, Run
from genwright.samples import Review
from genwright.store import Record, Store, StoredCheckpoint, check_plain, files_digest, is_text, one_batch, opening

__all__ = ["FACTS", "Entry", "Unreadable", "entry", "facts", "from_text", "with_origins"]

FACTS = ("media_type", "parameters", "prompt", "reviews", "sha256", "payload", "origin")
"""What files that can be imported tell of a sample after the columns of a table.

sha256:  of the payload
payload: in base64 where the item is a text that is not UTF-8; None where the item tells it
origin:  all of the run and of its checkpoint, at the first sample of a run
"""


class Entry(NamedTuple):
    """A sample that was read; its run and checkpoint where the file has them there."""

    record: Record
    run: Run | None
    checkpoint: StoredCheckpoint | None


class Unreadable(DataError):
    """What is wrong in a file that is to be imported, and where in it; who opened the file adds its name."""

    def __init__(self, place: str, trouble: str) -> None:
        super().__init__(f"{place}: {trouble}")


Bad = Callable[[str], Unreadable]


def facts(record: Record) -> dict[str, Any]:
    """Return what lines of JSON tell of a sample beside its row and its origin."""
    return {
        "media_type": record.media_type,
        "parameters": record.parameters,
        "prompt": record.prompt,
        "reviews": [asdict(review) for review in record.reviews],
        "sha256": hashlib.sha256(record.payload).hexdigest(),
        "payload": None if not is_text(record.media_type) or _is_utf8(record.payload) else _encoded(record.payload),
    }


def with_origins(samples: Iterator[Origin], store: Store) -> Iterator[tuple[Record, Run, Mapping[str, Any]]]:
    """Yield each sample with its run, and with what to write of the run and its checkpoint as plain data."""
    last, origin = None, {}
    for record, run in samples:
        if run.id != last:
            last, origin = run.id, {"run": _run_json(run), "checkpoint": _checkpoint_json(store, run)}
        yield record, run, origin


def from_text(place: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was read of a line of JSON as `entry` takes it: with the bytes of the payload."""
    item, media_type, payload = (data.get(name) for name in ("item", "media_type", "payload"))
    if not isinstance(item, str) or not isinstance(media_type, str) or not isinstance(payload, str | None):
        raise Unreadable(
            place, "a sample has an item and a media_type, which are text, and a payload in base64 or null"
        )
    try:
        if payload is None and is_text(media_type):
            return {**data, "payload": item.encode()}
        # What is no text is a data URL.
        text = item.removeprefix(f"data:{media_type};base64,") if payload is None else payload
        return {**data, "payload": base64.b64decode(text, validate=True)}
    except (UnicodeEncodeError, binascii.Error, ValueError) as error:
        raise Unreadable(place, f"the item of a sample should be text or a data URL in base64: {error}") from None


def entry(place: str, data: Mapping[str, Any]) -> Entry:
    """Return a sample that was read, checked.

    data: the columns and FACTS, with the bytes of the payload and the origin as `with_origins` gives it

    Raises Unreadable.
    """
    bad = partial(Unreadable, place)
    for name, (kinds, words) in _FIELDS.items():
        value = data.get(name)
        if type(value) not in kinds:
            raise bad(f"{name} is {words}; got {shown(value) if name in data else 'nothing'}")
    if not _RUN.fullmatch(data["run"]):
        raise bad(f"run is 32 hexadecimal digits; got {shown(data['run'])}")
    record = _record(bad, data)
    if hashlib.sha256(record.payload).hexdigest() != data["sha256"]:
        raise bad("the item should have the SHA-256 that stands beside it; it has another")
    if data["id"] != record.id:
        raise bad(f"the id of a sample is its run and its index, {record.id}; got {shown(data['id'])}")
    origin = data.get("origin")
    run, checkpoint = (None, None) if origin is None else _known(bad, origin)
    if run is not None and run.id != record.run:
        raise bad(f"the origin should be run {record.run}; it is {run.id}")
    return Entry(record, run, checkpoint)


def _record(bad: Bad, data: Mapping[str, Any]) -> Record:
    values: dict[str, Any] = {name: data.get(name) for name in _OF_RECORD}
    record = Record(reviews=tuple(_review(bad, review) for review in data["reviews"]), **values)
    try:
        one_batch([record])
    except StoreError as error:
        raise bad(str(error)) from None
    return record


def _review(bad: Bad, data: Any) -> Review:
    if isinstance(data, dict) and set(data) == {"reviewer", "passed", "reason"}:
        review = Review(**data)
        if (type(review.reviewer), type(review.passed), type(review.reason)) == (str, bool, str):
            return review
    raise bad(f"a review has a reviewer, passed (true or false) and a reason; got {shown(data)}")


def _known(bad: Bad, data: Any) -> tuple[Run, StoredCheckpoint | None]:
    try:
        return _origin(bad, data)
    except (OptionError, StoreError) as error:
        raise bad(str(error)) from None


def _origin(bad: Bad, data: Any) -> tuple[Run, StoredCheckpoint | None]:
    begun = _table(bad, data, "run")
    environment = checked("an environment", Environment, _table(bad, begun, "environment"), given=())
    run = Run(**checked("a run", Run, begun | {"environment": Environment(**environment)}, given=()))
    if not all(isinstance(plugin, str) for plugin in run.environment.plugins):
        raise bad(f"the plugins of an environment are a list of texts; got {shown(run.environment.plugins)}")
    opening(run)
    check_plain(f"run {run.id}", run.error or "", *run.notes)
    numbers = {"planned": run.planned, "started": run.started, "finished": run.finished or 0}
    _check_range(bad, numbers, least=0, most=(1 << 63) - 1)
    _check_range(bad, {"seed": run.seed}, least=-(1 << 63), most=(1 << 64) - 1)
    return run, None if data.get("checkpoint") is None else _checkpoint(bad, _table(bad, data, "checkpoint"))


def _checkpoint(bad: Bad, data: Mapping[str, Any]) -> StoredCheckpoint:
    checkpoint = StoredCheckpoint(**checked("a checkpoint", StoredCheckpoint, data, given=()))
    texts = (checkpoint.digest, checkpoint.name, checkpoint.domain, checkpoint.card)
    check_plain("a checkpoint", *texts, *checkpoint.files, *(digest for digest, _ in checkpoint.files.values()))
    _check_range(bad, {path: size for path, (_, size) in checkpoint.files.items()}, least=0, most=(1 << 63) - 1)
    # Otherwise a file could say of a model that it learned from other data.
    if files_digest(checkpoint.files) != checkpoint.digest:
        raise bad(f"the digest of a checkpoint is that of its files; got {shown(checkpoint.digest)}")
    if not _is_card(checkpoint.card, checkpoint.files.get("card.json", ("", 0))[0]):
        raise bad(
            f"the card of checkpoint {checkpoint.digest} should have the SHA-256 of its card.json; it has another"
        )
    return checkpoint


def _is_card(card: str, digest: str) -> bool:
    """Say whether this is the digest of a file with this text, whichever way its lines end there."""
    texts = (card, card.replace("\n", "\r\n"))
    return digest in [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def _table(bad: Bad, data: Any, name: str) -> dict[str, Any]:
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, dict):
        raise bad(f"an origin tells of a run, with its environment, and of a checkpoint; got {shown(data)}")
    return value


def _check_range(bad: Bad, numbers: Mapping[str, int], *, least: int, most: int) -> None:
    for name, number in numbers.items():
        if not least <= number <= most:
            raise bad(f"{name} is a number of 64 bits; got {shown(number)}")


def _run_json(run: Run) -> dict[str, Any]:
    plain = {field.name: getattr(run, field.name) for field in fields(Run)}
    return plain | {"environment": run.environment.to_json(), "notes": list(run.notes), "config": dict(run.config)}


def _checkpoint_json(store: Store, run: Run) -> dict[str, Any] | None:
    if not run.checkpoint:
        return None
    try:
        checkpoint = store.checkpoint(run.checkpoint)
    except UnknownName:
        return None
    return asdict(checkpoint) | {"files": {path: list(file) for path, file in checkpoint.files.items()}}


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _encoded(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


_RUN = re.compile("[0-9a-f]{32}")
_TEXT, _NUMBER, _MAYBE = ((str,), "text"), ((int,), "a whole number"), ((str, type(None)), "text or null")
_FIELDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "run": _TEXT,
    "index": _NUMBER,
    "seed": _NUMBER,
    "id": _TEXT,
    "media_type": _TEXT,
    "payload": ((bytes,), "bytes"),
    "flaw": _MAYBE,
    "canonical": _MAYBE,
    "identity": _MAYBE,
    "parameters": _TEXT,
    "prompt": _TEXT,
    "reviews": ((list,), "a list"),
    "sha256": _TEXT,
}
_OF_RECORD: Sequence[str] = [field.name for field in fields(Record) if field.name != "reviews"]
