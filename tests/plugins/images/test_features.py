from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from scipy.fft import dctn

from genwright_images import features as module
from genwright_images.features import COUNT, features, identity

Pictures = Callable[..., list[Image.Image]]


def test_their_name_pins_the_weights() -> None:
    assert identity() == "random-convolutions@1 c0f94c11c6afb7a5"


def test_the_waves_are_those_of_the_cosine_transform(pictures: Pictures) -> None:
    (image,) = pictures(1, size=(32, 32), mode="RGB")
    x = np.asarray(image).astype(np.float64).mean(-1) / 127.5 - 1
    expected = dctn(x, norm="ortho")[:8, :8] / 32
    np.testing.assert_allclose(features([image])[0, 192:].reshape(8, 8), expected, atol=1e-6)


def test_the_convolutions_are_those_described(pictures: Pictures) -> None:
    (image,) = pictures(1, size=(32, 32), mode="RGB")
    x = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].double() / 127.5 - 1
    for weight in module._weights():
        padded = torch.nn.functional.pad(x, [weight.shape[-1] // 2] * 4)
        patches = padded.unfold(2, weight.shape[-1], 1).unfold(3, weight.shape[-1], 1)
        x = torch.einsum("bcyxij,fcij->bfyx", patches, weight.double()).clamp(min=0)
        x = (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4
    quarters = torch.stack([x[..., y : y + 4, z : z + 4].mean((-1, -2)) for y in (0, 4) for z in (0, 4)], -1)
    np.testing.assert_allclose(features([image])[0, :192], quarters.flatten().numpy(), atol=1e-5)


def test_the_weights_have_the_variance_that_keeps_that_of_what_passes() -> None:
    for weight in module._weights():
        fan_in = weight[0].numel()
        assert abs(float(weight.var()) * fan_in / 2 - 1) < 0.1


def test_an_image_has_the_same_features_in_any_company(pictures: Pictures) -> None:
    items = pictures(300, size=(32, 32))
    together = features(items)
    assert together.shape == (300, COUNT)
    np.testing.assert_allclose(features(items[270:280]), together[270:280], atol=1e-5)


def test_of_none_there_are_none() -> None:
    assert features([]).shape == (0, COUNT)
