"""A network that writes mel bands as a few whole numbers a frame, and reads them back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from genwright.errors import OptionError
from genwright.families.codebooks import Table
from genwright.seeds import Noise
from genwright_audio.block import Block
from genwright_audio.spectrum import Frames

__all__ = ["Autoencoder"]

# Logarithms of bands lie about here.
_MEAN, _DEVIATION = -6.0, 2.5
_NUMBERS = 8


@final
class Autoencoder(nn.Module):
    """Makes a vector of a few frames, replaces it by entries of several tables, and makes the frames of these.

    Each table is for eight numbers of the vector in turn, and once all are replaced, for what that left of them. So the
    first few tables alone give coarser bands. Of more numbers at once all but a few of 256 entries would lie farther
    from what is left than nothing does, and never be used.

    frames:    those of the bands
    together:  how many frames a vector is of
    width:     channels
    blocks:    before and after the tables, of one convolution over seven vectors each
    codebooks: how many tables
    codes:     entries of each
    latent:    numbers of a vector

    Sources: Zeghidour et al. (2021), arXiv:2107.03312 (SoundStream: tables one after another, fewer of them by chance);
    Yang et al. (2023), arXiv:2305.02765 (HiFi-Codec: tables for parts of a vector).
    """

    def __init__(
        self,
        *,
        frames: Frames,
        together: int = 2,
        width: int = 128,
        blocks: tuple[int, int] = (4, 6),
        codebooks: int = 8,
        codes: int = 256,
        latent: int = 32,
    ) -> None:
        super().__init__()
        if min(together, width, *blocks, codebooks) < 1:
            raise OptionError(
                "a codec has frames together, a width, blocks and codebooks from 1; got "
                f"{together}, {width}, {blocks} and {codebooks}. Try 2, 128, (4, 6) and 8."
            )
        if latent % _NUMBERS or not 0 < latent <= _NUMBERS * codebooks:
            raise OptionError(
                f"each codebook of a codec is for {_NUMBERS} numbers of a vector, and there is one or more for each; "
                f"got {latent} numbers and {codebooks} codebooks. Try {_NUMBERS * max(1, codebooks // 2)} numbers."
            )
        self.frames, self.together, self.width, self.blocks, self.latent = frames, together, width, blocks, latent
        self.enter = nn.Linear(together * frames.bands, width)
        self.before = nn.Sequential(nn.LayerNorm(width), *(Block(width) for _ in range(blocks[0])), nn.LayerNorm(width))
        self.narrow = nn.Linear(width, latent)
        self.tables = nn.ModuleList(Table(size=codes, width=_NUMBERS) for _ in range(codebooks))
        self.widen = nn.Linear(latent, width)
        self.after = nn.Sequential(nn.LayerNorm(width), *(Block(width) for _ in range(blocks[1])), nn.LayerNorm(width))
        self.leave = nn.Linear(width, together * frames.bands)

    def to_json(self) -> dict[str, Any]:
        """Return the options of the network as plain data."""
        return {
            "frames": self.frames.to_json(),
            "together": self.together,
            "width": self.width,
            "blocks": list(self.blocks),
            "codebooks": len(self.tables),
            "codes": self.size,
            "latent": self.latent,
        }

    @property
    def size(self) -> int:
        """How many entries each table has."""
        return cast(Table, self.tables[0]).size

    def vectors(self, mels: Float[Tensor, "B M T"]) -> Float[Tensor, "B N Z"]:
        """Return the vectors of bands as `log_mel` gives them; of frames there is a multiple of `together`."""
        x = ((mels - _MEAN) / _DEVIATION).mT.reshape(len(mels), -1, self.together * self.frames.bands)
        # Of one size, or they would shrink to where replacing them costs nothing.
        return F.layer_norm(self.narrow(self.before(self.enter(x))).float(), (self.latent,))

    def mels(self, vectors: Float[Tensor, "B N Z"]) -> Float[Tensor, "B M T"]:
        """Return the bands of vectors."""
        found: Tensor = self.leave(self.after(self.widen(vectors))).float()
        return _DEVIATION * found.reshape(len(vectors), -1, self.frames.bands).mT + _MEAN

    def quantized(
        self, z: Float[Tensor, "B N Z"], counts: Int64[Tensor, " B"], noise: Noise
    ) -> tuple[Float[Tensor, "B N Z"], Float[Tensor, " B"]]:
        """Return what replaces vectors, through which gradients pass straight, and what doing so costs.

        counts: by how many of the tables the vectors of each row are replaced
        """
        total, costs = torch.zeros_like(z), torch.zeros_like(z[:, 0, 0])
        for place, (table, part) in enumerate(self._tables()):
            # With noise of its own: of the vectors that became entries of the table before nothing is left.
            found, cost = table.quantized(z[..., part] - total[..., part], Noise(noise.seed + place, noise.samples))
            used = (counts > place).to(z.dtype)
            # Out of place, since what is left was seen by the gradients.
            total = total + F.pad(used[:, None, None] * found.detach(), (part.start, self.latent - part.stop))
            costs = costs + used * cost
        return z + (total - z).detach(), costs

    def codes(self, mels: Float[Tensor, "B M T"]) -> Int64[Tensor, "B N K"]:
        """Return the numbers of the entries that replace the vectors of bands."""
        left, found = self.vectors(mels).clone(), []
        for table, part in self._tables():
            found.append(table.nearest(left[..., part]))
            left[..., part] -= table.vectors(found[-1])
        return torch.stack(found, -1)

    def decoded(self, codes: Int64[Tensor, "B N K"]) -> Float[Tensor, "B M T"]:
        """Return the bands of numbers of entries: those of all tables, or of the first few."""
        total = torch.zeros(*codes.shape[:2], self.latent, device=codes.device)
        for (table, part), each in zip(self._tables(), codes.unbind(-1), strict=False):
            total[..., part] += table.vectors(each)
        return self.mels(total)

    def _tables(self) -> Iterator[tuple[Table, slice]]:
        """Yield each table, and the part of a vector that it is for."""
        for place, table in enumerate(self.tables):
            first = place * _NUMBERS % self.latent
            yield cast(Table, table), slice(first, first + _NUMBERS)
