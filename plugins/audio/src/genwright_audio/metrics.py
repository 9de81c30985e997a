"""What is measured of generated clips, without a network that would have to be downloaded, but for one metric.

Every metric takes the samples and a reference, and returns a value with its standard error, which says how much the
value depends on the samples drawn, not on the reference. Where it needs what is not given it returns None; where there
are too few samples or clips for it, its value is NaN. Samples with a flaw are left out.

A floor or a ceiling says nothing of the samples: it is the same metric of real clips of the reference, as many as there
are samples, which nothing was fitted to or trained on. Distances are between features that `features` defines, scaled
by the reference: compare values for one reference only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from genwright.discrepancy import distances
from genwright.gaussian import Gaussian, frechet_value
from genwright.metrics import NOTHING, Value
from genwright.seeds import permutation
from genwright.uncertainty import jackknife_error, proportion
from genwright_audio.embedding import Embedding
from genwright_audio.gathered import Gathered
from genwright_audio.nearest import nearest
from genwright_audio.reference import COMPARED, Reference
from genwright_audio.spread import spread

__all__ = [
    "Agreement",
    "Ceiling",
    "copied",
    "digit_agreement",
    "digit_ceiling",
    "digit_unseen_speakers",
    "diversity",
    "frechet",
    "frechet_audio",
    "frechet_floor",
    "kernel",
    "kernel_floor",
    "kind_agreement",
    "kind_ceiling",
    "speaker_agreement",
    "speaker_ceiling",
]

_GROUPS = 10


def kernel(samples: Gathered, reference: Reference | None) -> Value | None:
    """Return the kernel distance: the squared maximum mean discrepancy of features, times 1,000.

    It has no bias, so is about 0 of clips like those of the reference, and may be negative; it is so of clips that are
    spread over digits and speakers more evenly than chance would spread them. What real clips have is `kernel_floor`.
    Of more than 10,000 samples, or clips of the reference, as many are compared.
    Source: Bińkowski et al. (2018), arXiv:1801.01401.
    """
    return None if reference is None else _kernel(_features(samples, reference), reference)


def kernel_floor(samples: Gathered, reference: Reference | None) -> Value | None:
    """Return the kernel distance of as many real clips, or of all that the reference holds out.

    These were drawn from its clips, evenly from each digit and speaker: it is about 0, or less. Recordings of another
    day or place have more, which this does not say.
    """
    return None if reference is None else _kernel(reference.held[: len(samples.clips)], reference)


def frechet(samples: Gathered, reference: Reference | None) -> Value | None:
    """Return the squared Fréchet distance of the Gaussians of features, 0 for equal ones.

    It falls with the number of samples: compare at equal numbers only, and with `frechet_floor`.
    Source: Heusel et al. (2017), arXiv:1706.08500; Kilgour et al. (2019), arXiv:1812.08466, for sounds. The features of
    both are those of a trained network.
    """
    return None if reference is None else _frechet(_features(samples, reference), reference)


def frechet_floor(samples: Gathered, reference: Reference | None) -> Value | None:
    """Return the Fréchet distance of as many real clips, or of all that the reference holds out, as `kernel_floor`."""
    return None if reference is None else _frechet(reference.held[: len(samples.clips)], reference)


def frechet_audio(samples: Gathered, reference: Reference | None) -> Value | None:
    """Return the squared Fréchet distance of what a network hears, whose file the user names; see `embedding`.

    Each window of a clip counts; of the reference, 10,000 clips at most are compared, those held out too. It falls with
    the number of samples: compare at equal numbers only, and values of one network.
    Source: Kilgour et al. (2019), arXiv:1812.08466.
    """
    if reference is None:
        return None
    embedding, clips = Embedding.given(), samples.clips
    if len(clips) < 2 or len(reference.clips) < 2:
        return replace(NOTHING, by=embedding.name)
    groups = [Gaussian.fit(embedding.features(clips[start::_GROUPS])) for start in range(min(_GROUPS, len(clips)))]
    return replace(frechet_value(groups, reference.embedded(embedding)), count=len(clips), by=embedding.name)


@final
@dataclass(frozen=True)
class Agreement:
    """The share of samples that a classifier, trained on the reference, takes for what they say they are.

    Samples that do not say it, or what the reference has not, do not count. What can be reached is the `Ceiling`.
    """

    label: str

    def __call__(self, samples: Gathered, reference: Reference | None) -> Value | None:
        """Return the share."""
        said = samples.said(self.label)
        classifier = None if reference is None or not any(said) else reference.classifier(self.label)
        if reference is None or classifier is None:
            return None
        judged = [place for place, name in enumerate(said) if name in classifier.classes]
        predicted = classifier.predicted(samples.at(reference.rate).pictures[judged])
        return proportion(sum(said[p] == name for p, name in zip(judged, predicted, strict=True)), len(judged))


@final
@dataclass(frozen=True)
class Ceiling:
    """The share of real clips, held out from its training, of which that classifier tells what they are.

    It is what samples of all classes, as frequent as in the reference, are to be held against.
    """

    label: str

    def __call__(self, samples: Gathered, reference: Reference | None) -> Value | None:
        """Return the share."""
        found = None if reference is None else reference.ceiling(self.label)
        return None if found is None else proportion(*found)


digit_agreement, digit_ceiling = Agreement("digit"), Ceiling("digit")
speaker_agreement, speaker_ceiling = Agreement("speaker"), Ceiling("speaker")
kind_agreement, kind_ceiling = Agreement("kind"), Ceiling("kind")


def digit_unseen_speakers(samples: Gathered, reference: Reference | None) -> Value | None:
    """Return the share of real digits told by classifiers that have not heard their speaker, each of all left out once.

    It says how much `digit_agreement` is worth for other voices than those of the reference. These classifiers are
    trained half as long as the one of `digit_agreement`. The error is that of another choice of as many speakers, not
    of other digits by the same, and so is rough for a few.
    """
    found = None if reference is None else reference.unseen
    return None if found is None else _pooled(list(found.values()))


def diversity(samples: Gathered, reference: Reference | None) -> Value | None:
    """Return how far apart two samples of a digit or kind are on average, divided by how far two real clips are.

    Samples that are as diverse have 1. It is the mean over digits or kinds, weighted by how many samples are of each;
    where samples or the reference say neither, it is of any two.
    """
    if reference is None:
        return None
    label = next((name for name in ("digit", "kind") if any(samples.said(name)) and any(reference.said(name))), None)
    rows, order = _features(samples, reference), _order(samples)
    said = samples.said(label) if label else ("",) * len(samples.clips)
    own = [said[place] for place in order]
    real = spread(reference.compared, reference.said(label) if label else [""] * len(reference.compared))
    whole = _relative(rows, own, real)
    if whole is None:
        return NOTHING
    rests = [np.arange(len(rows)) % _GROUPS != group for group in range(_GROUPS)]
    partial = [_relative(rows[rest], [own[place] for place in np.flatnonzero(rest)], real) for rest in rests]
    known = [value for value in partial if value is not None]
    error = jackknife_error(known) if len(known) == _GROUPS else None
    return Value(value=whole, error=error, count=sum(name in real for name in own))


def copied(samples: Gathered, reference: Reference | None) -> Value | None:
    """Return the share of samples that are more like a clip of the reference than 99 of 100 of its own are like others.

    How alike two clips are is as `nearest` says. Samples of a model that copies nothing have about 0.01. Its spec asks
    for the training set as the reference; another says little.
    """
    if reference is None:
        return None
    if np.isnan(reference.closest):
        return NOTHING
    alike, _ = nearest(samples.at(reference.rate).outlines, reference.outlines)
    return proportion(int((alike > reference.closest).sum()), len(alike))


def _pooled(counts: Sequence[tuple[int, int]]) -> Value:
    """Return the share of all, from how many of each of two groups or more succeed and how many these are."""
    right, count = (sum(numbers) for numbers in zip(*counts, strict=True))
    between = jackknife_error([(right - some) / (count - many) for some, many in counts])
    whole = proportion(right, count)
    # A few groups may happen to be alike; what single ones leave open remains.
    return replace(whole, error=max(between or 0, whole.error or 0))


def _order(samples: Gathered) -> list[int]:
    """Return the places of COMPARED samples, drawn once and for all; of all if there are no more."""
    return permutation(0, 0, len(samples.clips))[:COMPARED].tolist()


def _features(samples: Gathered, reference: Reference) -> Float32[ndarray, "N F"]:
    return reference.axes.along(samples.at(reference.rate).courses[_order(samples)])


def _kernel(rows: Float32[ndarray, "N F"], reference: Reference) -> Value:
    if len(rows) < 2 or len(reference) < 2:
        return NOTHING
    found, partial = distances(rows, reference.compared, reference.within)
    error = jackknife_error(partial)
    return Value(value=1_000 * found, error=None if error is None else 1_000 * error, count=len(rows))


def _frechet(rows: Float32[ndarray, "N F"], reference: Reference) -> Value:
    if len(rows) < 2 or len(reference) < 2:
        return NOTHING
    groups = [Gaussian.fit(rows[start::_GROUPS]) for start in range(min(_GROUPS, len(rows)))]
    return frechet_value(groups, reference.gaussian)


def _relative(rows: Float32[ndarray, "N F"], names: Sequence[str | None], real: Mapping[str, float]) -> float | None:
    own = {name: value for name, value in spread(rows, names).items() if real.get(name)}
    counts = Counter(name for name in names if name in own)
    if not counts:
        return None
    return sum(own[name] / real[name] * count for name, count in counts.items()) / counts.total()
