"""Trains a codec on recordings: python -m genwright_audio.coding FOLDER FILE ..."""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from genwright.errors import OptionError, TrainingError
from genwright.seeds import Noise, seeded_torch
from genwright.trainer import chosen_device
from genwright_audio.autoencoder import Autoencoder
from genwright_audio.codecs import Trained
from genwright_audio.command import carried_out, parser_of
from genwright_audio.optimiser import Average, move, optimiser, quick, share
from genwright_audio.pace import Pace, check_least
from genwright_audio.recordings import check_length, origin, parts, track
from genwright_audio.spectrum import Frames, log_bands, mel_filters

__all__ = ["Plan", "Training", "main", "unlike"]

_WARMUP = 100
_KEPT = 0.999
_WEIGHTS = {"mel": 1.0, "loudness": 16.0, "cost": 0.25}
# Loudness is about this power of a magnitude.
_LOUDNESS = 0.4


@final
@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a codec is trained.

    together, width, blocks, codebooks, latent: see Autoencoder
    steps: of the optimiser, at most
    free:  of these, those before tables replace vectors; the entries begin with the vectors that there are then
    batch: parts of the recordings a step, each of `count` vectors, 1/8 to 1.4 times as loud as recorded
    rate:  the highest rate of learning

    Raises OptionError for a plan by which nothing, or no table, would be trained.
    """

    frames: Frames
    together: int = 2
    width: int = 128
    blocks: tuple[int, int] = (4, 6)
    codebooks: int = 8
    latent: int = 32
    steps: int = 10_000
    free: int = 200
    batch: int = 128
    count: int = 64
    rate: float = 2e-3
    seed: int = 1

    def __post_init__(self) -> None:
        check_least(self, steps=1, free=0, batch=1, count=1)
        if self.free >= self.steps:
            raise OptionError(
                f"tables are used after the steps that are free; got {self.steps} steps, of which {self.free} are. "
                "Take more steps, or fewer free ones."
            )

    def to_json(self) -> dict[str, Any]:
        """Return what the card of a codec says of its training."""
        names = ("free", "batch", "count", "rate", "seed")
        return {name: getattr(self, name) for name in names}

    @property
    def length(self) -> int:
        """Samples of a part."""
        return self.together * self.count * self.frames.hop


@final
class Training:
    """A codec in training on recordings that follow one another; `kept` is its average over the last steps.

    recordings: on the device where it is trained

    Raises DataError for recordings shorter than one part.
    """

    def __init__(self, recordings: Float[Tensor, " L"], plan: Plan) -> None:
        check_length(recordings, plan.length, plan.frames.rate)
        self.recordings, self.plan, self.device = recordings, plan, recordings.device
        with seeded_torch(plan.seed):
            self.network = Autoencoder(
                frames=plan.frames,
                together=plan.together,
                width=plan.width,
                blocks=plan.blocks,
                codebooks=plan.codebooks,
                latent=plan.latent,
            ).to(self.device)
        self.kept = copy.deepcopy(self.network)
        self._average, self._optimiser = Average(self.kept, kept=_KEPT), optimiser(self.network)
        self._filters = mel_filters(plan.frames).to(self.device)

    def step(self, number: int, done: float) -> dict[str, Tensor]:
        """Take one step, and return the losses.

        done: how much of the training is, from 0 to 1
        """
        noise = Noise(self.plan.seed, torch.arange(self.plan.batch))
        mels = self.bands(parts(self.recordings, self.plan.length, noise, number))
        with quick(self.device):
            vectors = self.network.vectors(mels)
        cost = vectors.new_zeros(())
        if number >= self.plan.free:
            counts = self.counts(number).to(self.device)
            chance = Noise(self.plan.seed, noise.samples + number * self.plan.batch).to(self.device)
            vectors, costs = self.network.quantized(vectors, counts, chance)
            cost = costs.mean()
        with quick(self.device):
            made = self.network.mels(vectors)
        losses = {**unlike(made, mels), "cost": cost}
        total = torch.stack([_WEIGHTS[name] * loss for name, loss in losses.items()]).sum()
        move(self._optimiser, total, self.plan.rate * share(number, _WARMUP, done))
        self._average.note(self.network, number)
        return losses

    def bands(self, waves: Float[Tensor, "B L"]) -> Float[Tensor, "B M T"]:
        """Return the bands of parts, all at once, without the frame beyond the last of a vector."""
        return log_bands(waves, self.plan.frames, self._filters)[..., : self.plan.together * self.plan.count]

    def counts(self, number: int) -> Int64[Tensor, " B"]:
        """Return how many tables each row has at a step: half of them all, the others as many as chance will."""
        noise, most = Noise(self.plan.seed, torch.arange(self.plan.batch)), self.plan.codebooks
        draws = noise.uniform("tables", number, 2)
        return torch.where(draws[:, 0] < 0.5, most, (draws[:, 1] * most).long() + 1)


def unlike(made: Float[Tensor, "B M T"], mels: Float[Tensor, "B M T"]) -> dict[str, Tensor]:
    """Return how far bands are from what they are to be: their logarithms, and how loud they are heard."""
    return {"mel": F.l1_loss(made, mels), "loudness": F.l1_loss((_LOUDNESS * made).exp(), (_LOUDNESS * mels).exp())}


def main(arguments: Sequence[str] | None = None) -> int:
    """Train a codec and write it to a folder, with the losses on the way; return 1 if that cannot be."""
    return carried_out(_parser(), _train, arguments)


def _train(asked: argparse.Namespace, folder: Path) -> None:
    plan, pace, device = _plan(asked), Pace(steps=asked.steps, seconds=asked.seconds), chosen_device(asked.device)
    if device != "cpu":
        torch.set_float32_matmul_precision("high")
    recordings = track(asked.files, asked.rate, speeds=asked.speeds)
    training = Training(recordings.to(device), plan)
    pace.run(training.step)
    if pace.taken <= plan.free:
        raise TrainingError(
            f"tables are used after the first {plan.free} steps; got {pace.taken} steps in {asked.seconds:g} seconds. "
            "Take more time, or fewer free steps."
        )
    told = {**plan.to_json(), "steps": pace.taken, **origin(asked.files, asked.speeds, recordings, asked.rate)}
    Trained.save(folder, training.kept, card={"training": told})
    (folder / "training.log").write_text("".join(pace.lines), encoding="utf-8")


def _plan(asked: argparse.Namespace) -> Plan:
    names = ("together", "width", "codebooks", "steps", "free", "batch")
    return Plan(
        frames=Frames(rate=asked.rate, bands=asked.bands, size=asked.size, hop=asked.hop),
        blocks=(asked.before, asked.after),
        # A table is for eight numbers, and those of fewer than four leave no room for the usual 32.
        latent=min(32, 8 * asked.codebooks),
        **{name: getattr(asked, name) for name in names},
    )


def _parser() -> argparse.ArgumentParser:
    whole = {
        "rate": (8000, "samples a second, to which recordings are brought"),
        "bands": (64, "mel bands"),
        "size": (256, "samples of a frame"),
        "hop": (64, "samples from frame to frame"),
        "together": (2, "frames that become one vector"),
        "width": (128, "channels of the network"),
        "before": (4, "blocks before the tables"),
        "after": (6, "blocks after them"),
        "codebooks": (8, "tables, of 256 entries each"),
        "free": (200, "steps before the tables are used"),
        "steps": (10_000, "of the optimiser, at most"),
        "batch": (128, "parts of the recordings a step"),
        "speeds": (1, "how many speeds each recording is heard at, 1 to 5"),
    }
    parser = parser_of("coding", "Train a codec.", whole)
    parser.add_argument("--seconds", type=float, help="how long it is trained, where that is less than all steps take")
    parser.add_argument("--device", default="cpu", help="where it is trained; cpu if not given")
    return parser


if __name__ == "__main__":
    sys.exit(main())
