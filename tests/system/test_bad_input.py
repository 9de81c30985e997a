"""What the program says to input that is wrong, from the command line, with real molecules, files and stores."""

from __future__ import annotations

import gzip
import json
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import genwright as gw
import genwright_storage.sqlite
from genwright import library
from genwright.cli import main
from genwright.errors import OptionError
from genwright.registry import registry
from genwright.store import open_store
from genwright_storage.store import SQLStore

Capture = pytest.CaptureFixture[str]
Say = Callable[..., tuple[int, str]]

LONG = 1_000_000
RECIPE = """
domain = "molecules"
data = "{data}"
steps = 2
batch_size = 2
held_out = 0.0
family = {{ name = "autoregressive" }}
backbone = {{ name = "transformer", width = 8, depth = 1, heads = 1 }}
"""

pytestmark = pytest.mark.filterwarnings("default")


# ---- names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "molecule"], "no model named 'molecule'. Did you mean 'molecules'"),
        (["generate", "molecules/drglike"], "no model named 'molecules/drglike'. Did you mean 'molecules/druglike'"),
        (["generate", "imags"], "no model named 'imags'. Did you mean 'images' or 'images/emoji' or 'images/digits'?"),
        (
            ["generate", "images", "--where", "class=q"],
            "no class that this model learned named 'q'. Known: ankle boot,",
        ),
        (["generate", "images", "--where", "class=sneker"], "named 'sneker'. Did you mean 'sneaker'?"),
        (
            ["generate", "images/emoji", "--where", "caption=qwxz"],
            "takes words that the model's training data have; got",
        ),
        (["generate", "x" * LONG], "… (1,000,002 characters). Known: audio, audio/digits, audio/digits-wavenet,"),
        (["generate", "\udcff"], r"no model named '\udcff'. Known: audio"),
        (["generate", "molecules", "--sampler", "gramar"], "no sampler named 'gramar'. Did you mean 'grammar'"),
        (["generate", "molecules", "--sampler", "x" * LONG], "… (1,000,002 characters). Known: confidence,"),
        (["generate", "molecules", "--sampler", "top-p", "-o", "q=1"], "sampler 'top-p' has no option 'q'."),
        (
            ["generate", "molecules", "--sampler", "top-k", "-o", "temprature=1"],
            "sampler 'top-k' has no option 'temprature'. Did you mean 'temperature'?",
        ),
        (
            ["generate", "molecules", "--where", "logp=2"],
            "no condition of molecules named 'logp'. Did you mean 'logP'?",
        ),
        (["generate", "molecules", "--where", f"{'x' * LONG}=2"], "(1,000,002 characters). Known: QED, SA, TPSA, logP"),
        (["generate", "molecules", "--reviewer", "alert"], "no reviewer named 'alert'. Did you mean 'alerts'?"),
        (["evaluate", ".", "--domain", "molecule"], "no domain named 'molecule'. Did you mean 'molecules'?"),
        (["samples", "show", "\udcff"], r"no sample named '\udcff'. A sample's id is its run and its index"),
        (
            ["audit", "replay", "LAST"],
            "no sample named 'LAST'. A sample's id is its run and its index, such as LAST/0.",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_an_unknown_name_is_a_wrong_call_and_near_ones_are_offered(
    say: Say, arguments: list[str], message: str
) -> None:
    open_store().close()
    code, said = say(*arguments)
    assert message in said
    assert code == 2


# ---- numbers and texts


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("99", "condition 'logP' takes -10 to 15; got 99.0. Choose a value in this range."),
        ("-10.01", "condition 'logP' takes -10 to 15; got -10.01."),
        ("nan", "condition 'logP' takes -10 to 15; got nan."),
        ("1e999", "condition 'logP' takes -10 to 15; got inf."),
        ("9" * LONG, "condition 'logP' takes -10 to 15; got inf."),
        ("two", "condition 'logP' takes a number; got 'two'. Example: logP=-10."),
        ("", "condition 'logP' takes a number; got ''."),
        ("\0", r"condition 'logP' takes a number; got '\x00'."),
        ("\udcff", r"condition 'logP' takes a number; got '\udcff'."),
        ("x" * LONG, "condition 'logP' takes a number; got 'xxx"),
    ],
    ids=lambda value: value[:20],
)
def test_a_condition_of_another_range_or_type_is_refused(say: Say, value: str, message: str) -> None:
    code, said = say("generate", "molecules", "-n", 1, "--where", f"logP={value}")
    assert message in said
    assert (code, len(said) < 300) == (2, True)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a\0b", "condition 'prefix' takes plain text; got NUL or a lone surrogate in it. Remove it."),
        ("C\udcff", "condition 'prefix' takes plain text; got NUL or a lone surrogate in it. Remove it."),
        ("C" * LONG, "condition 'prefix' takes at most 4096 characters; got 1,000,000. Shorten it."),
        ("Cé", "holds 'é', which was not in the data that the encoder was fitted on. Leave it out"),
        ("C\nC", r"holds '\n', which was not in the data that the encoder was fitted on."),
    ],
    ids=lambda value: value[:20],
)
def test_a_prompt_that_no_sample_can_start_with_is_refused(say: Say, value: str, message: str) -> None:
    code, said = say("generate", "molecules", "-n", 1, "--where", f"prefix={value}")
    assert message in said
    assert code == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-n", 0], "n is a whole number from 1 to 2^63 - 1; got 0."),
        (["-n", -1], "n is a whole number from 1 to 2^63 - 1; got -1."),
        (["-n", 10**30], f"n is a whole number from 1 to 2^63 - 1; got {10**30}."),
        (["-n", "many"], "'many' is not a valid integer."),
        (["--seed", -1], "seed is a whole number from 0 to 2^63 - 1; got -1."),
        (["--sampler", "top-p", "-o", "p=2"], "p is above 0 and at most 1; got 2.0"),
        (["--sampler", "temperature", "-o", "temperature=0"], "temperature is 0.001 or more; got 0.0. For the"),
        (["--sampler", "temperature", "-o", "temperature=nan"], "temperature is 0.001 or more; got nan."),
    ],
)
def test_a_number_out_of_range_is_refused_before_anything_is_recorded(
    say: Say, options: list[Any], message: str, tmp_path: Path
) -> None:
    code, said = say("generate", "molecules", *options)
    assert message in said
    assert code == 2
    assert not (tmp_path / "store.sqlite").exists() or say("runs", "list")[1] == "No run was found.\n"


