"""How many of the thousand modes of stacked digits a model's samples show, and how evenly.

A classifier of single digits looks at each channel, so a sample is of the mode that the three name. Counted as Metz et
al. (2017), arXiv:1611.02163, do, in as many samples as Srivastava et al. (2017), arXiv:1705.07761, draw.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from PIL import Image

from benchmarks import shipped
from benchmarks.row import Row, at_least
from benchmarks.setting import Setting
from genwright import generate
from genwright.model import Model
from genwright_images.classifier import Classifier
from genwright_images.stacked import stacks
from genwright_images.thumbnails import thumbnails

__all__ = ["TESTS", "measured", "modes", "rows"]

TESTS = (
    "tests/core/samplers",
    "tests/core/families",
    "tests/plugins/images",
    "tests/benchmarks/test_shipped.py",
    "tests/benchmarks/cases/test_stacked.py",
)

_SECTION, _MODEL, _DATA = "stacked", "images/stacked", "stacked-mnist"
_SAMPLES, _MODES = 26_000, 1_000
# As Huang et al. (2024), arXiv:2501.05441 (R3GAN), list them, told by other classifiers.
_FOUND: Mapping[str, float] = {
    "DCGAN, published": 99,
    "WGAN-GP, published": 959,
    "PacGAN, published": 992,
    "StyleGAN2, published": 940,
    "R3GAN, published": 1_000,
}
_UNEVEN: Mapping[str, float] = {
    "DCGAN, published": 3.40,
    "WGAN-GP, published": 0.73,
    "PacGAN, published": 0.28,
    "StyleGAN2, published": 0.42,
    "R3GAN, published": 0.029,
}


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the number of modes found and how unevenly, beside those of stacks of MNIST's test digits."""
    name = shipped.name(setting, _MODEL)
    try:
        model = shipped.model(name, data=_DATA)
        train, test = _digits("mnist", setting.scaled(60_000, 2_000)), _digits("mnist-test", 10_000)
    except shipped.Missing as missing:
        yield Row(section=_SECTION, name=name, value=None, note=str(missing))
        return
    classifier = Classifier.trained(thumbnails(train), _classes(train))
    yield from _compared(name, model, test, classifier, setting)


def _compared(
    name: str, model: Model[Any], test: Sequence[Image.Image], classifier: Classifier, setting: Setting
) -> Iterator[Row]:
    count = setting.scaled(_SAMPLES, 500)
    drawn = generate(model, count, seed=setting.seed, store=False).items
    found, uneven = measured(modes(drawn, classifier))
    real_found, real_uneven = measured(modes(list(stacks(test, count)), classifier))
    yield Row(
        section=_SECTION,
        name=f"{name}: modes found, of 1,000",
        value=found,
        target=None if setting.quick else at_least(_MODES),
        peers={"real images": real_found, **_FOUND},
        note=f"{count:,} samples. The classifier tells {_told(test, classifier):.1%} of MNIST's test digits.",
    )
    yield Row(
        section=_SECTION,
        name=f"{name}: divergence (Kullback-Leibler) of its modes from a thousand that are equally frequent",
        value=uneven,
        unit="nats",
        peers={"real images": real_uneven, **_UNEVEN},
        note=f"By chance alone, {count:,} draws of equally frequent modes have {(_MODES - 1) / (2 * count):.3f}.",
    )


def modes(images: Sequence[Image.Image], classifier: Classifier) -> list[str]:
    """Return the three digits that a classifier sees in the channels of each image, such as "407"."""
    channels = [image.convert("RGB").split() for image in images]
    seen = (classifier.predicted(thumbnails([three[place] for three in channels])) for place in range(3))
    return ["".join(three) for three in zip(*seen, strict=True)]


def measured(found: Sequence[str]) -> tuple[int, float]:
    """Return how many modes there are, and in nats how far they are from a thousand that are equally frequent."""
    shares = [times / len(found) for times in Counter(found).values()]
    return len(shares), math.fsum(share * math.log(share * _MODES) for share in shares)


def _digits(data: str, count: int) -> list[Image.Image]:
    """Return digits. Raises Missing if these or their labels are not here."""
    found = shipped.items(data, most=count)
    if not all("class" in digit.info for digit in found):
        raise shipped.Missing(f"The labels of data set {data!r} do not lie beside it.")
    return found


def _classes(digits: Sequence[Image.Image]) -> list[str]:
    return [digit.info["class"] for digit in digits]


def _told(digits: Sequence[Image.Image], classifier: Classifier) -> float:
    """Return the share of digits that a classifier takes for what they are."""
    pairs = zip(classifier.predicted(thumbnails(digits)), _classes(digits), strict=True)
    return sum(one == other for one, other in pairs) / len(digits)
