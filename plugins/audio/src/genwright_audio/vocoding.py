"""Trains a vocoder on recordings, in half an hour of one core: python -m genwright_audio.vocoding FOLDER FILE ..."""

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
from jaxtyping import Float
from torch import Tensor

from genwright.errors import OptionError
from genwright.seeds import Noise, seeded_torch
from genwright_audio.command import carried_out, parser_of
from genwright_audio.discriminator import Discriminator
from genwright_audio.optimiser import Average, move, optimiser, quick, share
from genwright_audio.pace import Pace, check_least
from genwright_audio.recordings import check_length, origin, parts, track
from genwright_audio.spectrum import Frames, istft, log_mel, stft
from genwright_audio.vocoder import Network
from genwright_audio.vocoders import Trained

__all__ = ["Plan", "Training", "main"]

_KEPT = 0.999
_WARMUP = 200
_FAINT = 1e-4
_WEIGHTS = {"spectrum": 4.0, "mel": 8.0, "magnitude": 1.0, "fooled": 1.0, "alike": 4.0}


@final
@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a vocoder is trained.

    width, blocks, rounds: see Network
    steps: of the optimiser, of which the first `alone` are taken without a discriminator
    batch: parts of the recordings a step, each of `count` frames, 1/8 to 1.4 times as loud as recorded
    rate:  the highest rate of learning

    Raises OptionError for a plan by which nothing would be trained.
    """

    frames: Frames
    width: int = 192
    blocks: int = 6
    rounds: tuple[int, int] = (8, 8)
    steps: int = 3600
    alone: int = 2900
    batch: int = 12
    count: int = 64
    rate: float = 8e-4
    seed: int = 1

    def __post_init__(self) -> None:
        check_least(self, steps=1, alone=0, batch=1, count=2)

    def to_json(self) -> dict[str, Any]:
        """Return what the card of a vocoder says of its training."""
        names = ("steps", "alone", "batch", "count", "rate", "seed")
        return {name: getattr(self, name) for name in names}

    @property
    def length(self) -> int:
        """Samples of a part."""
        return (self.count - 1) * self.frames.hop

    def share(self, number: int) -> float:
        """Return the share of the highest rate of learning at a step: it grows for a while, then falls as a cosine."""
        return share(number, min(_WARMUP, 1 + self.steps / 10), number / self.steps)


@final
class Training:
    """A vocoder in training on recordings that follow one another; `kept` is its average over the last steps.

    start: what to begin with, of the same sizes

    Raises DataError for recordings shorter than one part, OptionError for a start of other sizes.

    Sources: Yamamoto, Song and Kim (2020), arXiv:1910.11480 (spectra of several lengths); Lim and Ye (2017),
    arXiv:1705.02894 (hinge); Kumar et al. (2019), arXiv:1910.06711 (likeness of the discriminator's layers).
    """

    def __init__(self, recordings: Float[Tensor, " L"], plan: Plan, *, start: Network | None = None) -> None:
        check_length(recordings, plan.length, plan.frames.rate)
        self.recordings, self.plan, self.frames = recordings, plan, plan.frames
        with seeded_torch(plan.seed):
            self.network = Network(frames=plan.frames, width=plan.width, blocks=plan.blocks, rounds=plan.rounds)
            self.judge = Discriminator(frames=_lengths(plan.frames)[1:])
        if start is not None:
            _begin(self.network, start)
        self.kept = copy.deepcopy(self.network)
        self._average = Average(self.kept, kept=_KEPT)
        self._optimiser, self._judging = optimiser(self.network), optimiser(self.judge)

    def step(self, number: int) -> dict[str, Tensor]:
        """Take one step, and return the losses."""
        noise = Noise(self.plan.seed, torch.arange(self.plan.batch))
        real = parts(self.recordings, self.plan.length, noise, number)
        mels = log_mel(real, self.frames)
        with torch.no_grad():
            begun = self.network.begun(mels)
        with quick(real.device):
            spectra = self.network(mels, begun)
        made = istft(spectra, self.frames, length=self.plan.length)
        losses = {
            "spectrum": self._spectral(made, real),
            "mel": F.l1_loss(log_mel(made, self.frames), mels),
            "magnitude": _apart(spectra, stft(real, self.frames)),
        }
        rate = self.plan.rate * self.plan.share(number)
        if number >= self.plan.alone:
            losses |= self._contest(made, real)
        move(self._optimiser, torch.stack([_WEIGHTS[name] * loss for name, loss in losses.items()]).sum(), rate)
        self._average.note(self.network, number)
        return losses

    def _spectral(self, made: Tensor, real: Tensor) -> Tensor:
        """Return how far magnitudes are apart, as they are and as logarithms, over several lengths of frames."""
        found = []
        for frames in _lengths(self.frames):
            ours, theirs = stft(made, frames), stft(real, frames)
            found.append((ours.abs() - theirs.abs()).norm() / theirs.norm().clamp(min=_FAINT))
            found.append(_apart(ours, theirs))
        return torch.stack(found).mean()

    def _contest(self, made: Tensor, real: Tensor) -> dict[str, Tensor]:
        """Have the discriminator take a step, and return how far what is made is from what it takes for real."""
        self.judge.requires_grad_(True)
        with quick(real.device):
            genuine, forged = self.judge(real), self.judge(made.detach())
        doubts = [F.relu(1 - layers[-1].float()).mean() for layers in genuine]
        doubts += [F.relu(1 + layers[-1].float()).mean() for layers in forged]
        move(self._judging, torch.stack(doubts).sum(), self.plan.rate / 4)
        self.judge.requires_grad_(False)
        with quick(real.device):
            forged = self.judge(made)
        fooled = [F.relu(1 - layers[-1].float()).mean() for layers in forged]
        pairs = [pair for both in zip(forged, genuine, strict=True) for pair in list(zip(*both, strict=True))[:-1]]
        alike = [F.l1_loss(ours.float(), theirs.detach().float()) for ours, theirs in pairs]
        return {"fooled": torch.stack(fooled).mean(), "alike": torch.stack(alike).mean()}


def _begin(network: Network, start: Network) -> None:
    try:
        network.load_state_dict(start.state_dict())
    except RuntimeError as error:
        raise OptionError(
            "a vocoder begins with the weights of one for the same frames, of the same width and blocks; got another: "
            f"{str(error).splitlines()[-1].strip()} Ask for its sizes, or begin without."
        ) from error


def _apart(ours: Tensor, theirs: Tensor) -> Tensor:
    """Return how far the logarithms of magnitudes are apart."""
    return F.l1_loss(ours.abs().clamp(min=_FAINT).log(), theirs.abs().clamp(min=_FAINT).log())


def _lengths(frames: Frames) -> list[Frames]:
    """Return frames of half to four times the length."""
    sizes = [frames.size // 2, frames.size, 2 * frames.size, 4 * frames.size]
    return [Frames(rate=frames.rate, bands=1, size=size, hop=size // 4) for size in sizes]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train a vocoder and write it to a folder, with the losses on the way; return 1 if that cannot be."""
    return carried_out(_parser(), _train, arguments)


def _train(asked: argparse.Namespace, folder: Path) -> None:
    plan = _plan(asked)
    recordings = track(asked.files, asked.rate, speeds=asked.speeds)
    training = Training(recordings, plan, start=asked.start and Trained.open(asked.start).network)
    pace = Pace(steps=plan.steps)
    pace.run(lambda number, done: training.step(number))
    told = {**plan.to_json(), **origin(asked.files, asked.speeds, recordings, asked.rate)}
    Trained.save(folder, training.kept, card={"training": told})
    (folder / "training.log").write_text("".join(pace.lines), encoding="utf-8")


def _plan(asked: argparse.Namespace) -> Plan:
    frames = Frames(rate=asked.rate, bands=asked.bands, size=asked.size, hop=asked.hop, high=asked.high)
    names = ("width", "blocks", "steps", "alone", "batch")
    return Plan(frames=frames, rounds=(asked.before, asked.after), **{name: getattr(asked, name) for name in names})


def _parser() -> argparse.ArgumentParser:
    whole = {
        "rate": (8000, "samples a second, to which recordings are brought"),
        "bands": (64, "mel bands"),
        "size": (256, "samples of a frame"),
        "hop": (64, "samples from frame to frame"),
        "width": (192, "channels of the network"),
        "blocks": (6, "of the network"),
        "before": (8, "rounds of Griffin-Lim before the network"),
        "after": (8, "rounds of Griffin-Lim after it, when it is used"),
        "steps": (3600, "of the optimiser"),
        "alone": (2900, "of these without a discriminator"),
        "batch": (12, "parts of the recordings a step"),
        "speeds": (1, "how many speeds each recording is heard at, 1 to 5"),
    }
    parser = parser_of("vocoding", "Train a vocoder.", whole)
    parser.add_argument("--start", type=Path, help="the folder of a vocoder to begin with, of the same sizes")
    parser.add_argument("--high", type=float, help="the upper limit of the bands in Hz; half the rate if not given")
    return parser


if __name__ == "__main__":
    sys.exit(main())
