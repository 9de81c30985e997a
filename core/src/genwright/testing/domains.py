"""What must hold of a domain."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np

from genwright.domain import Contour, Domain, Offer, Scalar
from genwright.errors import DataError
from genwright.testing.check import Check, checks, require

__all__ = ["check_domain"]

Item = Any


def check_domain(domain: Domain[Item], items: Sequence[Item], *, ending: str = "", of: str = "") -> Iterator[Check]:
    """Check that a domain keeps its contract on some valid items.

    ending: of a file that the domain writes and reads, such as ".smi"; "" to leave that out
    of:     what to call the domain in the names of the checks
    """
    facts = dict(_FACTS)
    if ending:
        facts[f"what is written to {ending} is read back"] = _written(ending)
    return checks(facts, domain, items, of=of)


def _names(domain: Domain[Item], items: Sequence[Item]) -> None:
    require(isinstance(domain.name, str), f"its name is text; got {domain.name!r}")
    for name, offer in domain.conditions.items():
        require(
            isinstance(offer, get_args(Offer)),
            f"condition {name!r} is Scalar, Label, Prefix, Text or Contour; got {offer!r}",
        )


def _valid(domain: Domain[Item], items: Sequence[Item]) -> None:
    require(items, "there is no item to check with")
    for item in items:
        flaw = domain.check(item)
        require(flaw is None, f"{item!r} should be valid; check says {flaw!r}")


def _bytes(domain: Domain[Item], items: Sequence[Item]) -> None:
    for item in items:
        data = domain.to_bytes(item)
        require(isinstance(data, bytes), f"to_bytes gives bytes; got {type(data).__name__}")
        again = domain.from_bytes(data)
        require(domain.to_bytes(again) == data, f"{item!r} comes back from its bytes as {again!r}")


def _canonical(domain: Domain[Item], items: Sequence[Item]) -> None:
    for item in items:
        spelling = domain.canonical(item)
        again = domain.canonical(domain.from_bytes(domain.to_bytes(item)))
        require(spelling == again, f"the same item is spelled {spelling!r} and {again!r}")
        if isinstance(item, str) and spelling is not None:
            twice = domain.canonical(spelling)
            require(twice == spelling, f"the canonical {spelling!r} is itself spelled {twice!r}")


def _identity(domain: Domain[Item], items: Sequence[Item]) -> None:
    keys: dict[str, str | None] = {}
    for item in items:
        spelling, key = domain.canonical(item), domain.identity(item)
        require(key is None or isinstance(key, str), f"identity is text or None; got {key!r}")
        if spelling is not None:
            known = keys.setdefault(spelling, key)
            require(known == key, f"equal items {spelling!r} have the identities {known!r} and {key!r}")


def _measured(domain: Domain[Item], items: Sequence[Item]) -> None:
    names = [name for name, offer in domain.conditions.items() if isinstance(offer, Scalar)]
    values = domain.measure(items, names)
    require(values.shape == (len(items), len(names)), f"measure gives {values.shape} for {len(items)} items")
    require(values.dtype == np.float64, f"measure gives float64; got {values.dtype}")
    alone = domain.measure(items[:1], names)
    require(np.array_equal(alone, values[:1], equal_nan=True), f"{items[0]!r} measures otherwise alone than in a batch")
    reverse = domain.measure(items, names[::-1])
    require(np.array_equal(reverse, values[:, ::-1], equal_nan=True), "columns are not in the order of the names")


def _traced(domain: Domain[Item], items: Sequence[Item]) -> None:
    for name in (name for name, offer in domain.conditions.items() if isinstance(offer, Contour)):
        found = domain.trace(items, name)
        require(len(found) == len(items), f"trace gives {len(found)} contours {name!r} for {len(items)} items")
        for item, one in zip(items, found, strict=True):
            told = f"trace gives finite float64 [N] or None; of {name!r} of {item!r} it gives {one!r}"
            require(one is None or _is_series(one), told)
        (alone,), first = domain.trace(items[:1], name), found[0]
        is_same = alone is first if alone is None or first is None else np.array_equal(alone, first)
        require(is_same, f"{items[0]!r} has another {name!r} alone than in a batch")


def _is_series(one: Any) -> bool:
    is_row = isinstance(one, np.ndarray) and one.dtype == np.float64 and one.ndim == 1
    return is_row and bool(np.isfinite(one).all())


def _differing(domain: Domain[Item], items: Sequence[Item]) -> None:
    for item in items:
        found = domain.difference(domain.from_bytes(domain.to_bytes(item)), item)
        require(found is None or (found.size == 0 and found.close), f"{item!r} differs from itself: {found}")
    for one, other in pairwise(items):
        found, back = domain.difference(one, other), domain.difference(other, one)
        sizes = [None if way is None else (way.size, way.close) for way in (found, back)]
        require(sizes[0] == sizes[1], f"{one!r} differs from {other!r} by {sizes[0]}, and that from it by {sizes[1]}")


def _rendered(domain: Domain[Item], items: Sequence[Item]) -> None:
    require({".svg", ".png"} & set(domain.pictures), f"items are drawn to .svg or .png; got {domain.pictures!r}")
    with tempfile.TemporaryDirectory() as folder:
        for ending in domain.pictures:
            path = Path(folder, f"drawn{ending}")
            domain.render(items[:4], path, legends=[str(i) for i in range(len(items[:4]))])
            require(path.is_file() and path.stat().st_size, f"render wrote nothing to a {ending} file")


def _fingerprints(domain: Domain[Item], items: Sequence[Item]) -> None:
    together, alone = domain.fingerprints(items), domain.fingerprints(items[:1])
    for kind, found in together.items():
        require(len(found) == len(items), f"{len(items)} items have {len(found)} fingerprints of the kind {kind!r}")
        lengths = sorted({len(bits) for bits in found if bits is not None})
        require(len(lengths) <= 1, f"fingerprints of the kind {kind!r} have lengths of {lengths} bytes")
        require(alone[kind][0] == found[0], f"{items[0]!r} has another fingerprint {kind!r} alone than among others")


def _missing(domain: Domain[Item], items: Sequence[Item]) -> None:
    try:
        list(domain.read(Path("no-such-folder", "no-such-file")))
    except DataError:
        return
    require(False, "read gives items of a file that does not exist")


def _written(ending: str) -> Callable[[Domain[Item], Sequence[Item]], None]:
    def fact(domain: Domain[Item], items: Sequence[Item]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"items{ending}")
            domain.write(items, path)
            _same(domain, items, list(domain.read(path, strict=True)))
            path = Path(folder, f"exported{ending}")
            domain.export(((item, {"id": f"{'5f' * 16}/{place}"}) for place, item in enumerate(items)), path)
            _same(domain, items, list(domain.read(path, strict=True)))

    return fact


def _same(domain: Domain[Item], items: Sequence[Item], again: Sequence[Item]) -> None:
    require(len(again) == len(items), f"{len(items)} items were written, {len(again)} read")
    for one, other in zip(items, again, strict=True):
        require(domain.canonical(one) == domain.canonical(other), f"{one!r} was written, {other!r} read")


_FACTS: Mapping[str, Callable[..., None]] = {
    "its name and conditions are declared": _names,
    "real items are valid": _valid,
    "items come back from their bytes": _bytes,
    "an item has one canonical spelling": _canonical,
    "equal items have one identity": _identity,
    "measures are a row an item and a column a name": _measured,
    "contours are traced one an item": _traced,
    "an item does not differ from itself": _differing,
    "fingerprints are one an item, of one length": _fingerprints,
    "items are drawn to .svg or .png": _rendered,
    "a file that does not exist is a DataError": _missing,
}
