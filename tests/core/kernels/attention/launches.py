"""How kernels of attention are compiled for a launch in bfloat16 on a Hopper GPU."""

from __future__ import annotations

import re
from typing import Any

import torch
import triton

from genwright.kernels.attention import kernel
from tests.core.kernels.hopper import asked

FLAGS = dict.fromkeys(("CAUSAL", "WINDOWED", "BIASED", "PACKED", "LEARNED", "WHOLE"), False)
POINTERS = ["q", "k", "v", "bias", "starts", "out", "logs", "d_out", "d_q", "d_k", "d_v", "d_bias", "delta"]
TYPES = dict.fromkeys(POINTERS, "*bf16") | {"logs": "*fp32", "delta": "*fp32", "starts": "*i32", "scale": "fp32"}


def launch(name: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what `hopper.every` takes of a kernel with some constants: {"H": 64, "CAUSAL": True}."""
    tiles, arguments = _tiles(name, wanted), getattr(kernel, name).arg_names
    given = FLAGS | {"GROUP": 1, "WIDTH": triton.next_power_of_2(wanted["H"]), "PRECISION": "tf32"} | wanted
    given |= {"ROWS": tiles.rows, "COLUMNS": tiles.columns}
    given |= {"DESCRIBED": tiles.described, "SPECIALISED": tiles.specialised}
    fixed = {key: value for key, value in given.items() if key in arguments}
    return asked(
        f"{kernel.__name__}:{name}",
        {argument: TYPES.get(argument, "i32") for argument in arguments if argument not in fixed},
        fixed,
        aligned=[argument for argument in arguments if argument in POINTERS or re.fullmatch("[qkv]_[bnts]", argument)],
        num_warps=tiles.warps,
        num_stages=tiles.stages,
    )


def _tiles(name: str, wanted: dict[str, Any]) -> kernel.Tiles:
    how, biased = (wanted["H"], torch.bfloat16, 90), wanted.get("BIASED", False)
    if name == "_backward_keys":
        return kernel.key_tiles(*how)
    return (kernel.forward_tiles if name == "_forward" else kernel.query_tiles)(*how, biased=biased)
