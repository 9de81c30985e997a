"""Trains a vocoder on recordings, in half an hour of one core: python -m genwright_audio.vocoding FOLDER FILE ..."""

from __future__ import annotations

import argparse
import copy
import hashlib
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from genwright.checkpoint import check_new
from genwright.errors import DataError, GenwrightError, OptionError
from genwright.seeds import Noise, seeded_torch
from genwright_audio.discriminator import Discriminator
from genwright_audio.grid import resampled
from genwright_audio.spectrum import Frames, istft, log_mel, stft
from genwright_audio.vocoder import Network
from genwright_audio.vocoders import Trained

__all__ = ["Plan", "Training", "main", "track"]

_GAP = 0.1
_SPEEDS = (1.0, 0.84, 1.19, 0.92, 1.09)
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
        return min(1.0, (number + 1) / min(_WARMUP, 1 + self.steps / 10)) * (
            0.01 + 0.99 * math.cos(math.pi / 2 * number / self.steps) ** 2
        )


@final
class Training:
    """A vocoder in training on recordings that follow one another; `kept` is its average over the last steps.

    start: what to begin with, of the same sizes

    Raises DataError for recordings shorter than one part, OptionError for a start of other sizes.

    Sources: Yamamoto, Song and Kim (2020), arXiv:1910.11480 (spectra of several lengths); Lim and Ye (2017),
    arXiv:1705.02894 (hinge); Kumar et al. (2019), arXiv:1910.06711 (likeness of the discriminator's layers).
    """

    def __init__(self, recordings: Float[Tensor, " L"], plan: Plan, *, start: Network | None = None) -> None:
        if len(recordings) <= plan.length:
            raise DataError(
                f"a vocoder is trained on more than {plan.length / plan.frames.rate:.3g} s of recordings; got "
                f"{len(recordings) / plan.frames.rate:.3g} s. Give it more files."
            )
        self.recordings, self.plan, self.frames = recordings, plan, plan.frames
        with seeded_torch(plan.seed):
            self.network = Network(frames=plan.frames, width=plan.width, blocks=plan.blocks, rounds=plan.rounds)
            self.judge = Discriminator(frames=_lengths(plan.frames)[1:])
        if start is not None:
            _begin(self.network, start)
        self.kept = copy.deepcopy(self.network).requires_grad_(False)
        self._ours, self._theirs = _optimiser(self.network), _optimiser(self.judge)

    def step(self, number: int) -> dict[str, float]:
        """Take one step, and return the losses."""
        real = self._parts(number)
        mels = log_mel(real, self.frames)
        with torch.no_grad():
            begun = self.network.begun(mels)
        # Half the time on a processor that has it.
        with torch.autocast("cpu", torch.bfloat16):
            spectra = self.network(mels, begun)
        made = istft(spectra, self.frames, length=self.plan.length)
        losses = {
            "spectrum": self._spectral(made, real),
            "mel": F.l1_loss(log_mel(made, self.frames), mels),
            "magnitude": _apart(spectra, stft(real, self.frames)),
        }
        if number >= self.plan.alone:
            losses |= self._contest(made, real)
        total = torch.stack([_WEIGHTS[name] * loss for name, loss in losses.items()]).sum()
        _move(self._ours, total, self.plan.rate * self.plan.share(number))
        self._keep(number)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _parts(self, number: int) -> Float[Tensor, "B L"]:
        draws = Noise(self.plan.seed, torch.arange(self.plan.batch)).uniform("parts", number, 2).double()
        first = (draws[:, 0] * (len(self.recordings) - self.plan.length)).long()
        louder = 2 ** (3.5 * draws[:, 1:].float() - 3)
        return self.recordings[first[:, None] + torch.arange(self.plan.length)] * louder

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
        with torch.autocast("cpu", torch.bfloat16):
            genuine, forged = self.judge(real), self.judge(made.detach())
        doubts = [F.relu(1 - layers[-1].float()).mean() for layers in genuine]
        doubts += [F.relu(1 + layers[-1].float()).mean() for layers in forged]
        _move(self._theirs, torch.stack(doubts).sum(), self.plan.rate / 4)
        self.judge.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16):
            forged = self.judge(made)
        fooled = [F.relu(1 - layers[-1].float()).mean() for layers in forged]
        pairs = [pair for both in zip(forged, genuine, strict=True) for pair in list(zip(*both, strict=True))[:-1]]
        alike = [F.l1_loss(ours.float(), theirs.detach().float()) for ours, theirs in pairs]
        return {"fooled": torch.stack(fooled).mean(), "alike": torch.stack(alike).mean()}

    @torch.no_grad()
    def _keep(self, number: int) -> None:
        share = max(1 - _KEPT, 1 / (number + 1))
        for kept, new in zip(self.kept.parameters(), self.network.parameters(), strict=True):
            kept.lerp_(new, share)


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


