import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from genwright_images.domain import Images
from genwright_images.hashing import perceptual_hash


def picture(seed: int, side: int = 64) -> Image.Image:
    """Return soft blobs."""
    noise = np.random.default_rng(seed).uniform(0, 255, (8, 8, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)


def differing(a: Image.Image, b: Image.Image) -> int:
    first, second = perceptual_hash(a), perceptual_hash(b)
    assert first is not None
    assert second is not None
    return (int.from_bytes(first, "big") ^ int.from_bytes(second, "big")).bit_count()


def test_pictures_that_look_alike_have_hashes_that_differ_in_few_bits() -> None:
    for seed in range(20):
        image = picture(seed)
        for other in (
            image.resize((200, 200)),
            image.filter(ImageFilter.GaussianBlur(1)),
            ImageEnhance.Brightness(image).enhance(0.8),
            image.convert("L"),
        ):
            assert differing(image, other) <= 8


def test_other_pictures_have_hashes_that_differ_in_half_the_bits_or_so() -> None:
    found = [differing(picture(seed), picture(seed + 1000)) for seed in range(50)]
    assert 26 < np.mean(found) < 38
    assert min(found) > 8


def test_half_of_the_bits_are_set() -> None:
    """The median is their threshold."""
    for seed in range(5):
        assert differing(picture(seed), picture(seed)) == 0
        assert int.from_bytes(perceptual_hash(picture(seed)) or b"", "big").bit_count() == 32


def test_one_colour_looks_like_nothing() -> None:
    plain = Image.new("RGB", (40, 40), (10, 20, 30))
    assert perceptual_hash(plain) is None
    assert Images().fingerprints([plain, picture(1)]) == {"phash": [None, perceptual_hash(picture(1))]}
