"""Generated items with their origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from genwright.domain import Domain

if TYPE_CHECKING:
    import pandas

    from genwright.metrics import Report
    from genwright.run import Run
    from genwright.store import Store

__all__ = ["Review", "Sample", "Samples"]

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Review:
    """What a reviewer says of a sample: whether it passes, and why not."""

    reviewer: str
    passed: bool
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Sample(Generic[Item]):
    """One generated item with its origin.

    run, index, seed: with the run's model, sampler and condition, all that the item depends on
    flaw:             what is wrong with it, in one sentence; None if it is valid
    canonical:        the one spelling that equal items share
    identity:         a short key that equal items share
    """

    item: Item
    run: str
    index: int
    seed: int
    flaw: str | None = None
    canonical: str | None = None
    identity: str | None = None
    reviews: tuple[Review, ...] = field(default=())

    @property
    def id(self) -> str:
        """The run's id and the index in it: "5f1c…/17"."""
        return f"{self.run}/{self.index}"

    @property
    def is_valid(self) -> bool:
        """Whether the item has no flaw."""
        return self.flaw is None


class Samples(Sequence[Sample[Item]], Generic[Item]):
    """Samples of one run, in the order of their indices.

    store: the store that holds the run, or its URL; None if the run was not recorded
    """

    def __init__(
        self,
        samples: Sequence[Sample[Item]],
        *,
        run: Run,
        domain: Domain[Item],
        store: str | Store | None = None,
    ) -> None:
        self._samples = list(samples)
        self.run = run
        self.domain = domain
        self.store = store

    def __len__(self) -> int:
        return len(self._samples)

    @overload
    def __getitem__(self, index: int) -> Sample[Item]: ...
    @overload
    def __getitem__(self, index: slice) -> Samples[Item]: ...
    def __getitem__(self, index: int | slice) -> Sample[Item] | Samples[Item]:
        if isinstance(index, slice):
            return self._some(self._samples[index])
        return self._samples[index]

    def __iter__(self) -> Iterator[Sample[Item]]:
        return iter(self._samples)

    def __repr__(self) -> str:
        return f"<{len(self)} samples of {self.run.domain}, {len(self.valid)} valid, run {self.run.id}>"

    @property
    def items(self) -> list[Item]:
        """The items alone, valid or not."""
        return [sample.item for sample in self._samples]

    @property
    def valid(self) -> Samples[Item]:
        """Those without a flaw."""
        return self._some([sample for sample in self._samples if sample.is_valid])

    def _some(self, samples: Sequence[Sample[Item]]) -> Samples[Item]:
        return Samples(samples, run=self.run, domain=self.domain, store=self.store)

    def report(self, reference: str | Path | Sequence[Item] | None = None, **options: Any) -> Report:
        """Return the metrics of the domain for these samples; see `genwright.evaluate`."""
        from genwright.api import evaluate

        return evaluate(self, reference=reference, **options)

    def write(self, path: Path | str) -> None:
        """Write the items to a new file, in the format that its name ends in.

        Where the run is recorded, each says where it comes from if the format has room for it, as `genwright.export`
        writes it.
        """
        if self.store is None:
            self.domain.write(self.items, Path(path))
        else:
            self.domain.export(self.origins(), Path(path))

    def origins(self) -> Iterator[tuple[Item, Mapping[str, str]]]:
        """Yield each item with where it comes from, as `Domain.export` takes it."""
        run = self.run
        of_run = {"run": run.id, "domain": run.domain, "model": run.model, "checkpoint": run.checkpoint}
        for sample, row in zip(self._samples, self.rows(), strict=True):
            known = {name: str(value) for name, value in {**row, **of_run}.items() if value is not None}
            yield sample.item, known

    def render(self, path: Path | str, *, legends: Sequence[str] = ()) -> None:
        """Draw the items to a new file, of an ending among the `pictures` of their domain: .png, .svg or .html."""
        self.domain.render(self.items, Path(path), legends=legends)

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield each sample as a plain row: id, index, seed, item, flaw, canonical, identity."""
        for s in self._samples:
            text = s.item if isinstance(s.item, str) else s.canonical
            yield {
                "id": s.id,
                "index": s.index,
                "seed": s.seed,
                "item": text,
                "flaw": s.flaw,
                "canonical": s.canonical,
                "identity": s.identity,
            }

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rows as a pandas data frame; pandas must be installed."""
        import pandas

        return pandas.DataFrame(list(self.rows()))
