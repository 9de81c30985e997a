from __future__ import annotations

from pathlib import Path

import pytest

from genwright.errors import PluginError
from genwright.specs import ModelSpec, SamplerSpec


def spec(target: str, **fields: object) -> SamplerSpec:
    return SamplerSpec(name="own", target=target, summary="one of a test", reads="denoiser", **fields)  # type: ignore[arg-type]


def test_a_spec_loads_what_its_target_names() -> None:
    assert spec("pathlib:Path").load() is Path


def test_a_label_carries_the_version() -> None:
    assert spec("pathlib:Path").label == "own@1"
    assert spec("pathlib:Path", version=3).label == "own@3"


@pytest.mark.parametrize("target", ["no_such_module:Path", "pathlib:NoSuchName"])
def test_a_target_that_is_not_there_is_told_with_the_extra_that_brings_it(target: str) -> None:
    wanting = spec(target, extra="genwright-own[fast]", origin="genwright-own 1.0")
    with pytest.raises(
        PluginError, match=r"sampler 'own' of genwright-own 1\.0 needs .*: pip install 'genwright-own\[fast\]'"
    ):
        wanting.load()


def test_a_model_lies_in_a_folder_of_its_package() -> None:
    model = ModelSpec(name="own/first", target="genwright:cli", summary="", domain="own")
    assert (model.folder / "generate.py").is_file()
