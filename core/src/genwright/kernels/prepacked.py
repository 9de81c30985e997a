"""A copy of a network for inference, whose weights are packed once for the kernels that multiply with them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cached_property
from types import MethodType
from typing import TypeVar, final

import torch
from torch import Tensor, nn

from genwright.kernels.convolution import packed as convolutions
from genwright.kernels.convolution.spec import TOGETHER, convolution
from genwright.kernels.linear import packed as matrices
from genwright.kernels.linear.spec import linear

__all__ = ["Convolution", "Linear", "prepacked"]

N = TypeVar("N", bound=nn.Module)


def prepacked(network: N) -> N:
    """Return a copy of a network for inference whose linear layers and convolutions of 3 by 3 go by packed weights.

    Of convolutions, those of stride 1 that keep heights and widths are taken; of both, those between numbers of
    channels that 16 divides. A network without any is returned as it is, and so is one that cannot be copied. The copy
    does not see later changes of weights. Hooks that the network has are called on it too.
    """
    if not any(_packing(layer) for layer in network.modules()):
        return network
    try:
        made = copy.deepcopy(network, {id(one): one for one in _outside(network)})
    except (RuntimeError, TypeError):
        return network
    for layer in made.modules():
        if packing := _packing(layer):
            # It stays what it was to all who look at it, its weights above all.
            layer.__class__ = packing
    return made


def _outside(network: nn.Module) -> Iterator[object]:
    """Yield what a copy shares: methods of objects outside, as hooks or in a layer, for those are looked at there."""
    layers = list(network.modules())
    inside = {id(layer) for layer in layers}
    for layer in layers:
        held = vars(layer)
        hooks = (hook for name, hooks in held.items() if "hooks" in name and hooks for hook in hooks.values())
        for value in (*held.values(), *hooks):
            if isinstance(value, MethodType) and id(value.__self__) not in inside:
                yield value


def _packing(layer: nn.Module) -> type[nn.Module] | None:
    """Return the class of a layer with packed weights, if it can have them; what is watched stays, to be seen."""
    if layer._forward_hooks or layer._forward_pre_hooks:
        return None
    if type(layer) is nn.Conv2d and _is_three_by_three(layer):
        return None if layer.in_channels % TOGETHER or layer.out_channels % TOGETHER else Convolution
    if type(layer) is nn.Linear:
        return None if layer.in_features % TOGETHER or layer.out_features % TOGETHER else Linear
    return None


def _is_three_by_three(layer: nn.Conv2d) -> bool:
    plain = (layer.kernel_size, layer.stride, layer.dilation, layer.groups) == ((3, 3), (1, 1), (1, 1), 1)
    return plain and layer.padding in ((1, 1), "same") and layer.padding_mode == "zeros"


def _is_left(x: Tensor) -> bool:
    """Return whether products of x are left to PyTorch: to its compiler, or in a precision in which none are packed."""
    if torch.compiler.is_compiling():
        return True
    if not torch.is_autocast_enabled(device := x.device.type):
        return False
    # Autocast leaves float64 as it is.
    halves = torch.get_autocast_dtype(device) == torch.bfloat16 and x.dtype != torch.float64
    return torch.is_grad_enabled() or not halves


def _halved(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.bfloat16()


@final
class Convolution(nn.Conv2d):
    """A convolution of 3 by 3 whose weights are laid out once, in bfloat16 too if autocast asks for that."""

    @cached_property
    def packed(self) -> convolutions.Packed:
        """The weights."""
        return convolutions.Packed(weight=self.weight, bias=self.bias)

    @cached_property
    def halved(self) -> convolutions.Packed:
        """The weights in bfloat16."""
        return convolutions.Packed(weight=self.weight.bfloat16(), bias=_halved(self.bias))

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of x [B, C, H, W], or of one sample [C, H, W]."""
        if x.ndim != 4 or _is_left(x):
            return super().forward(x)
        if torch.is_autocast_enabled(x.device.type):
            return convolution(x.bfloat16(), self.halved)
        return convolution(x, self.packed)


@final
class Linear(nn.Linear):
    """A linear layer whose weight is laid out once, in bfloat16 too if autocast asks for that."""

    @cached_property
    def packed(self) -> matrices.Packed:
        """The weight."""
        return matrices.Packed(weight=self.weight, bias=self.bias)

    @cached_property
    def halved(self) -> matrices.Packed:
        """The weight in bfloat16."""
        return matrices.Packed(weight=self.weight.bfloat16(), bias=_halved(self.bias))

    def forward(self, x: Tensor) -> Tensor:
        """Return the product of x [..., K] with the weight."""
        if _is_left(x):
            return super().forward(x)
        packed = self.packed
        if torch.is_autocast_enabled(x.device.type):
            packed, x = self.halved, x.bfloat16()
        return linear(x.reshape(-1, x.shape[-1]), packed).view(*x.shape[:-1], self.out_features)
