from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from genwright.errors import UnknownName
from genwright.testing.plugins import check_plugin

Install = Callable[..., None]


@pytest.fixture(autouse=True)
def findable(site: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A new process finds the same plugins as this one."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))


def troubles(name: str) -> dict[str, str]:
    return {check.name: check.trouble for check in check_plugin(name) if check.trouble}


def test_the_example_passes_every_check(rhythms: Path) -> None:
    found = list(check_plugin("rhythms"))
    assert [check for check in found if check.trouble] == []
    names = [check.name for check in found]
    assert "finding it imports nothing heavy" in names
    assert "domain rhythms: what is written to .txt is read back" in names
    assert "encoder rhythms-pulses: its space is the one that its spec declares" in names


def test_an_unknown_plugin_is_met_with_near_ones(rhythms: Path) -> None:
    with pytest.raises(UnknownName, match=r"no plugin named 'rythms'\. Did you mean 'rhythms'"):
        list(check_plugin("rythms"))


def test_a_refused_plugin_fails_its_first_check_and_is_checked_no_further(install: Install) -> None:
    install("bad", "1/0")
    (check,) = check_plugin("bad")
    assert check.name == "it is taken"
    assert check.trouble == "it cannot be imported: ZeroDivisionError: division by zero."


HEAD = """
from genwright.hooks import hookimpl
from genwright.specs import *
"""


def test_an_entry_point_that_imports_something_heavy_is_told(install: Install, site: Path) -> None:
    (site / "tensorflow.py").write_text("")
    install("heavy", f"import tensorflow\n{HEAD}\n@hookimpl\ndef on_step(step): ...\n")
    assert troubles("heavy") == {
        "finding it imports nothing heavy": "its entry point imports tensorflow. "
        "Import only genwright.hooks and genwright.specs"
    }


@pytest.mark.parametrize(
    ("hook", "spec", "trouble"),
    [
        (
            "samplers",
            "SamplerSpec(name='s', target='io:BytesIO', summary='', reads='decoder')",
            "subclass of Sampler; io",
        ),
        (
            "backbones",
            "BackboneSpec(name='s', target='os:sep', summary='', spaces=(), roles=())",
            "should be callable; os:sep is a str",
        ),
        ("commands", "CommandSpec(name='s', target='io:BytesIO', summary='')", "it should be a Command; io:BytesIO is"),
        (
            "metrics",
            "MetricSpec(name='s', target='os:sep', summary='', domain='*')",
            "should be callable; os:sep is a str",
        ),
        ("stores", "StoreSpec(name='s', target='nowhere:Store', summary='')", "needs nowhere:Store; got: No module"),
        (
            "models",
            "ModelSpec(name='d/s', target='json:s', summary='', domain='d')",
            "raised CheckpointError: a checkpoint",
        ),
        (
            "encoders",
            "EncoderSpec(name='s', target='genwright_rhythms.encoder:Pulses', summary='', domain='d', space='tokens')",
            "it raised UnknownName: there is no domain named 'd'.",
        ),
        (
            "domains",
            "DomainSpec(name='s', target='genwright_rhythms.domain:RhythmsDomain', summary='', encoder='e', "
            "media_type='')",
            "it calls itself 'rhythms'",
        ),
    ],
)
def test_a_target_that_is_not_what_its_spec_says_is_told(
    rhythms: Path, install: Install, hook: str, spec: str, trouble: str
) -> None:
    install("odd", f"{HEAD}\n@hookimpl\ndef register_{hook}():\n    yield {spec}\n")
    found = troubles("odd")
    assert any("its target is what it should be" in name and trouble in text for name, text in found.items()), found


def test_an_encoder_of_another_space_than_declared_is_told(rhythms: Path, install: Install) -> None:
    target = "genwright_rhythms.encoder:Pulses"
    spec = f"EncoderSpec(name='s', target='{target}', summary='', domain='rhythms', space='continuous')"
    install("odd", f"{HEAD}\n@hookimpl\ndef register_encoders():\n    yield {spec}\n")
    assert troubles("odd") == {
        "encoder s: its space is the one that its spec declares": "its spec declares continuous; its space is of tokens"
    }


def test_a_domain_without_data_is_told_to_name_some(rhythms: Path) -> None:
    plugin = rhythms / "plugin.py"
    text = plugin.read_text()
    plugin.write_text(text[: text.index("@hookimpl\ndef register_datasets")])
    trouble = "no plugin names a data set of rhythms. Name a small one with register_datasets"
    assert troubles("rhythms")["domain rhythms: there are items to check it with"] == trouble


def test_data_that_are_not_here_are_to_be_fetched_first(rhythms: Path) -> None:
    plugin = rhythms / "plugin.py"
    plugin.write_text(plugin.read_text().replace("package://genwright_rhythms", "https://example.org"))
    trouble = "no data set of rhythms is on this machine. Run: genwright data fetch rhythms"
    assert troubles("rhythms")["encoder rhythms-pulses: there are items to check it with"] == trouble


def test_items_that_cannot_be_read_are_told(rhythms: Path) -> None:
    plugin = rhythms / "plugin.py"
    plugin.write_text(plugin.read_text().replace("genwright_rhythms.domain:read", "genwright_rhythms.domain:reed"))
    assert "it raised PluginError" in troubles("rhythms")["domain rhythms: it can be made"]


def test_an_encoder_of_any_domain_says_that_it_was_not_checked(install: Install) -> None:
    target = "genwright.encoders.learned:Latent"
    spec = f"EncoderSpec(name='s', target='{target}', summary='', domain='*', space='continuous')"
    install("any", f"{HEAD}\n@hookimpl\ndef register_encoders():\n    yield {spec}\n")
    (check,) = (check for check in check_plugin("any") if check.skipped)
    assert (check.name, check.trouble) == ("encoder s: it keeps its contract", None)
    assert str(check.skipped).endswith("Check it in a test, with genwright.testing.encoders")