# ---- data


DATA: dict[str, tuple[str, bytes, str]] = {
    "absent": ("absent.smi", b"", "absent.smi does not exist. Check the path."),
    "empty": ("a.smi", b"", "a.smi holds no molecule that can be read: the file is empty. Wanted is one SMILES a line"),
    "noise": ("a.smi", bytes(range(128, 256)), "a.smi holds no molecule that can be read: line 1: It is not UTF-8"),
    "unknown": ("a.xyz", b"CCO\n", "molecules are read and written as .smi, .csv, .sdf"),
    "cut": ("a.smi.gz", gzip.compress(b"CCO\n" * 9_999)[:-20], "a.smi.gz breaks off or is damaged in line"),
    "column": ("a.csv", b"a,b\n1,2\n", "a.csv has no column named smiles; its columns are a, b."),
    "records": ("a.sdf", b"junk\n$$$$\n", "line 1: The record that starts there holds no molecule that RDKit can read"),
}


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_a_file_that_holds_nothing_to_read_is_told_with_the_reason(
    say: Say, command: str, kind: str, tmp_path: Path
) -> None:
    name, content, message = DATA[kind]
    if kind != "absent":
        (tmp_path / name).write_bytes(content)
    (tmp_path / "recipe.toml").write_text(RECIPE.format(data=tmp_path / name))
    arguments = {
        "evaluate": ["evaluate", tmp_path / name, "--domain", "molecules", "--metric", "validity"],
        "train": ["train", "--recipe", tmp_path / "recipe.toml", "--device", "cpu", "--no-store"],
    }
    code, said = say(*arguments[command])
    assert message in said
    assert code == 1


def test_malformed_lines_are_named_and_counted_and_end_a_strict_command(say: Say, tmp_path: Path) -> None:
    path = tmp_path / "a.smi"
    path.write_bytes(b"CCO\n\xff\nC\0\nCC\n")
    command = ["evaluate", path, "--domain", "molecules", "--metric", "validity"]
    passed = "read 2 molecules and passed over 2 lines or records. line 2: It is not UTF-8 text. line 3: It holds NUL"
    code, said = say(*command)
    assert passed in said
    assert code == 0
    code, said = say(*command, "--strict")
    assert f"{path}, line 2: It is not UTF-8 text. Mend the file, or read it without strict." in said
    assert code == 1


