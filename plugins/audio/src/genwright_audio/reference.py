"""A set of clips to compare samples with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float16, Float32, Int64
from numpy import ndarray

from genwright.classifier import held_out
from genwright.discrepancy import mean_of_pairs
from genwright.gaussian import Gaussian
from genwright.parts import Arrays, Parts
from genwright.seeds import permutation
from genwright_audio.classifier import Classifier
from genwright_audio.clip import Clip, digest
from genwright_audio.embedding import Embedding
from genwright_audio.features import COUNT, VERSION, Axes
from genwright_audio.gathered import Gathered, Heard
from genwright_audio.hearing import hearing_rate
from genwright_audio.nearest import nearest

__all__ = ["COMPARED", "LABELS", "Reference"]

LABELS = ("digit", "speaker", "kind")
"""What a classifier can be trained to tell of a clip."""

COMPARED = 10_000
"""How many clips of a set are compared at most: the kernel distance takes the square of that in pairs."""

# Raised when a part would come out otherwise from the same clips.
_FORMAT = 3
_HELD = 1 / 8
# Half of the classifier's own, for there is one to be trained for each speaker.
_UNSEEN_STEPS = 300
_JUDGED, _CLOSEST = 500, 0.99


@final
class Reference:
    """A set of clips with all that metrics need of it, each part computed once and then kept on disk.

    An eighth of the clips of each digit, speaker and kind is held out, drawn once and for all, so that it differs from
    the rest as little as chance has it: features are fitted and classifiers trained without it, and samples are not
    compared with it. What the metrics make of it is what real clips can reach.

    Parts are kept by the digest of the clips and what they say, and of what computes them. The 2,700 spoken digits of
    fsdd take a quarter of a minute of one core the first time, most of it for classifiers. Clips with a flaw are left
    out, and each is brought to the rate that most have.

    folder: where parts are kept; None for the user's cache
    """

    def __init__(self, clips: Sequence[Clip], *, folder: Path | None = None) -> None:
        self._gathered = Gathered(clips)
        self.rate = hearing_rate(self._gathered.clips)
        self._said = {name: self._gathered.said(name) for name in LABELS}
        keys = [" ".join(name or "" for name in names) for names in zip(*self._said.values(), strict=True)]
        # `held_out` takes the first, and recordings that are neighbours by name are often of one sitting.
        order = _shuffled(range(len(keys)))
        held = {order[place] for place in held_out([keys[place] for place in order], share=_HELD)}
        self._held = _shuffled(sorted(held))
        self._rest = _shuffled([place for place in range(len(keys)) if place not in held])
        self._parts = Parts(domain="audio", digest=self.digest, folder=folder)
        self._classifiers: dict[str, Classifier] = {}

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all that decides the parts, in 32 hexadecimal digits."""
        found = hashlib.sha256(f"{_FORMAT} {VERSION}".encode())
        for clip, *names in zip(self._gathered.clips, *self._said.values(), strict=True):
            found.update(f"\n{digest(clip)} {' '.join(name or '' for name in names)}".encode())
        return found.hexdigest()[:32]

    def __len__(self) -> int:
        return len(self._rest)

    @cached_property
    def axes(self) -> Axes:
        """The axes of features, fitted to the clips that are not held out."""
        return Axes.of_arrays(self._features)

    @cached_property
    def compared(self) -> Float32[ndarray, "M F"]:
        """The features of COMPARED of the clips that are not held out; of all if there are no more."""
        return np.asarray(self._features["compared"])

    @cached_property
    def held(self) -> Float32[ndarray, "H F"]:
        """The features of COMPARED of the clips that are held out, in an order that was drawn once and for all."""
        return np.asarray(self._features["held"])

    @cached_property
    def gaussian(self) -> Gaussian:
        """The Gaussian of `compared`."""
        return Gaussian.fit(self.compared)

    @property
    def clips(self) -> Sequence[Clip]:
        """All clips without a flaw, also those that are held out."""
        return self._gathered.clips

    def embedded(self, embedding: Embedding) -> Gaussian:
        """Return the Gaussian of what a network hears in COMPARED of all clips; in all if there are no more."""
        some = [self.clips[place] for place in _shuffled(range(len(self.clips)))[:COMPARED]]
        name = f"embedded-{embedding.digest[:32]}"
        return Gaussian.of_arrays(self._parts.get(name, lambda: Gaussian.fit(embedding.features(some)).to_arrays()))

    @cached_property
    def within(self) -> float:
        """The mean of the kernel over all pairs of `compared`."""
        return float(self._parts.get("within", lambda: {"mean": np.array(mean_of_pairs(self.compared))})["mean"])

    @property
    def outlines(self) -> Float16[ndarray, "N 40 160"]:
        """The outlines of all clips, also of those that are held out, since a model may have copied one of them."""
        return self._heard.outlines

    @cached_property
    def closest(self) -> float:
        """How alike a hundredth of the clips are to the most similar of the others, or more; NaN of fewer than two."""
        return float(self._parts.get("closest", self._closest)["alike"])

    def said(self, label: str) -> list[str | None]:
        """Return what the clips of `compared` say."""
        return [self._said[label][place] for place in self._rest[:COMPARED]]

    def classifier(self, label: str) -> Classifier | None:
        """Return a classifier trained on the clips that are not held out; None for fewer than two classes."""
        places = self._labelled(label, self._rest)
        if len({self._said[label][place] for place in places}) < 2:
            return None
        if label not in self._classifiers:
            arrays = self._parts.get(label, lambda: self._trained(label, places).to_arrays())
            self._classifiers[label] = Classifier.of_arrays(arrays)
        return self._classifiers[label]

    def ceiling(self, label: str) -> tuple[int, int] | None:
        """Return how many of the clips held out the classifier gets right, and how many these are."""
        classifier = self.classifier(label)
        return None if classifier is None else self._right(classifier, label, self._labelled(label, self._held))

    @cached_property
    def unseen(self) -> Mapping[str, tuple[int, int]] | None:
        """How many digits of each speaker a classifier trained on the others gets right, and how many there are.

        It is trained half as long as `classifier`; None for fewer than two speakers or digits.
        """
        places = [place for place in self._labelled("digit", self._rest) if self._said["speaker"][place]]
        speakers = sorted({self._said["speaker"][place] or "" for place in places})
        if len(speakers) < 2 or self.classifier("digit") is None:
            return None
        found = self._parts.get("unseen", lambda: {"counts": self._unseen(places, speakers)})["counts"]
        return {speaker: (int(right), int(count)) for speaker, (right, count) in zip(speakers, found, strict=True)}

    def _unseen(self, places: Sequence[int], speakers: Sequence[str]) -> Int64[ndarray, "S 2"]:
        found = []
        for speaker in speakers:
            own = [place for place in places if self._said["speaker"][place] == speaker]
            others = [place for place in places if self._said["speaker"][place] != speaker]
            found.append(self._right(self._trained("digit", others, steps=_UNSEEN_STEPS), "digit", own))
        return np.array(found)

    def _trained(self, label: str, places: Sequence[int], *, steps: int | None = None) -> Classifier:
        names = [self._said[label][place] or "" for place in places]
        return Classifier.trained(self._heard.pictures[places], names, steps=steps)

    def _right(self, classifier: Classifier, label: str, places: Sequence[int]) -> tuple[int, int]:
        predicted = classifier.predicted(self._heard.pictures[places])
        return sum(self._said[label][place] == name for place, name in zip(places, predicted, strict=True)), len(places)

    def _labelled(self, label: str, places: Sequence[int]) -> list[int]:
        return [place for place in places if self._said[label][place] is not None]

    @property
    def _heard(self) -> Heard:
        return self._gathered.at(self.rate)

    @cached_property
    def _features(self) -> Arrays:
        return self._parts.get("features", self._fitted)

    def _fitted(self) -> Arrays:
        courses = self._heard.courses
        # Of no clips, axes on which nothing differs, so that nothing else has to ask.
        axes = Axes.fit(courses[self._rest] if self._rest else np.zeros((1, COUNT), dtype=np.float32))
        compared, held = (axes.along(courses[places[:COMPARED]]) for places in (self._rest, self._held))
        return {**axes.to_arrays(), "compared": compared, "held": held}

    def _closest(self) -> Arrays:
        if len(self._gathered.clips) < 2:
            return {"alike": np.array(np.nan)}
        some = _shuffled(range(len(self._gathered.clips)))[:_JUDGED]
        alike, _ = nearest(self.outlines[some], self.outlines, own=some)
        return {"alike": np.quantile(alike, _CLOSEST)}


def _shuffled(places: Sequence[int]) -> list[int]:
    return [places[place] for place in permutation(0, 0, len(places)).tolist()]
