"""A U-Net of Hugging Face diffusers with attention at two levels, as it is and by operations of Genwright."""

from __future__ import annotations

import copy
import warnings
from typing import Any, final

import torch
from torch import Tensor, nn

from benchmarks.peers.diffusers_ddim import Peer, load_torchaudio
from genwright.kernels.attention.spec import attention
from genwright.kernels.group_norm_silu.spec import group_norm_silu
from genwright.kernels.prepacked import prepacked
from genwright.readings import Condition
from genwright.rows import each_row

__all__ = ["Denoiser", "ours", "peer"]

_TRAINED = 1000
_SHAPE = (1, 32, 32)


def peer(
    scheduler: str,
    *,
    steps: int,
    dtype: torch.dtype,
    channels: tuple[int, ...] = (64, 128, 192),
    device: torch.device | str = "cpu",
) -> Peer:
    """Return a UNet2DModel with random weights, of 7.4 million by itself, and a scheduler: "ddim" or "dpm-solver++".

    All but its first level have attention, of heads of 8. Raises ImportError without diffusers.
    """
    load_torchaudio()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UNet2DModel

        torch.manual_seed(0)
        network = UNet2DModel(
            sample_size=_SHAPE[-1],
            in_channels=_SHAPE[0],
            out_channels=_SHAPE[0],
            block_out_channels=channels,
            layers_per_block=1,
            attention_head_dim=8,
            down_block_types=("DownBlock2D", *("AttnDownBlock2D",) * (len(channels) - 1)),
            up_block_types=(*("AttnUpBlock2D",) * (len(channels) - 1), "UpBlock2D"),
        )
        made = {
            "ddim": lambda: DDIMScheduler(num_train_timesteps=_TRAINED, clip_sample=False),
            "dpm-solver++": lambda: DPMSolverMultistepScheduler(num_train_timesteps=_TRAINED),
        }[scheduler]()
        made.set_timesteps(steps, device=device)
    weights = nn.Module.to(network.eval(), device, dtype).to(memory_format=torch.channels_last)
    return Peer(network=weights, scheduler=made, shape=_SHAPE)


def ours(network: nn.Module) -> nn.Module:
    """Return a copy of a peer's network, with the same weights, whose blocks call the operations of Genwright."""
    made: Any = copy.deepcopy(network)
    for parent in list(made.modules()):
        for name, child in list(parent.named_children()):
            if (block := _BLOCKS.get(type(child).__name__)) is not None:
                setattr(parent, name, block(child))
    made.conv_norm_out, made.conv_act = _Norm(made.conv_norm_out), nn.Identity()
    # As networks that are drawn from are: packed for a processor.
    is_packed = next(network.parameters()).device.type == "cpu"
    found: nn.Module = prepacked(made) if is_packed else made
    return found


@final
class Denoiser:
    """A network of diffusers, which gives the noise at a thousand times, read as a denoiser at any level of noise.

    It waits for no GPU, so that what draws from it can be recorded as one graph.
    """

    def __init__(self, peer: Peer, network: nn.Module) -> None:
        self.shape, self.network = peer.shape, network
        self.weight = next(network.parameters())
        kept = peer.scheduler.alphas_cumprod.double()
        self.sigmas = ((1 - kept) / kept).sqrt().float().to(self.weight.device)

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest level of noise that it knows."""
        return float(self.sigmas[0]), float(self.sigmas[-1])

    @torch.inference_mode()
    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        """Return the clean samples that the network takes x for, at the time next to the level of noise."""
        level = each_row(sigma.to(x.dtype), x)
        time = torch.searchsorted(self.sigmas, sigma.to(self.sigmas).contiguous()).clamp(max=len(self.sigmas) - 1)
        noise: Tensor = self.network((x / (1 + level.square()).sqrt()).to(self.weight.dtype), time).sample
        return x - level * noise.to(x.dtype)


class _Norm(nn.Module):
    """A group norm and SiLU."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return group_norm_silu(x, self.norm.num_groups, self.norm.weight, self.norm.bias, epsilon=self.norm.eps)


class _Residual(nn.Module):
    """A residual block, as a ResnetBlock2D computes it that changes no size."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.first, self.second = _Norm(block.norm1), _Norm(block.norm2)
        self.conv1, self.conv2, self.of_time = block.conv1, block.conv2, block.time_emb_proj
        self.shortcut = block.conv_shortcut
        self.factor = block.output_scale_factor

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        hidden = self.conv1(self.first(x)) + self.of_time(nn.functional.silu(time))[:, :, None, None]
        hidden = self.conv2(self.second(hidden))
        passed = x if self.shortcut is None else self.shortcut(x)
        found: Tensor = passed + hidden
        return found / self.factor if self.factor != 1.0 else found


class _Attention(nn.Module):
    """Attention of places, as an Attention of diffusers computes it by itself."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.norm, self.outward, self.heads = block.group_norm, block.to_out[0], block.heads
        projections = block.to_q, block.to_k, block.to_v
        self.weight = nn.Parameter(torch.cat([each.weight.detach() for each in projections]), requires_grad=False)
        self.bias = nn.Parameter(torch.cat([each.bias.detach() for each in projections]), requires_grad=False)
        self.factor = block.rescale_output_factor

    def forward(self, x: Tensor, **others: Any) -> Tensor:
        # PyTorch norms channels that lie together up to ten times as slowly.
        flat: Tensor = self.norm(x.contiguous()).flatten(2).mT.contiguous()
        inward = nn.functional.linear(flat, self.weight, self.bias)
        q, k, v = inward.view(*flat.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        gathered = attention(q, k, v).transpose(1, 2).flatten(2)
        found: Tensor = self.outward(gathered).mT.unflatten(2, x.shape[2:]) + x
        return found / self.factor if self.factor != 1.0 else found


_BLOCKS: dict[str, type[nn.Module]] = {"ResnetBlock2D": _Residual, "Attention": _Attention}