def test_what_cannot_be_scored_is_told_and_the_others_are_scored(say: Say, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "a.smi"
    path.write_text("CCO\nC((\nC[Pu]\n")
    assert main(["score", "molecules", str(path)]) == 0
    ethanol, flawed, refused, mean = capsys.readouterr().out.splitlines()[1:]
    assert ethanol.startswith("CCO    -")
    assert flawed.split(maxsplit=1) == ["C((", "Character 3: An atom must precede an open parenthesis."]
    assert refused.startswith("C[Pu]  ")
    assert "'C[Pu]' holds 'P', which was not in the data" in refused
    assert mean.startswith("mean of log p of 1 of 3 items: -")


def test_the_name_of_an_image_that_cannot_be_scored_is_told(say: Say, tmp_path: Path, capsys: Capture) -> None:
    """One image of another size among many once ended the run, and which it was remained unknown."""
    for number, size in enumerate((28, 28, 40)):
        picture(size, number).save(tmp_path / f"{number}.png")
    assert main(["score", "images", str(tmp_path), "--model", "images/digits"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["0.png", "1.png", "2.png"]
    assert "takes images of 28 x 28 pixels, as most of its training data are; got 40 x 40." in lines[3]
    assert lines[4].startswith("mean of log p of 2 of 3 items: -")


def picture(size: int, seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size), dtype=np.uint8))


def test_items_of_one_domain_are_not_given_to_a_model_of_another(say: Say, tmp_path: Path) -> None:
    """They once went to its encoder, which ended in a TypeError."""
    picture(28, 0).save(tmp_path / "a.png")
    code, said = say("score", "images", tmp_path, "--model", "molecules/druglike")
    assert "scored by a model of images; molecules/druglike is one of molecules. Choose another model" in said
    assert code == 2


@pytest.mark.parametrize(
    ("call", "model", "item"),
    [(gw.score, "images/digits", "a"), (gw.encode, "images/emoji-vae", "x"), (gw.score, "molecules/druglike", 7)],
)
def test_what_is_no_item_of_a_model_s_domain_is_refused(call: Callable[..., Any], model: str, item: Any) -> None:
    """It once was an AttributeError or a TypeError."""
    with pytest.raises(OptionError, match=r"^item 0: .* an item of the model's domain, as reading its files gives it;"):
        call(model, [item])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"molecules"', '"molecule"', "no domain named 'molecule'. Did you mean 'molecules'?"),
        ("autoregressive", "autoregresive", "no family named 'autoregresive'. Did you mean 'autoregressive'?"),
        ("transformer", "transfomer", "no backbone named 'transfomer'. Did you mean 'transformer'?"),
        ("width", "widht", "backbone 'transformer' has no option 'widht'. Did you mean 'width'?"),
        ("steps", "stpes", "no field of a recipe named 'stpes'. Did you mean 'steps'"),
        ("steps = 2", "steps = 0", "a recipe's steps is from 1 to 1e+09; got 0"),
        ("held_out", 'conditions = ["logp"]\nheld_out', "no condition of molecules named 'logp'. Did you mean 'logP'?"),
        ("a.smi", "ncii", "no dataset named 'ncii'. Did you mean 'nci'?"),
    ],
)
def test_a_recipe_with_an_unknown_name_is_a_wrong_call(
    say: Say, old: str, new: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.smi").write_text("CCO\nCCN\n")
    Path("recipe.toml").write_text(RECIPE.format(data="a.smi").replace(old, new, 1))
    code, said = say("train", "--recipe", "recipe.toml", "--name", "molecules/bad", "--device", "cpu", "--no-store")
    assert message in said
    assert code == 2


# ---- checkpoints


def cut(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def flip(folder: Path) -> None:
    path = folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def pickled(folder: Path) -> None:
    (folder / "weights.safetensors").rename(folder / "model.pt")


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def card(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "card.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "that its card names; they have"),
        (flip, "that its card names; they have"),
        (pickled, "model.pt is a pickle, which can run any code when it is read. Convert it to safetensors"),
        (without("weights.safetensors"), "has no weights.safetensors."),
        (without("card.json"), "has no card.json."),
        (lambda folder: (folder / "card.json").write_text("{"), "card.json should hold JSON; got: Expecting"),
        (card(format=99), "card.json has format 99; this version reads 1. Upgrade genwright-core"),
        (card(recipe={}), "should describe a model; it cannot be read as one: RecipeError('a recipe needs domain"),
        (card(encoder={}), "should describe a model; it cannot be read as one: KeyError('tokens')"),
    ],
    ids=["cut", "flip", "pickled", "no weights", "no card", "half a card", "newer", "no recipe", "no tokens"],
)
def test_a_damaged_checkpoint_is_refused(
    say: Say, damage: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(library.find("molecules", registry()).folder, folder)
    damage(folder)
    code, said = say("generate", folder, "-n", 1)
    assert message in said
    assert code == 1


# ---- stores


@pytest.fixture
def drawn(say: Say, tmp_path: Path) -> Path:
    """A store in which two molecules are recorded."""
    assert say("generate", "molecules", "-n", 2, "--seed", 1)[0] == 0
    return tmp_path / "store.sqlite"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text("no database" * 1000), "should be a Genwright store; it is no SQLite database."),
        (lambda path: other(path), "it is an SQLite database of another program, with 1 tables"),
    ],
    ids=["text", "another program's"],
)
@pytest.mark.parametrize(
    "command", [["generate", "molecules", "-n", 1], ["samples", "list"], ["audit", "verify"]], ids=lambda c: c[0]
)
def test_a_file_that_is_not_ours_is_left_as_it_is(
    say: Say, make: Callable[[Path], None], message: str, command: list[Any], tmp_path: Path
) -> None:
    path = tmp_path / "theirs.sqlite"
    make(path)
    before = path.read_bytes()
    code, said = say(*command, "--store", f"sqlite:///{path}")
    assert message in said
    assert "It was left as it is: name another file." in said
    assert (code, path.read_bytes()) == (1, before)


