"""Items as a trained model represents them, for another model to learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar, final

from torch import Tensor

from genwright import library
from genwright.checkpoint import Checkpoint
from genwright.encoder import Encoder
from genwright.errors import CheckpointError, ConditionError, DataError, MismatchError
from genwright.items import taken
from genwright.model import Model
from genwright.registry import Registry
from genwright.representation import decoded_tensors, encoded_tensors, representing
from genwright.seeds import Noise
from genwright.space import SampleSpace
from genwright.specs import Space

__all__ = ["Codes", "Latent", "Learned"]

Item = TypeVar("Item")

# Latents of this many items say well enough how far latents spread.
_ENOUGH = 4096


class Learned(Encoder[Item], Generic[Item]):
    """A trained model's latents of items, behind the encoder that it was trained with itself.

    The model belongs to the encoding: its digest is part of the state, and no other takes its place.

    model: the name of a model of the same domain, its folder or its digest
    """

    kind: ClassVar[Space]

    def __init__(self, *, registry: Registry, domain: str, model: str) -> None:
        self.registry, self.domain, self.model = registry, domain, model
        self._loaded: Model[Item] | None = None
        self._scale = 1.0

    @property
    @final
    def space(self) -> SampleSpace:
        """The space of the model's latents."""
        return representing(self._wrapped).latents

    @property
    @final
    def augments(self) -> bool:
        """Whether the model's own encoder spells items differently when given noise."""
        return self._wrapped.encoder.augments

    @final
    def fit(self, items: Sequence[Item]) -> None:
        """Find the model; where its latents are numbers, learn how far they spread.

        Raises UnknownName if there is none of this name, MismatchError if it has no such latents.
        """
        self._take(library.find(self.model, self.registry))
        if self.kind == "continuous":
            latents = encoded_tensors(self._wrapped, _taken(self._wrapped.encoder, items))
            self._scale = float(latents.double().square().mean().sqrt()) or 1.0

    @final
    def state(self) -> Mapping[str, Any]:
        """Return the model's digest and how far its latents spread."""
        assert self._wrapped.checkpoint is not None, "it was loaded from one"
        return {"model": self._wrapped.checkpoint.digest, "scale": self._scale}

    @final
    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the spread, and the model of this digest. Raises CheckpointError if it is not on this machine."""
        try:
            checkpoint = library.find_digest(state["model"], self.registry, folder=self.model)
        except CheckpointError as error:
            raise CheckpointError(f"what was encoded by {self.model!r} is decoded by it alone: {error}") from error
        self._take(checkpoint)
        self._scale = float(state["scale"])

    @final
    def encode(self, items: Sequence[Item], *, noise: Noise | None = None) -> Tensor:
        """Return the latents of items; numbers have unit deviation over the training data."""
        latents = encoded_tensors(self._wrapped, self._wrapped.encoder.encode(items, noise=noise))
        return latents / self._scale if self.kind == "continuous" else latents

    @final
    def decode(self, tensors: Tensor) -> list[Item]:
        """Return the items that the model decodes from latents."""
        latents = tensors * self._scale if self.kind == "continuous" else tensors
        return self._wrapped.encoder.decode(decoded_tensors(self._wrapped, latents))

    @final
    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        """Raise ConditionError, since no text begins a latent."""
        raise ConditionError(
            f"a sample starts with a text where its tokens are those of a text; here they are latents of "
            f"{self.model!r}. Leave {text[:40]!r} out, or choose another model."
        )

    @final
    def check_room(self, asked: Mapping[str, float | str]) -> None:
        """Raise ConditionError where the model's own encoder has no room for what is asked for."""
        self._wrapped.encoder.check_room(asked)

    @property
    @final
    def source(self) -> Model[Item]:
        """The model whose latents they are."""
        return self._wrapped

    @property
    def _wrapped(self) -> Model[Item]:
        assert self._loaded is not None, "an encoder is fitted or restored before it is used"
        return self._loaded

    def _take(self, checkpoint: Checkpoint) -> None:
        if checkpoint.domain != self.domain:
            raise MismatchError(
                f"an encoder of {self.domain} wraps a model of {self.domain}; {self.model!r} is one of "
                f"{checkpoint.domain}. Choose another model."
            )
        model: Model[Item] = Model.load(checkpoint, self.registry)
        if representing(model).latents.kind != self.kind:
            raise MismatchError(
                f"encoder {type(self).__name__.lower()!r} wraps a model whose latents are {self.kind}; those of "
                f"{self.model!r} are {representing(model).latents.kind}. Use the encoder "
                f"{'codes' if self.kind == 'continuous' else 'latent'!r} for it."
            )
        self._loaded = model


@final
class Latent(Learned[Item]):
    """The latents of a trained VAE, scaled to unit deviation; so a diffusion model becomes a latent diffusion model.

    Source: Rombach et al. (2022), arXiv:2112.10752.
    """

    kind = "continuous"


@final
class Codes(Learned[Item]):
    """The tokens of a trained VQ-VAE; so a token model becomes a prior over them. Source: van den Oord, Vinyals and
    Kavukcuoglu (2017), arXiv:1711.00937.
    """

    kind = "tokens"


def _taken(encoder: Encoder[Any], items: Sequence[Any]) -> Tensor:
    """Return the tensors of some items that an encoder takes, spread over all. Raises DataError if it takes none."""
    found, _ = taken(encoder, items[:: max(1, len(items) // _ENOUGH)])
    if not len(found):
        raise DataError(
            f"how far latents spread is learned from items that the model takes; it takes none of {len(items):,}."
        )
    return found
