"""What `genwright generate --stream` does: write samples while they are drawn."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from genwright.cli.output import say
from genwright.domain import Domain
from genwright.errors import MismatchError, StoreError, UsageError
from genwright.registry import registry
from genwright.samples import Samples
from genwright.store import is_text

if TYPE_CHECKING:
    from genwright.cli.generate import Tally
    from genwright.stage import Stage

__all__ = ["check_stream", "write_stream"]


def check_stream(domain: Domain[Any], output: Path | None, others: Mapping[str, bool]) -> None:
    """Raise what would otherwise be raised only once something is drawn.

    others: which other options are given
    """
    if given := [name for name, is_given in others.items() if is_given]:
        raise UsageError(
            f"--stream draws one sample after another and writes each as it comes; got {', '.join(given)} too, which "
            "is for samples that are drawn together. Leave one of them out."
        )
    textual = is_text(registry().get("domain", domain.name).media_type)
    if not textual and type(domain).pour is Domain.pour:
        raise MismatchError(f"{domain.name} cannot be written while they are drawn. Generate without --stream.")
    if not textual and output is None and sys.stdout.isatty():
        raise UsageError(
            f"{domain.name} are not text, which alone a terminal shows. Give --output FILE, or pipe them into what "
            "takes them."
        )


def write_stream(stages: Generator[Stage[Any], None, None], tally: Tally, output: Path | None, domain: Any) -> None:
    """Write the samples while they are drawn; if stopped, say how to go on."""
    try:
        with closing(stages), _opened(output) as file:
            domain.pour(_counted(stages, tally, domain), file, ending="" if output is None else output.suffix)
    except (KeyboardInterrupt, BrokenPipeError, StoreError):
        if tally.samples < tally.wanted:
            say(tally.resumption)
        raise


def _counted(stages: Iterator[Stage[Any]], tally: Tally, domain: Domain[Any]) -> Iterator[tuple[int, Any]]:
    for stage in stages:
        tally.run = stage.run
        if stage.sample is None:
            is_recorded = tally.store is not None
            sample = f"{stage.run.id}/{stage.index}"
            yield stage.index, domain.attributed(stage.item, sample=sample) if is_recorded else stage.item
        else:
            batch = Samples([stage.sample], run=stage.run, domain=domain)
            tally.add(batch, batch.valid)


@contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO]:
    """Give a new file, or standard output. Where drawing is stopped, what is written stays."""
    if output is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    with output.open("xb") as file:
        try:
            yield file
        except BaseException:
            if not file.tell():
                output.unlink()
            raise
