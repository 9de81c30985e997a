"""Searching recorded samples by what people write: texts, items, files, bounds."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genwright.errors import OptionError, UsageError, shown
from genwright.options import check_counts, make
from genwright.query import Bounds, Hit, Like, Part, Query
from genwright.registry import registry
from genwright.specs import DomainSpec, Measure
from genwright.store import Store, open_store

if TYPE_CHECKING:
    from genwright.domain import Domain

__all__ = ["asking", "containing", "near_picture", "search", "similar_to"]


def search(
    text: str | None = None,
    *,
    match: str | None = None,
    identity: str | None = None,
    run: str | None = None,
    domain: str | None = None,
    valid: bool | None = None,
    scores: Mapping[str, Bounds] | None = None,
    where: Mapping[str, Bounds | float | str] | None = None,
    substructure: str | None = None,
    similar: Any = None,
    at_least: float = 0.6,
    near: Any = None,
    within: int = 8,
    after: str | None = None,
    limit: int | None = 20,
    store: str | Store | None = None,
) -> list[Hit]:
    """Return the recorded samples that fit all that is given, in the order that `query.Query` says.

    text, match, identity, run, domain, valid, scores, where: as `query.Query` has them
    substructure: what the items contain, in the words of their domain: SMILES or SMARTS
    similar:      an item, such as a SMILES, to which the Tanimoto similarity is `at_least` so much
    near:         a picture or the file of one, of whose perceptual hash at most `within` of the bits differ
    after:        the cursor of a hit, after which to go on with the same search, even if more was recorded since
    limit:        how many at most; None for all

    Raises UsageError for what cannot be asked so, UnknownName for a run or domain that is not there.
    """
    if limit is not None:
        check_counts(limit=limit)
    query = asking(
        text=text,
        match=match,
        identity=identity,
        run=run,
        domain=domain,
        valid=valid,
        scores=scores or {},
        where=where or {},
        substructure=substructure,
        similar=similar,
        at_least=at_least,
        near=near,
        within=within,
        after=after,
    )
    opened = open_store(store)
    with nullcontext(opened) if opened is store else closing(opened) as known:
        return list(islice(known.search(query), limit))


def asking(
    *,
    substructure: str | None = None,
    similar: Any = None,
    at_least: float = 0.6,
    near: Any = None,
    within: int = 8,
    domain: str | None = None,
    **given: Any,
) -> Query:
    """Return the query of what people write, as `search` takes it."""
    if similar is not None and near is not None:
        raise UsageError("a search is by similarity to an item or to a picture; got both. Leave one of them out.")
    like = None
    if similar is not None:
        like = similar_to(similar, at_least=at_least, domain=domain)
    elif near is not None:
        like = near_picture(near, within=within, domain=domain)
    part = None if substructure is None else containing(substructure, domain=domain)
    return Query(domain=domain, like=like, part=part, **given)


def similar_to(item: Any, *, at_least: float, domain: str | None = None) -> Like:
    """Return what finds items of so high a Tanimoto similarity to one. Raises UsageError for what is no item."""
    if not 0 <= at_least <= 1:
        raise OptionError(f"a similarity is a number from 0 to 1; got {at_least}. The same item has 1, most pairs 0.2.")
    spec, kind = _compared("tanimoto", domain)
    of = _domain(spec)
    given = of.from_bytes(item.encode("utf-8", "surrogatepass")) if isinstance(item, str) else item
    return Like(domain=spec.name, kind=kind, measure="tanimoto", bits=_bits(of, kind, given), bound=float(at_least))


def near_picture(picture: Any, *, within: int, domain: str | None = None) -> Like:
    """Return what finds pictures of whose perceptual hash at most `within` bits differ from that of one, or of a file.

    Raises DataError for a file that is no picture.
    """
    if isinstance(within, bool) or not isinstance(within, int) or within < 0:
        raise OptionError(f"how many bits may differ is a whole number from 0; got {shown(within)}. Try 8 of the 64.")
    spec, kind = _compared("hamming", domain)
    of = _domain(spec)
    given = next(iter(of.read(Path(picture)))) if isinstance(picture, str | Path) else picture
    return Like(domain=spec.name, kind=kind, measure="hamming", bits=_bits(of, kind, given), bound=float(within))


def containing(text: str, *, domain: str | None = None) -> Part:
    """Return what finds items that contain what a text describes. Raises UsageError for one that describes nothing."""
    spec, _ = _compared("subset", domain)
    _domain(spec).pattern(text)
    return Part(domain=spec.name, text=text)


def _compared(measure: Measure, name: str | None) -> tuple[DomainSpec, str]:
    """Return the domain whose items are compared so, and its kind of fingerprint for it."""
    specs: list[DomainSpec] = [spec for spec in registry().specs("domain") if measure in spec.fingerprints.values()]
    if name is not None:
        registry().get("domain", name)
        if name not in [spec.name for spec in specs]:
            raise UsageError(
                f"{_WAYS[measure]} is asked of a domain whose items have it; {name} have not. Leave it out."
            )
        specs = [spec for spec in specs if spec.name == name]
    if len(specs) != 1:
        found = "none is installed. Install one" if not specs else f"{', '.join(s.name for s in specs)} do. Name one"
        advice = f", such as {_PLUGINS[measure]}." if not specs else " as the domain."
        raise UsageError(f"{_WAYS[measure]} needs a plugin of a domain that offers it; {found}{advice}")
    return specs[0], next(kind for kind, compared in specs[0].fingerprints.items() if compared == measure)


def _domain(spec: DomainSpec) -> Domain[Any]:
    return make(spec, {})  # type: ignore[no-any-return]


def _bits(domain: Domain[Any], kind: str, item: Any) -> bytes:
    bits = domain.fingerprints([item])[kind][0]
    if bits is None:
        raise UsageError(
            f"items are compared with an item of {domain.name} that has a fingerprint; got {shown(item)}. "
            f"{domain.check(item) or 'It has nothing to compare by.'} Choose another."
        )
    return bits


_WAYS: Mapping[Measure, str] = {
    "tanimoto": "similarity to an item",
    "hamming": "likeness to a picture",
    "subset": "a substructure",
}
_PLUGINS: Mapping[Measure, str] = {
    "tanimoto": "genwright-molecules",
    "hamming": "genwright-images",
    "subset": "genwright-molecules",
}
