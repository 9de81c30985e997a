"""What is measured of generated images, without a network that would have to be downloaded.

Every metric takes the samples and a reference, and returns a value with its standard error, which says how much the
value depends on the samples drawn, not on the reference. Where it needs what is not given it returns None; where there
are too few samples for it, its value is NaN. Samples with a flaw are left out.

Distances are between features that `features` defines, scaled by the reference: compare values for one reference only.
"""

from __future__ import annotations

from genwright.discrepancy import distances
from genwright.gaussian import frechet_value
from genwright.metrics import NOTHING, Value
from genwright.uncertainty import jackknife_error, proportion
from genwright_images.gathered import Gathered
from genwright_images.reference import Reference
from genwright_images.thumbnails import thumbnails

__all__ = ["class_agreement", "class_ceiling", "frechet", "kernel"]


def kernel(samples: Gathered, reference: Reference | None) -> Value | None:
    """Return the kernel distance: the squared maximum mean discrepancy of features, times 1,000.

    It has no bias: for samples of the reference's own distribution it is 0 on average, however few, so may be negative.
    Of more than 10,000 samples, or images of the reference, as many are compared.
    Source: Bińkowski et al. (2018), arXiv:1801.01401.
    """
    if reference is None:
        return None
    if len(samples.images) < 2 or len(reference) < 2:
        return NOTHING
    found, partial = distances(reference.scaled(samples.compared), reference.compared, reference.within)
    error = jackknife_error(partial)
    return Value(value=1_000 * found, error=None if error is None else 1_000 * error, count=len(samples.compared))


def frechet(samples: Gathered, reference: Reference | None) -> Value | None:
    """Return the squared Fréchet distance of the Gaussians of features, 0 for equal ones.

    It falls with the number of samples: compare at equal numbers only.
    Source: Heusel et al. (2017), arXiv:1706.08500, whose features are those of a trained network.
    """
    if reference is None:
        return None
    if len(samples.images) < 2 or len(reference) < 2:
        return NOTHING
    parts = [part.scaled(reference.mean, reference.deviation) for part in samples.gaussians]
    return frechet_value(parts, reference.gaussian)


def class_agreement(samples: Gathered, reference: Reference | None) -> Value | None:
    """Return the share of samples that a classifier, trained on the reference, takes for what they say they are.

    Samples that say no class, or one that the reference has not, do not count. What can be reached is `class_ceiling`.
    Source: Ravuri and Vinyals (2019), arXiv:1905.10887, has the converse, a classifier trained on samples.
    """
    if reference is None or reference.classifier is None or not any(samples.classes):
        return None
    known = reference.classifier.classes
    judged = [(i, name) for i, name in zip(samples.images, samples.classes, strict=True) if name in known]
    predicted = reference.classifier.predicted(thumbnails([image for image, _ in judged]))
    return proportion(sum(one == name for one, (_, name) in zip(predicted, judged, strict=True)), len(judged))


def class_ceiling(samples: Gathered, reference: Reference | None) -> Value | None:
    """Return the share of real images, held out from its training, whose class that classifier tells.

    It says nothing of the samples; it is what `class_agreement` of samples of all classes, as frequent as in the
    reference, is to be held against. Some classes are told more often than others.
    """
    if reference is None or reference.ceiling is None:
        return None
    return proportion(*reference.ceiling)
