"""Every file in examples/ runs, and says what it says it does. The models are small, so what they draw is poor."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

import genwright as gw
from genwright.registry import registry

EXAMPLES = Path(__file__).parents[2] / "examples"
LONGEST = 59
Capture = pytest.CaptureFixture[str]


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def small(recipe: gw.Recipe) -> gw.Recipe:
    backbone = gw.use("transformer", width=64, depth=1, heads=2)
    return replace(recipe, steps=40, batch_size=32, backbone=backbone)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of their own for what examples keep."""
    monkeypatch.setenv("GENWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GENWRIGHT_STORE", f"sqlite:///{tmp_path / 'store.sqlite'}")
    monkeypatch.delenv("GENWRIGHT_DATA_MIRROR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def model() -> str:
    """The folder of the model that ships."""
    return str(next(spec for spec in registry().specs("model") if spec.name == "molecules/druglike").folder)


def test_the_examples_are_short() -> None:
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in EXAMPLES.glob("*.py")}
    assert len(lengths) > 4
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_generate_molecules(model: str, home: Path, capsys: Capture) -> None:
    example("generate_molecules").main(model, 30)
    [smiles], [picture] = home.glob("molecules-output/*.smi"), home.glob("molecules-output/*.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert re.search(r"^validity +\S", printed, re.MULTILINE)
    assert f"{len(smiles.read_text().splitlines())} molecules are in molecules-output" in printed


def test_conditional_molecules(model: str, capsys: Capture) -> None:
    example("conditional_molecules").main(model, 20, (1.0, 3.0), "OC(=O)")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["1.0", "3.0"]
    assert len(lines) == 9
    assert all(line.startswith("  OC(=O)") for line in lines[5:])


def test_train_molecules(home: Path, capsys: Capture) -> None:
    train = example("train_molecules")
    with pytest.warns(UserWarning, match="were left out of training"):
        train.main(small(train.RECIPE), home / "model")
    printed = capsys.readouterr().out
    assert "Progress(step=40, " in printed
    assert "grammar: 50 of 50 are valid" in printed


def test_audit_molecules(model: str, capsys: Capture) -> None:
    example("audit_molecules").main(model, 6)
    printed = capsys.readouterr().out
    assert "the ledger says that nothing was changed since" in printed
    assert printed.count(": identical\n") == 1
    assert printed.endswith("drawn again all: 6 of 6 identical\n")


def test_generate_images(home: Path, capsys: Capture) -> None:
    example("generate_images").main(3)
    assert capsys.readouterr().out == "3 sneakers, 3 hearts, a film and a strip are in images-output\n"
    names = sorted(path.name for path in (home / "images-output").iterdir())
    assert names == ["bags.gif", "faces.png", "hearts", "sneakers.png"]
    assert len(list((home / "images-output" / "hearts").glob("*.png"))) == 3


def test_audio_digits(home: Path, capsys: Capture) -> None:
    example("audio_digits").main(2)
    told, verdict = capsys.readouterr().out.splitlines()
    assert told == "2 threes, 2 sevens and 2 that go on from one of them are in audio-output"
    assert verdict.endswith("/0: identical")
    names = sorted(path.name for path in (home / "audio-output").iterdir())
    assert names == ["continued", "sevens.html", "sevens.png", "three.wav", "threes"]
    page = (home / "audio-output" / "sevens.html").read_text(encoding="utf-8")
    assert page.count("<audio") == 2
    # It opens offline: all that it shows is in it.
    assert {source[:5] for source in re.findall(r'src="([^"]+)', page)} == {"data:"}


def test_the_demo(model: str, home: Path, capsys: Capture) -> None:
    example("demo").main(model, 40, home / "demo", ["validity", "filters", "logp-distance"])
    printed = capsys.readouterr().out
    assert "reference nci" in printed
    assert ": 0 troubles\n" in printed
    assert printed.count(": identical\n") == 3
    assert (home / "demo" / "grid.png").read_bytes().startswith(b"\x89PNG")
    written = (home / "demo" / "molecules.html").read_text(encoding="utf-8")
    assert written.count("<figure>") == len((home / "demo" / "molecules.smi").read_text().splitlines()) > 10
    # It opens offline: nothing in it is fetched, and RDKit's drawings name no address but their namespaces.
    assert re.findall(r'(?:src|href)="', written) == []
    assert not (home / "store.sqlite").exists()