def _optimiser(network: nn.Module) -> torch.optim.AdamW:
    return torch.optim.AdamW(network.parameters(), betas=(0.8, 0.99), weight_decay=0.01)


def _move(optimiser: torch.optim.AdamW, loss: Tensor, rate: float) -> None:
    (group,) = optimiser.param_groups
    group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(group["params"], 5.0)
    optimiser.step()


def _lengths(frames: Frames) -> list[Frames]:
    """Return frames of half to four times the length."""
    sizes = [frames.size // 2, frames.size, 2 * frames.size, 4 * frames.size]
    return [Frames(rate=frames.rate, bands=1, size=size, hop=size // 4) for size in sizes]


def track(files: Sequence[Path], rate: int, *, speeds: int = 1) -> Float[Tensor, " L"]:
    """Return recordings one after the other in one channel, a tenth of a second of silence after each.

    speeds: how many times each is there, the second and later at other speeds, and so pitches

    Raises DataError for a file that is no recording.
    """
    gap, found = np.zeros(round(_GAP * rate), np.float32), []
    for file in files:
        try:
            wave, theirs = soundfile.read(file, dtype="float32", always_2d=True)
        except (OSError, RuntimeError) as error:
            raise DataError(f"a vocoder is trained on recordings; {file} is none: {error}. Leave it out.") from error
        for speed in _SPEEDS[:speeds]:
            found += [resampled(wave.mean(1), round(speed * theirs), rate), gap]
    return torch.from_numpy(np.concatenate(found))


def main(arguments: Sequence[str] | None = None) -> int:
    """Train a vocoder and write it to a folder, with the losses on the way; return 1 if that cannot be."""
    asked = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    try:
        check_new(asked.folder)
        frames = Frames(rate=asked.rate, bands=asked.bands, size=asked.size, hop=asked.hop, high=asked.high)
        recordings = track(asked.files, frames.rate, speeds=asked.speeds)
        names = ("width", "blocks", "steps", "alone", "batch")
        plan = Plan(frames=frames, rounds=(asked.before, asked.after), **{name: getattr(asked, name) for name in names})
        training = Training(recordings, plan, start=asked.start and Trained.open(asked.start).network)
        lines = list(_told(training))
        card = {"training": {**plan.to_json(), **_data(asked.files, asked.speeds, recordings, frames.rate)}}
        Trained.save(asked.folder, training.kept, card=card)
    except GenwrightError as error:
        print(f"Refused: {error}", file=sys.stderr)
        return 1
    (asked.folder / "training.log").write_text("".join(lines), encoding="utf-8")
    return 0


def _told(training: Training) -> Sequence[str]:
    """Take all steps; return a line for each hundred, which is printed too."""
    began, lines, steps = time.monotonic(), [], training.plan.steps
    for number in range(steps):
        losses = training.step(number)
        if number % 100 == 99 or number + 1 == steps:
            told = "  ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
            lines.append(f"step {number + 1:,} of {steps:,}  {told}  {time.monotonic() - began:.0f} s\n")
            print(lines[-1], end="", flush=True)
    return lines


def _data(files: Sequence[Path], speeds: int, recordings: Tensor, rate: int) -> dict[str, Any]:
    """Return what the card says of the recordings; the digest is that over those of the files in their order."""
    digests = "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    return {
        "files": len(files),
        "speeds": speeds,
        "seconds": round(len(recordings) / rate, 1),
        "data": hashlib.sha256(digests.encode()).hexdigest(),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m genwright_audio.vocoding", description="Train a vocoder.")
    parser.add_argument("folder", type=Path, help="new, for what is trained")
    parser.add_argument("files", type=Path, nargs="+", help="recordings")
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
    for name, (usual, meaning) in whole.items():
        parser.add_argument(f"--{name}", type=int, default=usual, help=f"{meaning}; {usual} if not given")
    parser.add_argument("--start", type=Path, help="the folder of a vocoder to begin with, of the same sizes")
    parser.add_argument("--high", type=float, help="the upper limit of the bands in Hz; half the rate if not given")
    return parser


if __name__ == "__main__":
    sys.exit(main())
