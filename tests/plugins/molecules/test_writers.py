from __future__ import annotations

from pathlib import Path

import pytest
from rdkit import Chem

from genwright.errors import DataError
from genwright_molecules.domain import MoleculesDomain
from genwright_molecules.readers import read
from genwright_molecules.writers import export, write

DOMAIN = MoleculesDomain()


@pytest.mark.parametrize("name", ["a.smi", "a.csv", "a.csv.xz", "a.smi.gz"])
def test_invalid_molecules_are_kept_as_they_stand(name: str, tmp_path: Path) -> None:
    write(["C(", "CCO", "c1cccc1"], tmp_path / name)
    assert list(read(tmp_path / name)) == ["C(", "CCO", "c1cccc1"]


def test_a_table_keeps_any_text(tmp_path: Path) -> None:
    items = ['a,"b"', "", "C\nC", "é"]
    write(items, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == 'smiles\n"a,""b"""\n""\n"C\nC"\né\n'


def test_a_carriage_return_stays_in_its_row_of_a_table(tmp_path: Path) -> None:
    write(["C\rC", "N"], tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b'smiles\n"C\rC"\nN\n'
    with pytest.warns(UserWarning, match="is no SMILES"):
        assert list(read(tmp_path / "a.csv")) == ["N"]


KNOWN = {"id": "5f1c/17", "item": "OCC", "run": "5f1c", "seed": "7", "checkpoint": "ab" * 32, "flaw": "one\n\ntwo"}


def test_a_smi_file_names_each_molecule_by_its_sample(tmp_path: Path) -> None:
    assert export([("OCC", KNOWN), ("C", {})], tmp_path / "a.smi") is True
    assert (tmp_path / "a.smi").read_text() == "OCC\t5f1c/17\nC\n"
    assert list(read(tmp_path / "a.smi")) == ["OCC", "C"]


def test_an_sdf_record_tells_all_that_is_known_of_its_molecule(tmp_path: Path) -> None:
    assert export([("OCC", KNOWN), ("C", {})], tmp_path / "a.sdf") is True
    first, second = Chem.SDMolSupplier(str(tmp_path / "a.sdf"))
    told = {name: text for name, text in KNOWN.items() if name != "item"} | {"SMILES": "OCC", "flaw": "one two"}
    assert first.GetPropsAsDict() | {"seed": "7"} == told
    assert (first.GetProp("_Name"), second.GetProp("_Name")) == ("5f1c/17", "")
    assert list(read(tmp_path / "a.sdf", strict=True)) == ["CCO", "C"]


def test_a_table_of_molecules_has_no_room_for_origins(tmp_path: Path) -> None:
    assert export([("OCC", KNOWN)], tmp_path / "a.csv") is False
    assert (tmp_path / "a.csv").read_text() == "smiles\nOCC\n"


def test_structures_keep_their_stereo_marks(nci: list[str], tmp_path: Path) -> None:
    items = ["C[C@H](N)C(=O)O", "F/C=C/F", "F/C=C\\F", "[NH4+].[Cl-]", *nci[:100]]
    write(items, tmp_path / "a.sdf")
    assert [DOMAIN.canonical(s) for s in read(tmp_path / "a.sdf")] == [DOMAIN.canonical(s) for s in items]


@pytest.mark.parametrize("name", ["a.smi.gz", "a.sdf.gz", "a.csv.xz"])
def test_equal_molecules_make_equal_files(name: str, tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    write(["CCO"], tmp_path / name)
    write(["CCO"], tmp_path / "later" / name)
    assert (tmp_path / name).read_bytes() == (tmp_path / "later" / name).read_bytes()


def test_a_file_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.smi").write_text("N\n")
    with pytest.raises(DataError, match=r"exists already, and nothing is overwritten. Choose another name"):
        write(["C"], tmp_path / "a.smi")
    assert (tmp_path / "a.smi").read_text() == "N\n"


def test_an_absent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be written: No such file or directory. Check the folder"):
        write(["C"], tmp_path / "absent" / "a.smi")


@pytest.mark.parametrize("item", ["", "C C", "C\n", "é", "\ud800"])
def test_a_smi_file_takes_no_white_space_or_strange_letters(item: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a .smi file holds one SMILES a line; got .* Write a .csv file"):
        write(["C", item], tmp_path / "a.smi")
    assert not (tmp_path / "a.smi").exists()


def test_a_table_takes_no_lone_surrogates(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a .csv file holds text in UTF-8; got .*, a lone surrogate. Leave it out"):
        write(["C", "C\ud800"], tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize(
    ("name", "reason"), [("a" * 300 + ".smi", "File name too long"), ("a\0b.smi", "embedded null byte")]
)
def test_a_name_that_no_file_can_have_is_refused(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"cannot be written: {reason}. Check the folder"):
        write(["C"], tmp_path / name)


def test_an_sdf_file_takes_valid_molecules_alone(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"got 'C\(': Character 2: 1 branch has not been closed. Write the valid ones"):
        write(["C", "C("], tmp_path / "a.sdf.gz")
    assert not (tmp_path / "a.sdf.gz").exists()


def test_nothing_is_left_when_the_items_break_off(tmp_path: Path) -> None:
    def items() -> object:
        yield "C"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(items(), tmp_path / "a.smi.xz")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
