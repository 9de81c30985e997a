"""A network of ours as Hugging Face transformers computes it: Qwen3 with the same weights gives the same logits."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from benchmarks.peers.diffusers_ddim import load_torchaudio
from genwright.backbones.transformer import Block, SwiGLU, Transformer

__all__ = ["qwen3"]

# What PyTorch's norms add to a mean square of float32.
_EPSILON = 2.0**-23


def qwen3(network: Transformer) -> Any:
    """Return a Qwen3ForCausalLM with the weights of a transformer with "swiglu" and no conditions, on its device.

    Norms of queries and keys have no gains in ours, so theirs are 1. The start token is one of its vocabulary. Raises
    ImportError without transformers.
    """
    load_torchaudio()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import Qwen3Config, Qwen3ForCausalLM

        made = Qwen3ForCausalLM(Qwen3Config(**_sizes(network))).eval()
    weights = {f"model.{name}": weight for name, weight in _weights(network).items()}
    made.load_state_dict(weights | {"lm_head.weight": network.embedding.weight.detach()})
    return made.to(network.embedding.weight)


def _sizes(network: Transformer) -> dict[str, Any]:
    first: Any = network.blocks[0]
    vocabulary, width = network.embedding.weight.shape
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": first.feed.down.weight.shape[1],
        "num_hidden_layers": len(network.blocks),
        "num_attention_heads": first.attention.heads,
        "num_key_value_heads": first.attention.kept,
        "head_dim": first.attention.head,
        "max_position_embeddings": network.space.size + 1,
        "rms_norm_eps": _EPSILON,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
        "tie_word_embeddings": True,
        "bos_token_id": network.start,
        "eos_token_id": None,
    }


def _weights(network: Transformer) -> dict[str, Tensor]:
    found = {"embed_tokens.weight": network.embedding.weight, "norm.weight": network.norm.weight}
    for place, block in enumerate(network.blocks):
        assert isinstance(block, Block)
        found |= {f"layers.{place}.{name}": weight for name, weight in _of_block(block).items()}
    return {name: weight.detach() for name, weight in found.items()}


def _of_block(block: Block) -> Mapping[str, Tensor]:
    attention, feed = block.attention, block.feed
    assert isinstance(feed, SwiGLU)
    kept = attention.kept * attention.head
    q, k, v = torch.split(attention.inward.weight, [attention.heads * attention.head, kept, kept])
    gate, up = feed.up.weight.chunk(2)
    ones = torch.ones(attention.head)
    return {
        "input_layernorm.weight": block.norm_attention.weight,
        "self_attn.q_proj.weight": q,
        "self_attn.k_proj.weight": k,
        "self_attn.v_proj.weight": v,
        "self_attn.o_proj.weight": attention.outward.weight,
        "self_attn.q_norm.weight": ones,
        "self_attn.k_norm.weight": ones,
        "post_attention_layernorm.weight": block.norm_feed.weight,
        "mlp.gate_proj.weight": gate,
        "mlp.up_proj.weight": up,
        "mlp.down_proj.weight": feed.down.weight,
    }
