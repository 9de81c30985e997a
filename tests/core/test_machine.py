from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genwright import machine as module
from genwright.machine import machine


def test_the_processor_and_its_vector_instructions_are_told() -> None:
    found = machine("cpu")
    assert set(found) == {"processor", "simd", "kernels"}
    assert found["processor"]
    assert found["simd"] == torch.backends.cpu.get_cpu_capability()


def test_settings_that_choose_kernels_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in module._VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before = machine("cpu")["kernels"]
    assert {"deterministic", "matmul", "mkl", "mkldnn"} == set(before) - {"tuned"}
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    torch.set_float32_matmul_precision("high")
    try:
        found = machine("cpu")["kernels"]
    finally:
        torch.set_float32_matmul_precision("highest")
    assert found == {**before, "matmul": "high", "mkldnn": "off", "MKL_CBWR": "COMPATIBLE"}


def test_the_table_of_measured_kernels_is_told_by_its_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "digest", {"cpu": "0123456789abcdef"}.get)
    assert machine("cpu")["kernels"]["tuned"] == "0123456789ab"
    monkeypatch.setattr(module, "digest", lambda name: "")
    assert "tuned" not in machine("cpu")["kernels"]


def test_a_processor_is_named_even_where_no_file_tells_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = tmp_path / "cpuinfo"
    monkeypatch.setattr(module, "_PROCESSORS", listing)
    unnamed = module._processor.__wrapped__()
    assert unnamed
    listing.write_text("vendor_id\t: GenuineIntel\nmodel\t\t: 143\nmodel name\t: Xeon 8480+\n", encoding="utf-8")
    assert module._processor.__wrapped__() == "Xeon 8480+"


def test_a_gpu_is_told_with_its_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = tmp_path / "version"
    version.write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.133.20  Release Build\nGCC version: 11\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(module, "_DRIVER", version)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91002)
    found = machine("cuda:0")
    assert (found["gpu"], found["driver"]) == ("NVIDIA H100, compute capability 9.0", "570.133.20")
    assert {"cuda", "cudnn", "cudnn benchmark", "cudnn tf32"} <= set(found["kernels"])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_real_gpu_is_told() -> None:
    found = machine("cuda")
    assert found["gpu"].startswith(torch.cuda.get_device_name(0))
    assert found["kernels"]["cuda"] == torch.version.cuda
