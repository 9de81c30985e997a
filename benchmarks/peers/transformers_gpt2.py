"""Hugging Face transformers drawing from networks of the size of ours."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch

from benchmarks.peers.diffusers_ddim import load_torchaudio

__all__ = ["Size", "drawing", "gpt2", "llama"]


@final
@dataclass(frozen=True, kw_only=True)
class Size:
    """What the network of ours and of others have in common.

    kept: heads of keys and values
    """

    vocabulary: int
    length: int
    width: int
    depth: int
    heads: int
    kept: int


def gpt2(
    size: Size,
    *,
    rows: int,
    length: int,
    dtype: torch.dtype,
    activation: str = "relu2",
    device: torch.device | str = "cpu",
) -> Callable[[], torch.Tensor]:
    """Return what draws `rows` rows of `length` tokens from GPT-2; its heads share no keys.

    activation: squared ReLU, as in ours, since GPT-2's own, "gelu_new", takes longer

    Raises ImportError without transformers.
    """
    load_torchaudio()
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=size.vocabulary,
        n_positions=size.length + 1,
        n_embd=size.width,
        n_layer=size.depth,
        n_head=size.heads,
        n_inner=4 * size.width,
        activation_function=activation,
        bos_token_id=size.vocabulary - 1,
        eos_token_id=None,
    )
    network = GPT2LMHeadModel(config).to(device, dtype)
    return drawing(network, start=size.vocabulary - 1, rows=rows, length=length)


def llama(size: Size, *, rows: int, length: int, dtype: torch.dtype) -> Callable[[], torch.Tensor]:
    """Return what draws from Llama: like ours with rotary positions, RMS norms and shared keys; gated by SiLU."""
    load_torchaudio()
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=size.vocabulary,
        max_position_embeddings=size.length + 1,
        hidden_size=size.width,
        intermediate_size=8 * size.width // 3,
        num_hidden_layers=size.depth,
        num_attention_heads=size.heads,
        num_key_value_heads=size.kept,
        tie_word_embeddings=True,
        bos_token_id=size.vocabulary - 1,
        eos_token_id=None,
    )
    network = LlamaForCausalLM(config).to(dtype)
    return drawing(network, start=size.vocabulary - 1, rows=rows, length=length)


def drawing(network: Any, *, start: int, rows: int, length: int) -> Callable[[], torch.Tensor]:
    """Return what draws rows of so many tokens from a network of transformers, each after the start token."""
    network.eval()
    begun = torch.full((rows, 1), start, device=network.device)

    def draw() -> torch.Tensor:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            drawn: torch.Tensor = network.generate(
                begun,
                attention_mask=torch.ones_like(begun),
                do_sample=True,
                top_k=0,
                use_cache=True,
                min_new_tokens=length,
                max_new_tokens=length,
                pad_token_id=0,
            )
        return drawn

    return draw