def other(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()


def test_a_damaged_store_is_told(say: Say, drawn: Path) -> None:
    drawn.write_bytes(drawn.read_bytes()[:40_000])
    for command in (["generate", "molecules", "-n", 1], ["samples", "list"], ["audit", "verify"]):
        code, said = say(*command)
        assert "its file is damaged. Restore a backup" in said
        assert code == 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores that wait a tenth of a second for others, in place of thirty."""
    monkeypatch.setitem(SQLStore.__init__.__kwdefaults__, "patience", 0.1)


def test_a_locked_store_can_be_read_and_not_written(say: Say, drawn: Path, impatient: None) -> None:
    with closing(sqlite3.connect(drawn, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        code, said = say("generate", "molecules", "-n", 1)
        assert "another process is writing to it and did not finish in time. Wait for that process and repeat" in said
        assert code == 1
        assert say("samples", "list")[0] == 0


def test_a_store_that_is_only_read_is_not_written(say: Say, drawn: Path) -> None:
    code, said = say("generate", "molecules", "-n", 1, "--store", f"sqlite:///{drawn}?mode=ro")
    assert "it can only be read. Change the permissions of the file and its folder, or name another" in said
    assert code == 1


@pytest.fixture
def full(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store that has room for a few pages more."""
    pages = drawn.stat().st_size // 4096
    pragmas = (*genwright_storage.sqlite._PRAGMAS, f"max_page_count={pages + 8}")
    monkeypatch.setattr(genwright_storage.sqlite, "_PRAGMAS", pragmas)
    return drawn


def test_where_no_space_is_left_what_was_acknowledged_is_safe(say: Say, full: Path) -> None:
    code, said = say("generate", "molecules", "-n", 200, "--batch-size", 10, "--seed", 1)
    assert "no space is left to write to it. Free some and repeat; every acknowledged sample is safe." in said
    assert code == 1
    kept = int(said.split("Stopped. ")[1].split(" of 200 samples are recorded")[0])
    assert 0 < kept < 200
    assert kept % 10 == 0
    assert say("audit", "verify")[0] == 0
    assert say("samples", "list", "--run", "LAST", "--limit", kept - 1)[1].startswith("There are more than these")
    assert say("samples", "list", "--run", "LAST", "--limit", kept) == (0, "")


@pytest.fixture
def limited(drawn: Path) -> Iterator[Path]:
    """A store with a log of at most 128 KiB: room for a run that starts, and not for its samples."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 17, hard))
    yield drawn
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_where_files_may_not_grow_a_run_can_go_on_later(say: Say, limited: Path) -> None:
    code, said = say("generate", "molecules", "-n", 1000, "--sampler", "temperature", "--seed", 1)
    assert "the system could not read or write its file. Check the disk, quotas and limits on the size of" in said
    assert code == 1
    resource.setrlimit(resource.RLIMIT_FSIZE, resource.getrlimit(resource.RLIMIT_FSIZE)[1:] * 2)
    assert say("audit", "verify")[0] == 0
    code, said = say("runs", "resume")
    assert "Drew the 1,000 samples that were missing of 1,000" in said
    assert code == 0


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        ("{folder}/a.sqlite", 2, "a store is named by a URL; got '{folder}/a.sqlite'. For a file write sqlite:///"),
        ("sqlit:///a", 2, "there is no store named 'sqlit'. Did you mean 'sqlite'?"),
        ("sqlite:///", 2, "a store in SQLite is a file, sqlite:///path; got 'sqlite:///'."),
        ("sqlite:///{folder}/a\0b", 2, "with NUL or a lone surrogate in it. Name another place."),
        ("sqlite:///{folder}/a\udcff", 2, "with NUL or a lone surrogate in it. Name another place."),
        ("sqlite:///{folder}", 1, "its file cannot be opened. Check that the folder exists and may be written"),
        ("sqlite:///{folder}/" + "x" * 300, 1, "File name too long. Check that the place is there"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_place_where_no_store_can_be_is_told(say: Say, url: str, code: int, message: str, tmp_path: Path) -> None:
    found, said = say("generate", "molecules", "-n", 1, "--store", url.replace("{folder}", str(tmp_path)))
    assert message.replace("{folder}", str(tmp_path)) in said
    assert found == code
