"""What samples of molecules are worth, beside the published baselines of MOSES."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.peers.moses import PUBLISHED, SAMPLES, char_rnn_samples
from benchmarks.row import Row, Target, at_least, at_most
from benchmarks.setting import Setting
from genwright import generate
from genwright.datasets import MIRROR, find
from genwright.domain import Domain
from genwright.metrics import Value
from genwright.registry import registry
from genwright_molecules.metrics import METRICS
from genwright_molecules.molecules import Molecules
from genwright_molecules.reference import Reference

__all__ = ["TESTS", "rows"]

TESTS = (
    "tests/core/samplers",
    "tests/core/families",
    "tests/core/backbones",
    "tests/plugins/molecules/test_metrics.py",
    "tests/plugins/molecules/test_frechet.py",
    "tests/plugins/molecules/test_reference.py",
    "tests/plugins/molecules/test_grammar.py",
)

_SECTION = "quality"
_FULL = "moses-test-scaffolds"
_TARGETS: Mapping[str, Target] = {
    "valid": at_least(0.97),
    "unique@10k": at_least(0.998),
    "IntDiv": at_least(0.85),
    "filters": at_least(0.97),
    "FCD": at_most(0.60),
}
_MEASURED = ("valid", "unique@1k", "unique@10k", "IntDiv", "IntDiv2", "filters", "FCD", "SNN", "Frag", "Scaf")
_PROPERTIES = ("logP", "SA", "QED", "weight")
_COMPARING = ("FCD", "SNN", "Frag", "Scaf", *_PROPERTIES)


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the metrics of plain samples, then what holding them to the grammar changes."""
    data = "nci" if setting.quick else _FULL
    spec = registry().get("dataset", data)
    path = find(spec)
    if path is None:
        note = f"data set {data!r} is not on this machine: set {MIRROR} to a folder that holds it."
        yield Row(section=_SECTION, name=f"all metrics against {data}", value=None, note=note)
        return
    domain: Domain[str] = registry().get("domain", "molecules").load()()
    reference = Reference(list(domain.read(path)))
    plain, rate = _drawn("temperature", setting)
    yield from _plain(plain, reference, data, setting)
    yield _rate("drawn plainly", rate)
    yield from _masked(plain, reference, data, setting)


def _plain(plain: Molecules, reference: Reference, data: str, setting: Setting) -> Iterator[Row]:
    official = char_rnn_samples(Path(os.environ.get(MIRROR, "/nonexistent")), setting.samples)
    beside = None if official is None else Molecules(official)
    missing = "" if beside else f" CharRNN's own sample is not measured: {SAMPLES} is not in the folder {MIRROR}."
    for name in (*_MEASURED, *_PROPERTIES):
        value = METRICS[name](plain, reference)
        assert value is not None
        published = {} if setting.quick else PUBLISHED.get(name, {})
        again = None if beside is None else METRICS[name](beside, reference)
        yield Row(
            section=_SECTION,
            name=_label(name, data),
            value=value.value,
            spread=_spread(value),
            target=None if setting.quick and name in _COMPARING else _TARGETS.get(name),
            peers={**published, **({} if again is None else {"CharRNN's sample 1, measured here": again.value})},
            note=f"{value.count:,} molecules.{missing}" if name == "valid" else "",
        )


def _masked(plain: Molecules, reference: Reference, data: str, setting: Setting) -> Iterator[Row]:
    masked, rate = _drawn("grammar", setting)
    valid = METRICS["valid"](masked, reference)
    distance, before = METRICS["FCD"](masked, reference), METRICS["FCD"](plain, reference)
    assert valid is not None
    assert distance is not None
    assert before is not None
    yield Row(
        section=_SECTION, name="valid, with the grammar", value=valid.value, spread=_spread(valid), target=at_least(1.0)
    )
    yield Row(
        section=_SECTION,
        name=f"{_label('FCD', data)}, with the grammar less without",
        value=distance.value - before.value,
        target=at_most(0.05),
        note=f"{distance.value:.4f} with it.",
    )
    yield _rate("drawn with the grammar", rate)


def _drawn(sampler: str, setting: Setting) -> tuple[Molecules, float]:
    """Return samples and how many a second of processor time were drawn and checked."""
    start = time.process_time()
    samples: Sequence[str] = generate(
        setting.model, setting.samples, seed=setting.seed, sampler=sampler, store=False
    ).items
    return Molecules(samples), len(samples) / (time.process_time() - start)


def _rate(name: str, rate: float) -> Row:
    return Row(
        section=_SECTION,
        name=f"{name}: molecules drawn, checked and spelled canonically",
        value=rate,
        unit="/CPU-s",
    )


def _label(name: str, data: str) -> str:
    against = "TestSF" if data == _FULL else data
    if name in _PROPERTIES:
        return f"Wasserstein of {name}/{against}"
    return f"{name}/{against}" if name in _COMPARING else name


def _spread(value: Value) -> tuple[float, float] | None:
    return None if value.error is None else (value.value - value.error, value.value + value.error)
