"""A copy of a network for inference, whose convolutions of 3 by 3 go through the dispatcher with packed weights."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TypeVar, final

import torch
from torch import Tensor, nn

from genwright.kernels.convolution.packed import Packed
from genwright.kernels.convolution.spec import TOGETHER, convolution

__all__ = ["Convolution", "prepacked"]

N = TypeVar("N", bound=nn.Module)


def prepacked(network: N) -> N:
    """Return a copy of a network for inference whose convolutions of 3 by 3 are the operation `convolution`.

    Those of stride 1 that keep heights and widths, between numbers of channels that 16 divides, are replaced; the
    others stay, and a network without any is returned as it is. The copy does not see later changes of weights.
    """
    if not any(_is_packed(layer) for layer in network.modules()):
        return network
    made = copy.deepcopy(network)
    if _is_packed(made):
        return Convolution(made)  # type: ignore[arg-type,return-value]
    layers: dict[int, nn.Module] = {}
    for parent in list(made.modules()):
        for name, child in list(parent.named_children()):
            if _is_packed(child):
                setattr(parent, name, layers.setdefault(id(child), Convolution(child)))  # type: ignore[arg-type]
    return made


def _is_packed(layer: nn.Module) -> bool:
    """Return whether a layer is replaced; one that is watched stays, so that it is seen."""
    if type(layer) is not nn.Conv2d or layer._forward_hooks or layer._forward_pre_hooks:
        return False
    plain = (layer.kernel_size, layer.stride, layer.dilation, layer.groups) == ((3, 3), (1, 1), (1, 1), 1)
    padded = layer.padding in ((1, 1), "same") and layer.padding_mode == "zeros"
    return plain and padded and not layer.in_channels % TOGETHER and not layer.out_channels % TOGETHER


@final
class Convolution(nn.Module):
    """A convolution of 3 by 3 whose weights are laid out once."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer

    @cached_property
    def packed(self) -> Packed:
        """The weights."""
        return Packed(weight=self.layer.weight, bias=self.layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of x [B, C, H, W], or of one sample [C, H, W]."""
        if torch.compiler.is_compiling() or x.ndim != 4:
            return self.layer(x)  # type: ignore[no-any-return]
        return convolution(x, self.packed)
