"""Tokens for items, learned together with what the tokens stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, final

from jaxtyping import Float, Int64, Shaped
from torch import Tensor, nn

from genwright.errors import MismatchError, OptionError
from genwright.families.codebooks import Codebook, Grid, Table
from genwright.families.vae import latent_shape
from genwright.family import Batch, Family, Phase
from genwright.kernels.cross_entropy.spec import cross_entropy
from genwright.readings import Condition, Reading
from genwright.space import ConditionSpace, SampleSpace, Tokens

__all__ = ["VQVAE"]


@final
class VQVAE(Family):
    """Learns to write items as few tokens, and to read them back. What tokens are likely, it does not learn.

    So nothing is drawn from it alone: the encoder "codes" gives its tokens to any family of tokens, which draws them,
    and reads back what was drawn.

    places:   the shape of an item's tokens: how many, or rows and columns
    codebook: "vq", a learned table, or "fsq", a grid in which nothing is learned
    codes:    how many entries the table has; None for 512
    width:    how many numbers an entry has; None for 16
    levels:   of the grid, along each axis, their product being the number of codes; None for 8, 5, 5 and 5

    Sources: as of the codebooks; van den Oord, Vinyals and Kavukcuoglu (2017), arXiv:1711.00937, and Mentzer et al.
    (2023), arXiv:2309.15505.
    """

    def __init__(
        self,
        *,
        space: SampleSpace,
        conditions: ConditionSpace,
        build: Callable[..., nn.Module],
        places: int | tuple[int, ...] = (7, 7),
        codebook: Literal["vq", "fsq"] = "vq",
        codes: int | None = None,
        width: int | None = None,
        levels: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        self.space, self.places = space, latent_shape(places)
        self.codebook = _table(codes, width, levels) if codebook == "vq" else _grid(codes, width, levels)
        latent = (self.codebook.width, *self.places)
        self.posterior = build("posterior", space=space, conditions=conditions, latent=latent)
        self.likelihood = build("likelihood", space=space, conditions=conditions, latent=latent)

    def phases(self) -> Sequence[Phase]:
        """Return the one loss per position: the squared error of numbers or nats of tokens, and the codebook's cost."""
        return (Phase(name="loss", loss=self._loss, parameters=tuple(self.parameters())),)

    def reading(self) -> Reading:
        """Raise MismatchError, since the tokens of a sample have to be drawn by another model."""
        raise MismatchError(
            "family 'vqvae' learns what tokens stand for, and not which are likely, so nothing can be drawn from it "
            "alone. Train a model of its tokens: encoder 'codes' with this model, family autoregressive or masked."
        )

    @property
    def latents(self) -> Tokens:
        """The space of what `encode` gives."""
        return Tokens(vocab_size=self.codebook.size, shape=self.places)

    def encode(self, x: Shaped[Tensor, " B *shape"], condition: Condition) -> Int64[Tensor, " B *places"]:
        """Return the tokens of each row."""
        return self.codebook.nearest(self._posterior(x, condition)).view(-1, *self.places)

    def decode(self, tokens: Int64[Tensor, " B *places"], condition: Condition) -> Shaped[Tensor, " B *shape"]:
        """Return what the tokens of each row stand for: numbers, or the likeliest tokens of the space."""
        found = self._likelihood(self.codebook.vectors(tokens.flatten(1)), condition)
        return found.argmax(-1) if isinstance(self.space, Tokens) else found

    def _loss(self, batch: Batch) -> Tensor:
        vectors, cost = self.codebook.quantized(self._posterior(batch.x, batch.condition), batch.noise)
        found = self._likelihood(vectors, batch.condition).float()
        return (self._error(batch.x, found) + cost).mean()

    def _error(self, x: Tensor, found: Tensor) -> Float[Tensor, " B"]:
        if isinstance(self.space, Tokens):
            return cross_entropy(found.flatten(0, -2), x.flatten()).view(len(x), -1).mean(1)
        return (x - found).square().flatten(1).mean(1)

    def _posterior(self, x: Tensor, condition: Condition) -> Float[Tensor, "B N W"]:
        return self.posterior(x, condition).float().flatten(2).mT  # type: ignore[no-any-return]

    def _likelihood(self, vectors: Float[Tensor, "B N W"], condition: Condition) -> Tensor:
        return self.likelihood(vectors.mT.reshape(len(vectors), -1, *self.places), condition)  # type: ignore[no-any-return]


def _table(codes: int | None, width: int | None, levels: tuple[int, ...] | None) -> Codebook:
    if levels is not None:
        raise OptionError(
            f"codebook 'vq' has codes and a width; got levels={levels}, which are of 'fsq'. Leave them out, or write "
            "codebook='fsq'."
        )
    return Table(size=512 if codes is None else codes, width=16 if width is None else width)


def _grid(codes: int | None, width: int | None, levels: tuple[int, ...] | None) -> Codebook:
    given = [f"{name}={value}" for name, value in (("codes", codes), ("width", width)) if value is not None]
    if given:
        raise OptionError(
            f"codebook 'fsq' has levels, which say how many codes there are and how wide; got {' and '.join(given)}, "
            "of 'vq'. Leave out what is not levels, or write codebook='vq'."
        )
    return Grid(levels=(8, 5, 5, 5) if levels is None else levels)
