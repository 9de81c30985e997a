"""How kernels of attention are compiled for a launch in bfloat16 on a Hopper GPU."""

from __future__ import annotations

import re
from typing import Any

import torch
import triton

from genwright.kernels.attention import kernel, programs, tiles
from tests.core.kernels.hopper import asked

_LOOPED = {"forward_pass": "qkv", "backward_queries": "kv", "backward_keys": ("q", "d_out")}
FLAGS = dict.fromkeys(("CAUSAL", "WINDOWED", "BIASED", "PACKED", "LEARNED", "WHOLE"), False)
POINTERS = ["q", "k", "v", "bias", "starts", "out", "logs", "d_out", "d_q", "d_k", "d_v", "d_bias", "delta"]
TYPES = dict.fromkeys(POINTERS, "*bf16") | {"logs": "*fp32", "delta": "*fp32", "starts": "*i32", "scale": "fp32"}


def launch(name: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what `hopper.every` takes of a kernel with some constants: {"H": 64, "CAUSAL": True}."""
    cut, arguments = _tiles(name, wanted), getattr(programs, name).arg_names
    given = FLAGS | {"GROUP": 1, "WIDTH": triton.next_power_of_2(wanted["H"]), "PRECISION": "tf32"} | wanted
    given |= {"ROWS": cut.rows, "COLUMNS": cut.columns}
    line = torch.empty(0, 0, 0, wanted["H"], dtype=torch.bfloat16)
    fetch = kernel._fetch(line, cut, torch.empty(0) if given["PACKED"] else None)
    given |= {"FETCH": fetch, "SPECIALISED": cut.specialised}
    fixed = {key: value for key, value in given.items() if key in arguments}
    sizes = {"q": cut.rows, "k": cut.columns, "v": cut.columns, "d_out": cut.rows}
    blocks = {each: sizes[each] for each in _LOOPED[name]} if fetch == programs.LINES else {}
    described = {each: f"tensordesc<bf16[1, 1, {rows}, {given['WIDTH']}]>" for each, rows in blocks.items()}
    return asked(
        f"{programs.__name__}:{name}",
        {argument: (TYPES | described).get(argument, "i32") for argument in arguments if argument not in fixed},
        fixed,
        aligned=[argument for argument in arguments if _is_aligned(argument) and argument not in described],
        num_warps=cut.warps,
        num_stages=cut.stages,
    )


def _is_aligned(argument: str) -> bool:
    return argument in POINTERS or re.fullmatch("[qkv]_[bnts]", argument) is not None


def _tiles(name: str, wanted: dict[str, Any]) -> tiles.Tiles:
    how, biased = (wanted["H"], torch.bfloat16, 90), wanted.get("BIASED", False)
    if name == "backward_keys":
        return tiles.key_tiles(*how)
    if name == "backward_queries":
        return tiles.query_tiles(*how, biased=biased)
    return tiles.forward_tiles(*how, length=2048, causal=wanted.get("CAUSAL", False), biased=biased)
