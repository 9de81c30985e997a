"""How likely handwritten digits in black and white are under a model, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks import shipped
from benchmarks.row import Row, at_most
from benchmarks.setting import Setting
from genwright.likelihoods import likelihoods
from genwright.registry import registry

__all__ = ["TESTS", "rows"]

TESTS = (
    "tests/core/families",
    "tests/core/test_likelihoods.py",
    "tests/plugins/images",
    "tests/benchmarks/test_shipped.py",
    "tests/benchmarks/cases/test_bits.py",
)

_SECTION, _MODEL, _DATA = "bits", "images/digits", "binary-mnist"
# Of van den Oord, Kalchbrenner and Kavukcuoglu (2016), arXiv:1601.06759; that of DRAW is a bound.
_PUBLISHED: Mapping[str, float] = {
    "NADE, published": 88.33,
    "DRAW, published": 80.97,
    "PixelCNN, published": 81.30,
    "PixelRNN, published": 79.20,
}


def rows(setting: Setting) -> Iterator[Row]:
    """Yield nats an image of the whole test set, beside what is published of other draws of the same pixels."""
    name = shipped.name(setting, _MODEL)
    try:
        model = shipped.model(name, data=_DATA)
        some = shipped.items(f"{_DATA}-test", most=setting.scaled(10_000, 200))
    except shipped.Missing as missing:
        yield Row(section=_SECTION, name=name, value=None, note=str(missing))
        return
    found = likelihoods(model, some, registry(), where={}, seed=setting.seed)
    nats, error = -found.mean_nats.value, found.mean_nats.error or 0.0
    yield Row(
        section=_SECTION,
        name=f"{name}: nats an image of MNIST in black and white ({found.kind})",
        value=nats,
        unit="nats",
        spread=(nats - error, nats + error),
        target=None if setting.quick else at_most(81.3),
        peers=_PUBLISHED,
        note=f"Of {len(some):,} test images. Each pixel was drawn once by how light it is, as in Larochelle's files, "
        "of which the published numbers are; the draws are others.",
    )
