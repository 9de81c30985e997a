"""Hugging Face transformers drawing from networks of the size of ours."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch

__all__ = ["Size", "gpt2", "llama"]


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


def gpt2(size: Size, *, rows: int, length: int, dtype: torch.dtype) -> Callable[[], torch.Tensor]:
    """Return what draws `rows` rows of `length` tokens from GPT-2; its heads share no keys.

    Its activation is squared ReLU, as in ours, since GPT-2's own takes longer. Raises ImportError without transformers.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=size.vocabulary,
        n_positions=size.length + 1,
        n_embd=size.width,
        n_layer=size.depth,
        n_head=size.heads,
        n_inner=4 * size.width,
        activation_function="relu2",
        bos_token_id=size.vocabulary - 1,
        eos_token_id=None,
    )
    return _drawing(GPT2LMHeadModel(config), size, rows=rows, length=length, dtype=dtype)


def llama(size: Size, *, rows: int, length: int, dtype: torch.dtype) -> Callable[[], torch.Tensor]:
    """Return what draws from Llama: like ours with rotary positions, RMS norms and shared keys; gated by SiLU."""
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
    return _drawing(LlamaForCausalLM(config), size, rows=rows, length=length, dtype=dtype)


def _drawing(network: Any, size: Size, *, rows: int, length: int, dtype: torch.dtype) -> Callable[[], torch.Tensor]:
    network = network.eval().to(dtype)
    start = torch.full((rows, 1), size.vocabulary - 1)

    def draw() -> torch.Tensor:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            drawn: torch.Tensor = network.generate(
                start,
                attention_mask=torch.ones_like(start),
                do_sample=True,
                top_k=0,
                use_cache=True,
                min_new_tokens=length,
                max_new_tokens=length,
                pad_token_id=0,
            )
        return drawn

    return draw
