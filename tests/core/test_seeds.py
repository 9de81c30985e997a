from __future__ import annotations

import json
import math
import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from genwright.seeds import Noise, distinct, fresh_seed, permutation, philox, seeded_torch

GOLDEN = Path(__file__).parents[1] / "golden"
KINDS = ("bits", "uniform", "normal", "gumbel")
F = np.float32


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(
    ("counter", "key", "known"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_philox_gives_its_published_known_answers(counter: str, key: str, known: str) -> None:
    """Those of philox4x32 with 10 rounds in the file kat_vectors of Random123."""
    c0, c1, c2, c3 = (torch.tensor([word]) for word in words(counter))
    k0, k1 = words(key)
    assert [int(word) for word in philox((c0, c1, c2, c3), (k0, k1))] == words(known)


@pytest.mark.parametrize("name", ["seeds"])
def test_draws_are_those_of_the_golden_file(name: str) -> None:
    made = runpy.run_path(str(GOLDEN / "rewrite.py"))["GOLDEN"][name]()
    assert made == json.loads((GOLDEN / f"{name}.json").read_text())


# ---- the same numbers by numpy, written from the definition


def philox_by_numpy(counters: np.ndarray, seed: int) -> np.ndarray:
    """Return Philox4x32-10 of counters [N, 4], in uint64 arithmetic, which cannot overflow."""
    c, mask = counters.astype(np.uint64), np.uint64(0xFFFFFFFF)
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        low = c[:, 0] * np.uint64(0xD2511F53)
        high = c[:, 2] * np.uint64(0xCD9E8D57)
        a = (high >> np.uint64(32)) ^ c[:, 1] ^ np.uint64(k0)
        b = (low >> np.uint64(32)) ^ c[:, 3] ^ np.uint64(k1)
        c = np.stack([a, high & mask, b, low & mask], 1)
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c


def bits_by_numpy(seed: int, sample: int, purpose: str, step: int, count: int) -> np.ndarray:
    import hashlib

    key = seed ^ int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "little")
    blocks = [(block, step, sample % 2**32, sample >> 32) for block in range(math.ceil(count / 4))]
    return philox_by_numpy(np.array(blocks, dtype=np.uint64), key).reshape(-1)[:count]


def uniform_by_numpy(bits: np.ndarray) -> np.ndarray:
    return ((bits >> np.uint64(9)).astype(F) + F(0.5)) * F(2**-23)


def log_by_numpy(x: np.ndarray) -> np.ndarray:
    fraction, exponent = np.frexp(x)
    small = fraction < F(0.70710678)
    fraction, exponent = np.where(small, fraction * F(2), fraction), (exponent - small).astype(F)
    s = (fraction - F(1)) / (fraction + F(1))
    z = s * s
    series = z * (z * (z * (z * F(1 / 9) + F(1 / 7)) + F(1 / 5)) + F(1 / 3))
    log: np.ndarray = exponent * F(0.693359375) + (exponent * F(-2.12194440e-4) + (F(2) * s + F(2) * s * series))
    return log


def normal_by_numpy(u: np.ndarray) -> np.ndarray:
    radius = np.sqrt(F(-2) * log_by_numpy(u[0::2]))
    quarters = u[1::2] * F(4)
    nearest = np.floor(quarters + F(0.5))
    x = (quarters - nearest) * F(1.57079632679)
    z = x * x
    sine = x + x * z * (z * (z * (z * F(1 / 362880) - F(1 / 5040)) + F(1 / 120)) - F(1 / 6))
    cosine = F(1) + z * (z * (z * (z * F(1 / 40320) - F(1 / 720)) + F(1 / 24)) - F(0.5))
    turns = nearest.astype(int) % 4
    cosines = np.choose(turns, [cosine, -sine, -cosine, sine])
    sines = np.choose(turns, [sine, cosine, -sine, -cosine])
    return np.stack([radius * cosines, radius * sines], 1).reshape(-1)


def test_a_step_below_zero_is_the_word_of_its_bits() -> None:
    """It once went into the rounds as a negative number, whose words no other Philox gives."""
    assert Noise(7, torch.tensor([3])).bits("order", -2, 8)[0].tolist() == [
        int(word) for word in bits_by_numpy(7, 3, "order", 2**32 - 2, 8)
    ]


@pytest.mark.parametrize("seed", [0, 7, 2**32 + 1, 2**63 - 1])
@pytest.mark.parametrize("sample", [0, 5, 2**33 + 9, 2**63 - 1])
def test_numpy_draws_the_same_bit_for_bit(seed: int, sample: int) -> None:
    noise = Noise(seed, torch.tensor([sample]))
    bits = bits_by_numpy(seed, sample, "token", 12, 4096)
    u = uniform_by_numpy(bits)
    assert np.array_equal(noise.bits("token", 12, 4096)[0].numpy().astype(np.uint64), bits)
    assert np.array_equal(noise.uniform("token", 12, 4096)[0].numpy(), u)
    assert np.array_equal(noise.gumbel("token", 12, 4096)[0].numpy(), -log_by_numpy(-log_by_numpy(u)))
    assert np.array_equal(noise.normal("token", 12, 4096)[0].numpy(), normal_by_numpy(u))


def test_the_logarithm_and_the_circle_are_near_those_of_the_library() -> None:
    noise = Noise(3, torch.arange(64))
    u = noise.uniform("x", 0, 2048).double()
    gumbel = noise.gumbel("x", 0, 2048).double()
    assert torch.allclose(gumbel, -(-u.log()).log(), rtol=3e-7, atol=3e-7)
    radius, angle = (-2 * u[:, 0::2].log()).sqrt(), 2 * torch.pi * u[:, 1::2]
    normal = torch.stack((radius * angle.cos(), radius * angle.sin()), -1).flatten(1)
    assert (noise.normal("x", 0, 2048).double() - normal).abs().max() < 2e-6


# ---- what a draw depends on


def draws(noise: Noise, kind: str, count: int, *, purpose: str = "token", step: int = 4) -> Tensor:
    made: Tensor = getattr(noise, kind)(purpose, step, count)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_draws_are_the_first_of_more(kind: str) -> None:
    noise = Noise(7, torch.arange(5))
    whole = draws(noise, kind, 64)
    assert whole.shape == (5, 64)
    for count in (0, 1, 2, 3, 4, 5, 7, 63):
        assert torch.equal(draws(noise, kind, count), whole[:, :count])


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_depends_on_its_sample_alone(kind: str) -> None:
    samples = torch.tensor([9, 2**40, 0, 9, 3])
    whole = draws(Noise(7, samples), kind, 10)
    for row, sample in enumerate(samples.tolist()):
        assert torch.equal(draws(Noise(7, torch.tensor([sample])), kind, 10)[0], whole[row])
    order = torch.tensor([4, 2, 0])
    assert torch.equal(draws(Noise(7, samples)[order], kind, 10), whole[order])
    assert torch.equal(draws(Noise(7, samples)[samples == 9], kind, 10), whole[samples == 9])
    assert torch.equal(draws(Noise(7, samples)[1:3], kind, 10), whole[1:3])


@pytest.mark.parametrize("kind", KINDS)
def test_each_row_may_be_at_a_step_of_its_own(kind: str) -> None:
    noise, steps = Noise(7, torch.arange(3)), torch.tensor([5, 0, 900])
    made = getattr(noise, kind)("token", steps, 6)
    for row, step in enumerate(steps.tolist()):
        assert torch.equal(made[row], draws(noise, kind, 6, step=step)[row])


def test_other_seeds_samples_purposes_and_steps_draw_otherwise() -> None:
    made = [
        tuple(Noise(seed, torch.tensor([sample])).bits(purpose, step, 4)[0].tolist())
        for seed in (0, 1, 2**32, 2**63 - 1)
        for sample in (0, 1, 2**32, 2**62)
        for purpose in ("token", "order", "drop")
        for step in (0, 1, 2**31)
    ]
    assert len(set(made)) == len(made)


def test_noise_has_as_many_rows_as_samples_and_moves_to_a_device() -> None:
    noise = Noise(7, torch.arange(3))
    assert len(noise) == 3
    assert torch.equal(noise.to("cpu").bits("token", 0, 4), noise.bits("token", 0, 4))


# ---- how draws are distributed


@pytest.fixture(scope="module")
def many() -> Noise:
    return Noise(20261122, torch.arange(1000))


@pytest.mark.parametrize(
    ("kind", "distribution", "mean", "variance"),
    [
        ("uniform", stats.uniform, 0.5, 1 / 12),
        ("normal", stats.norm, 0.0, 1.0),
        ("gumbel", stats.gumbel_r, 0.57721566, math.pi**2 / 6),
    ],
)
def test_draws_have_their_distribution(
    many: Noise, kind: str, distribution: stats.rv_continuous, mean: float, variance: float
) -> None:
    x = draws(many, kind, 500).flatten().double().numpy()
    assert np.isfinite(x).all()
    assert abs(x.mean() - mean) < 4 * (variance / len(x)) ** 0.5
    assert abs(x.var() / variance - 1) < 0.02
    assert stats.kstest(x[::5], distribution.cdf).pvalue > 0.001


def test_neighbours_are_not_correlated(many: Noise) -> None:
    x = draws(many, "normal", 500).double()
    for one, other in ((x[:, :-1], x[:, 1:]), (x[:-1], x[1:])):
        assert abs(float((one * other).mean())) < 4 / one.numel() ** 0.5


def test_uniforms_are_never_0_or_1_and_no_draw_is_infinite(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the least and the greatest words that there are."""
    for word in (0, 0xFFFFFFFF):
        monkeypatch.setattr(Noise, "bits", lambda self, purpose, step, count, word=word: torch.full((1, count), word))
        noise = Noise(0, torch.tensor([0]))
        assert 0 < noise.uniform("x", 0, 1) < 1
        assert noise.normal("x", 0, 2).isfinite().all()
        assert noise.gumbel("x", 0, 1).isfinite().all()


def test_every_bit_is_as_often_0_as_1(many: Noise) -> None:
    bits = draws(many, "bits", 200)
    shares = torch.stack([(bits >> place & 1).double().mean() for place in range(32)])
    assert (shares - 0.5).abs().max() < 4 * 0.5 / bits.numel() ** 0.5
    assert bits.min() >= 0
    assert bits.max() < 2**32


# ---- orders, fresh seeds, PyTorch's own generator


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_a_permutation_holds_every_number_once(count: int) -> None:
    assert torch.equal(permutation(7, 2, count).sort().values, torch.arange(count))


def test_permutations_differ_between_epochs_and_seeds() -> None:
    orders = {tuple(permutation(seed, epoch, 50).tolist()) for seed in (0, 1) for epoch in range(10)}
    assert len(orders) == 20


def test_every_order_is_equally_likely() -> None:
    found = np.zeros(6)
    names = {(0, 1, 2): 0, (0, 2, 1): 1, (1, 0, 2): 2, (1, 2, 0): 3, (2, 0, 1): 4, (2, 1, 0): 5}
    for epoch in range(1200):
        found[names[tuple(permutation(5, epoch, 3).tolist())]] += 1
    assert stats.chisquare(found).pvalue > 0.001


def test_fresh_seeds_differ_and_survive_json() -> None:
    seeds = [fresh_seed() for _ in range(100)]
    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**53 and float(seed) == seed for seed in seeds)


def test_seeding_torch_leaves_its_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    with seeded_torch(5):
        first = torch.randn(3)
    with seeded_torch(5):
        assert torch.equal(torch.randn(3), first)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_a_step_draws_depends_on_seed_and_step_and_leaves_what_others_draw() -> None:
    def drawn(seed: int, step: int | None) -> list[float]:
        with seeded_torch(seed, step=step):
            return torch.rand(4).tolist()

    before = torch.random.get_rng_state()
    draws = [drawn(seed, step) for seed in (0, 2**64 - 1) for step in (None, 0, 1, 2**40)]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert len({tuple(draw) for draw in draws}) == 8
    assert drawn(0, 1) == draws[2]


def test_distinct_numbers_are_a_set_each_as_likely() -> None:
    """By Floyd's method: each of the ten pairs of five numbers comes up about as often."""
    counts = Counter(tuple(distinct(seed, 2, 5)) for seed in range(5000))
    assert len(counts) == 10
    assert all(abs(count - 500) < 4 * 21.2 for count in counts.values()), counts


def test_distinct_numbers_do_not_depend_on_how_large_the_whole_is_in_memory() -> None:
    found = distinct(7, 3, 10**18)
    assert found == sorted(set(found)) == distinct(7, 3, 10**18)
    assert max(found) < 10**18
    assert distinct(7, 5, 3) == [0, 1, 2]
