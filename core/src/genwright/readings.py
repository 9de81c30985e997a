"""The ways to read a trained model, and what it can be asked for.

A sampler may use nothing but these four protocols, so it serves every family that offers its reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

__all__ = ["Condition", "Decoder", "Denoiser", "NextToken", "Reading", "Steady", "Stream", "Unmasker"]


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What each row should be like.

    scalars: in the units of the domain; NaN where nothing is asked
    labels:  position among each label's values, then of each text's words (`ConditionSpace.columns`); -1 where nothing
             is asked
    prefix:  tokens that the row starts with; -1 after its end
    contours: values, each of so many places (`ConditionSpace.places`), in the units of the domain; NaN where nothing is
              asked, infinite after the end of one; None for a model that follows none
    """

    scalars: Float[Tensor, "B S"]
    labels: Int64[Tensor, "B L"]
    prefix: Int64[Tensor, "B P"]
    contours: Float[Tensor, "B C N"] | None = None

    @classmethod
    def none(cls, rows: int, *, scalars: int = 0, labels: int = 0) -> Condition:
        """Return the condition that asks for nothing."""
        return cls(
            scalars=torch.full((rows, scalars), torch.nan),
            labels=torch.full((rows, labels), -1, dtype=torch.int64),
            prefix=torch.empty(rows, 0, dtype=torch.int64),
        )

    def __len__(self) -> int:
        return len(self.scalars)

    def __getitem__(self, rows: Tensor | slice) -> Condition:
        """Return the condition of some of the rows."""
        contours = None if self.contours is None else self.contours[rows]
        return Condition(
            scalars=self.scalars[rows], labels=self.labels[rows], prefix=self.prefix[rows], contours=contours
        )

    def expand(self, rows: int) -> Condition:
        """Return this condition of one row for that many rows."""
        return self[torch.zeros(rows, dtype=torch.int64)]

    def to(self, device: torch.device | str) -> Condition:
        """Return the condition on a device."""
        contours = None if self.contours is None else self.contours.to(device)
        return Condition(
            scalars=self.scalars.to(device),
            labels=self.labels.to(device),
            prefix=self.prefix.to(device),
            contours=contours,
        )


@runtime_checkable
class Stream(Protocol):
    """Rows of tokens being drawn. Shapes are fixed throughout, so no row's bits depend on the others."""

    def step(self, tokens: Int64[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """Return the logits that follow, given one more token a row; the first is the reading's `start`."""

    def restart(self, rows: Bool[Tensor, " B"], condition: Condition) -> None:
        """Begin these rows anew; the next token given to each is `start` again. `condition` has B rows."""


@runtime_checkable
class Steady(Protocol):
    """A stream that may say that its steps change nothing but tensors, in place, so that a GPU can replay one."""

    @property
    def is_steady(self) -> bool:
        """Whether all steps are alike but for what is in tensors that stay where they are."""


@runtime_checkable
class NextToken(Protocol):
    """Autoregressive models: GPT, PixelCNN, WaveNet.

    start:  the token to give first
    stop:   the token that ends a row, or None
    length: the most tokens a row can have, the start not counted
    """

    @property
    def start(self) -> int:
        """The token to give first."""

    @property
    def stop(self) -> int | None:
        """The token that ends a row, or None where every row has full length."""

    @property
    def length(self) -> int:
        """How many tokens a row has, the start not counted."""

    def open(self, condition: Condition) -> Stream:
        """Return a stream of as many rows as the condition has."""


@runtime_checkable
class Denoiser(Protocol):
    """Diffusion and flow matching: whatever a family predicts, it is read as this.

    What it gives depends on its arguments alone: on a GPU the loop of a sampler is recorded once, and then replayed
    with other rows (`genwright.captured`).
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""

    def denoise(
        self, x: Float[Tensor, " B *shape"], sigma: Float[Tensor, " B"], condition: Condition
    ) -> Float[Tensor, " B *shape"]:
        """Return the expected clean sample, where x is the clean sample plus sigma times unit noise."""


@runtime_checkable
class Unmasker(Protocol):
    """Masked (absorbing) discrete diffusion."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""

    @property
    def mask(self) -> int:
        """The token that stands where nothing is drawn yet."""

    def unmask(self, x: Int64[Tensor, " B *shape"], condition: Condition) -> Float[Tensor, " B *shape V"]:
        """Return the logits of every position."""


@runtime_checkable
class Decoder(Protocol):
    """VAE and GAN."""

    @property
    def latent(self) -> tuple[int, ...]:
        """The shape of a latent: (Z,), or (C, Y, X) for one that keeps places."""

    def decode(self, z: Float[Tensor, " B *latent"], condition: Condition) -> Shaped[Tensor, " B *shape"]:
        """Return the sample of a latent, where latents are unit normal."""


Reading = NextToken | Denoiser | Unmasker | Decoder
