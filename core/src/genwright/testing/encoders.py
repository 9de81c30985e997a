"""What must hold of an encoder."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from genwright.domain import Domain
from genwright.encoder import Encoder
from genwright.errors import ConditionError
from genwright.seeds import Noise
from genwright.space import Continuous, Tokens
from genwright.testing.check import Check, checks, require

__all__ = ["check_encoder"]

Item = Any
_ROWS = 16


def check_encoder(
    encoder: Encoder[Item], items: Sequence[Item], *, domain: Domain[Item], lossy: bool = False, of: str = ""
) -> Iterator[Check]:
    """Check that an encoder, neither fitted nor restored, keeps its contract on some valid items.

    lossy: as its spec says: whether what it decodes is near what it encoded, and not the same
    of:    what to call the encoder in the names of the checks
    """
    fresh = copy.deepcopy(encoder)
    encoder.fit(items)
    facts = _FACTS if lossy else {**_FACTS, **_EXACT}
    return checks(facts, encoder, items, domain, fresh, of=of)


def _shaped(encoder: Encoder[Item], items: Sequence[Item], domain: Domain[Item], fresh: Encoder[Item]) -> None:
    _check_tensor(encoder.encode(items), encoder, len(items))


def _alone(encoder: Encoder[Item], items: Sequence[Item], domain: Domain[Item], fresh: Encoder[Item]) -> None:
    batch = encoder.encode(items)
    for row, item in enumerate(items[:_ROWS]):
        require(torch.equal(encoder.encode([item])[0], batch[row]), f"{item!r} is encoded otherwise alone")


def _decoded(encoder: Encoder[Item], items: Sequence[Item], domain: Domain[Item], fresh: Encoder[Item]) -> None:
    for item, again in zip(items, encoder.decode(encoder.encode(items)), strict=True):
        require(_same(domain, item, again), f"{item!r} is encoded, {again!r} decoded")


def _restored(encoder: Encoder[Item], items: Sequence[Item], domain: Domain[Item], fresh: Encoder[Item]) -> None:
    other = copy.deepcopy(fresh)
    other.restore(json.loads(json.dumps(encoder.state(), allow_nan=False)))
    require(other.space == encoder.space, f"its space was {encoder.space}, and is {other.space} once restored")
    require(torch.equal(other.encode(items), encoder.encode(items)), "it encodes otherwise once restored")


def _augmented(encoder: Encoder[Item], items: Sequence[Item], domain: Domain[Item], fresh: Encoder[Item]) -> None:
    noise = Noise(7, torch.arange(len(items)))
    spelled = encoder.encode(items, noise=noise)
    _check_tensor(spelled, encoder, len(items))
    require(torch.equal(encoder.encode(items, noise=noise), spelled), "the same noise gives another spelling")
    for row in range(min(len(items), _ROWS)):
        alone = encoder.encode(items[row : row + 1], noise=noise[row : row + 1])
        require(torch.equal(alone[0], spelled[row]), f"the spelling of {items[row]!r} depends on the others")
    if not encoder.augments:
        require(torch.equal(spelled, encoder.encode(items)), "it spells items differently, but `augments` is false")


def _augmented_decoded(
    encoder: Encoder[Item], items: Sequence[Item], domain: Domain[Item], fresh: Encoder[Item]
) -> None:
    # Of what is continuous, such as a mirrored image, noise may spell another item.
    if encoder.augments and isinstance(encoder.space, Tokens):
        spelled = encoder.encode(items, noise=Noise(7, torch.arange(len(items))))
        for item, again in zip(items, encoder.decode(spelled), strict=True):
            require(_same(domain, item, again), f"{item!r} is spelled with noise, {again!r} decoded")


def _total(encoder: Encoder[Item], items: Sequence[Item], domain: Domain[Item], fresh: Encoder[Item]) -> None:
    for tensors in _anything(encoder.space):
        decoded = encoder.decode(tensors)
        require(len(decoded) == len(tensors), f"{len(tensors)} rows were decoded to {len(decoded)} items")
        for item in decoded:
            flaw = domain.check(item)
            require(flaw is None or isinstance(flaw, str), f"the flaw of {item!r} is a sentence or None; got {flaw!r}")


def _prefixed(encoder: Encoder[Item], items: Sequence[Item], domain: Domain[Item], fresh: Encoder[Item]) -> None:
    text = items[0] if isinstance(items[0], str) else ""
    try:
        cuts = encoder.prefix(text)
    except ConditionError:
        return
    if not isinstance(encoder.space, Tokens):
        require(False, "only tokens have a prefix; it should raise ConditionError")
        return
    for cut in map(list, cuts):
        require(len(cut) <= encoder.space.size, f"the prefix {text!r} has {len(cut)} tokens")
        require(all(0 <= token < encoder.space.vocab_size for token in cut), f"{text!r} has tokens out of range: {cut}")
    for item, row in zip(items[:_ROWS], encoder.encode(items[:_ROWS]).tolist(), strict=True):
        for start in _starts(encoder, row):
            _check_cuts(encoder, start, item, row)


def _starts(encoder: Encoder[Any], row: list[int]) -> list[str]:
    """Return the text of an item up to each of its tokens, for encoders of texts."""
    stop = encoder.space.stop if isinstance(encoder.space, Tokens) else None
    if stop is None or stop not in row:
        return []
    rows = [row[:end] + [stop] * (len(row) - end) for end in range(1, row.index(stop) + 1)]
    return [start for start in encoder.decode(torch.tensor(rows).reshape(-1, len(row))) if isinstance(start, str)]


def _check_cuts(encoder: Encoder[Any], start: str, item: object, row: list[int]) -> None:
    try:
        cuts = [list(cut) for cut in encoder.prefix(start)]
    except ConditionError:
        return
    found = sum(row[: len(cut)] == cut for cut in cuts)
    require(found == 1, f"{item!r} starts with {start!r}, but with {found} of its cuts, not 1: {cuts}")


def _check_tensor(tensors: Tensor, encoder: Encoder[Item], rows: int) -> None:
    space = encoder.space
    require(tensors.shape == (rows, *space.shape), f"the space is {space}; encode gives {tuple(tensors.shape)}")
    if isinstance(space, Tokens):
        require(tensors.dtype == torch.int64, f"tokens are int64; encode gives {tensors.dtype}")
        low, high = int(tensors.min()), int(tensors.max())
        require(low >= 0 and high < space.vocab_size, f"{space.vocab_size} tokens; encode gives {low} to {high}")
    else:
        require(tensors.dtype == torch.float32, f"numbers are float32; encode gives {tensors.dtype}")
        require(bool(tensors.isfinite().all()), "encode gives numbers that are not finite")


def _anything(space: Tokens | Continuous) -> Iterator[Tensor]:
    noise, shape = Noise(11, torch.arange(_ROWS)), (_ROWS, *space.shape)
    if isinstance(space, Tokens):
        yield (noise.bits("anything", 0, space.size) % space.vocab_size).view(shape)
        for token in {0, space.vocab_size - 1, space.stop or 0}:
            yield torch.full(shape, token, dtype=torch.int64)
        return
    yield noise.normal("anything", 0, space.size).view(shape)
    for value in (0.0, 1e6, torch.nan):
        yield torch.full(shape, value)


def _same(domain: Domain[Item], one: Item, other: Item) -> bool:
    spelling = domain.canonical(one)
    return spelling == domain.canonical(other) if spelling else domain.to_bytes(one) == domain.to_bytes(other)


_FACTS: Mapping[str, Callable[..., None]] = {
    "encode keeps to its space": _shaped,
    "an item is encoded alike in any batch": _alone,
    "its state restores it": _restored,
    "noise decides the spelling, and the spelling only": _augmented,
    "decode makes an item of any tensor": _total,
    "a prefix is tokens of the space": _prefixed,
}
_EXACT: Mapping[str, Callable[..., None]] = {
    "decode undoes encode": _decoded,
    "decode undoes any spelling": _augmented_decoded,
}
