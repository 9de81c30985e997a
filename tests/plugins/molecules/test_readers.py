from __future__ import annotations

import gzip
import lzma
import resource
import warnings
from pathlib import Path

import pytest

from genwright.errors import DataError
from genwright_molecules.readers import Unreadable, read, split_name
from genwright_molecules.writers import write

NAMES = ["a.smi", "a.csv", "a.sdf", "a.smi.gz", "a.csv.gz", "a.sdf.gz", "a.smi.xz", "a.csv.xz", "a.sdf.xz", "A.SMI.GZ"]


def laid(folder: Path, name: str, data: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize("name", NAMES)
def test_every_format_and_compression_is_read(name: str, tmp_path: Path) -> None:
    write(["CCO", "c1ccccc1"], tmp_path / name)
    assert list(read(tmp_path / name, strict=True)) == ["CCO", "c1ccccc1"]


def test_a_smi_line_is_smiles_and_perhaps_a_name(tmp_path: Path) -> None:
    path = laid(tmp_path, "a.smi", "\ufeffSMILES name\r\nCCO\tethanol\r\n\n  C water, not\nN")
    assert list(read(path, strict=True)) == ["CCO", "C", "N"]


def test_what_is_no_molecule_is_read_as_it_stands(tmp_path: Path) -> None:
    assert list(read(laid(tmp_path, "a.smi", "C(\nCC\n"), strict=True)) == ["C(", "CC"]


@pytest.mark.parametrize(
    "text",
    [
        "id,Smiles,logP\n1,CCO,0.1\n2,C,\n",
        'SMILES\n"CCO"\nC\n',
        "CCO\nC\n",
        'note,smiles\n"a, ""b""\nc",CCO\n,C\n',
        "id,item,flaw\n5f/0,CCO,\n5f/1,C,\n",
    ],
)
def test_a_csv_column_is_found(text: str, tmp_path: Path) -> None:
    assert list(read(laid(tmp_path, "a.csv", text), strict=True)) == ["CCO", "C"]


def test_a_csv_without_the_column_is_refused(tmp_path: Path) -> None:
    path = laid(tmp_path, "a.csv", "id,structure\n1,CCO\n")
    with pytest.raises(DataError, match=r"has no column named smiles; its columns are id, structure. Name one of them"):
        list(read(path))


def test_malformed_parts_are_named_counted_and_passed_over(tmp_path: Path) -> None:
    lines = [b"CCO", b"\xff\xfe", b"C\0C", b"\xc3\xa9", b"\x01", b"\xff", b"CC"]
    path = laid(tmp_path, "a.smi", b"\n".join(lines))
    with pytest.warns(Unreadable) as caught:
        assert list(read(path)) == ["CCO", "CC"]
    assert str(caught[0].message) == (
        f"{path}: read 2 molecules and passed over 5 lines or records. line 2: It is not UTF-8 text. "
        "line 3: It holds NUL bytes. line 4: 'é' is no SMILES. And 2 more."
    )
    assert len(caught) == 1


def test_strict_reading_stops_at_the_first_malformed_part(tmp_path: Path) -> None:
    items = read(laid(tmp_path, "a.smi", b"CCO\n\xff\nCC\n"), strict=True)
    assert next(items) == "CCO"
    with pytest.raises(DataError, match=r"a.smi, line 2: It is not UTF-8 text. Mend the file, or read it without"):
        next(items)


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_a_csv_with_another_separator_is_refused(separator: str, name: str, tmp_path: Path) -> None:
    path = laid(tmp_path, "a.csv", f"id{separator}SMILES\n1{separator}CCO\n")
    with pytest.raises(DataError, match=f"has columns separated by {name}; wanted are commas. Write it anew"):
        list(read(path))


def test_lines_after_a_refused_one_keep_their_numbers(tmp_path: Path) -> None:
    path = laid(tmp_path, "a.csv", b"smiles,x\n\xff\nCCO,1\n\xc3\xa9,1\nCC\n")
    with pytest.warns(Unreadable, match=r"line 2: It is not UTF-8 text\. line 4: 'é' is no SMILES\. line 5: It has 1"):
        assert list(read(path)) == ["CCO"]


def test_the_lines_that_a_stray_quote_swallows_are_counted(tmp_path: Path) -> None:
    path = laid(tmp_path, "a.csv", 'smiles\nC\n"CC\n' + "N\n" * 99)
    with pytest.warns(Unreadable, match=r"read 1 molecules and passed over 100 lines or records\. line 3: 'CC\\nN"):
        assert list(read(path)) == ["C"]


def test_what_is_not_named_is_counted_by_its_lines(tmp_path: Path) -> None:
    path = laid(tmp_path, "a.csv", 'smiles\nC\né\né\né\n"CC\n' + "N\n" * 9)
    with pytest.warns(Unreadable, match=r"passed over 13 lines or records\. .* And 10 more\."):
        assert list(read(path)) == ["C"]


def test_an_sdf_title_need_not_be_utf_8(tmp_path: Path) -> None:
    write(["CCO"], tmp_path / "good.sdf")
    text = (tmp_path / "good.sdf").read_bytes()
    assert list(read(laid(tmp_path, "a.sdf", b"M\xfcller" + text + text), strict=True)) == ["CCO", "CCO"]


def spoilt(tmp_path: Path, number: int, letter: bytes) -> Path:
    """Write three molecules to an SDF file, with a strange letter at the end of one line of the second."""
    write(["CCO", "CCN", "CCC"], tmp_path / "good.sdf")
    lines = (tmp_path / "good.sdf").read_bytes().split(b"\n")
    assert lines[13] == lines[27] == b"$$$$"
    lines[14 + number - 1] += letter
    return laid(tmp_path, "a.sdf", b"\n".join(lines))


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 8, 10])
def test_a_line_with_nul_spoils_the_structure_that_it_is_in(number: int, tmp_path: Path) -> None:
    """It was once left out, which shifted those below it, and counted again with its record."""
    path = spoilt(tmp_path, number, b"\0")
    with pytest.warns(Unreadable) as caught:
        assert list(read(path)) == ["CCO", "CCC"]
    told = f"read 2 molecules and passed over 1 lines or records. line {14 + number}: It holds NUL bytes."
    assert str(caught[0].message) == f"{path}: {told}"
    with pytest.raises(DataError, match=rf"a\.sdf, line {14 + number}: It holds NUL bytes\. Mend the file"):
        list(read(path, strict=True))


@pytest.mark.parametrize("number", [4, 5, 8, 10])
def test_a_structure_is_plain_text(number: int, tmp_path: Path) -> None:
    """Its record alone was named, not the line."""
    path = spoilt(tmp_path, number, b"\xff")
    with pytest.warns(Unreadable, match=rf"passed over 1 lines .* line {14 + number}: It is not UTF-8 text\.$"):
        assert list(read(path)) == ["CCO", "CCC"]
    with pytest.raises(DataError, match=rf"a\.sdf, line {14 + number}: It is not UTF-8 text\. Mend the file"):
        list(read(path, strict=True))


@pytest.mark.parametrize("number", [11, 12, 13, 14])
def test_a_line_with_nul_among_data_items_costs_no_molecule(number: int, tmp_path: Path) -> None:
    """One in the line that ends a record once made the next molecule a part of it, which no one was told."""
    path = spoilt(tmp_path, number, b"\0")
    with pytest.warns(Unreadable, match=rf"read 3 molecules .* line {14 + number}: It holds NUL bytes\.$"):
        assert list(read(path)) == ["CCO", "CCN", "CCC"]


@pytest.mark.parametrize("number", [1, 3, 11, 12, 14])
def test_titles_and_data_items_may_be_in_any_encoding(number: int, tmp_path: Path) -> None:
    assert list(read(spoilt(tmp_path, number, b"\xff"), strict=True)) == ["CCO", "CCN", "CCC"]


@pytest.mark.parametrize("name", ["a.smi", "a.csv"])
@pytest.mark.parametrize(("bad", "flaw"), [(b"C\0C", "It holds NUL bytes"), (b"C\xff", "It is not UTF-8 text")])
def test_a_line_of_strange_bytes_is_named_counted_and_passed_over(
    name: str, bad: bytes, flaw: str, tmp_path: Path
) -> None:
    path = laid(tmp_path, name, b"smiles\nCCO\n" + bad + b"\nCC\n" + bad + b"\n")
    told = rf"read 2 molecules and passed over 2 lines or records\. line 3: {flaw}\. line 5: {flaw}\.$"
    with pytest.warns(Unreadable, match=told):
        assert list(read(path)) == ["CCO", "CC"]
    with pytest.raises(DataError, match=rf"{name}, line 3: {flaw}\. Mend the file, or read it without strict\.$"):
        list(read(path, strict=True))


def test_a_csv_row_of_another_width_is_named(tmp_path: Path) -> None:
    path = laid(tmp_path, "a.csv", "smiles,x\nCCO,1\nCC\nC,2\n")
    with pytest.warns(Unreadable, match="line 3: It has 1 columns in place of 2"):
        assert list(read(path)) == ["CCO", "C"]


def test_a_stray_quote_in_a_csv_costs_no_more_than_its_limit(tmp_path: Path) -> None:
    path = laid(tmp_path, "a.csv", 'smiles\nCCO\n"' + "CC\n" * 50_000 + "N\n")
    with pytest.warns(Unreadable, match="Field larger than field limit"):
        items = list(read(path))
    assert items[0] == "CCO"
    assert items[-1] == "N"


def test_a_csv_cell_with_a_line_break_is_no_smiles(tmp_path: Path) -> None:
    path = laid(tmp_path, "a.csv", 'smiles\nC\n"C\nC"\n')
    with pytest.warns(Unreadable, match=r"passed over 2 lines.*line 3: 'C\\nC' is no SMILES"):
        assert list(read(path)) == ["C"]


def test_a_damaged_sdf_record_is_named_by_its_line(tmp_path: Path) -> None:
    good = tmp_path / "good.sdf"
    write(["CCO"], good)
    text = good.read_text()
    path = laid(tmp_path, "a.sdf", f"{text}\n\n\nnonsense\n$$$$\n{text.removesuffix('$$$$' + chr(10))}")
    with pytest.warns(
        Unreadable, match=f"line {text.count(chr(10)) + 1}: The record that starts there holds no molecule"
    ):
        assert list(read(path)) == ["CCO", "CCO"]


@pytest.mark.parametrize("name", ["a.smi", "a.csv", "a.sdf", "a.smi.gz"])
def test_an_empty_file_is_refused(name: str, tmp_path: Path) -> None:
    path = laid(tmp_path, name, gzip.compress(b"") if name.endswith("gz") else b"")
    with pytest.raises(
        DataError, match=r"holds no molecule that can be read: the file is empty. Wanted is one SMILES a"
    ):
        list(read(path))


def test_a_file_of_noise_is_refused_with_its_first_lines(tmp_path: Path) -> None:
    path = laid(tmp_path, "a.smi", bytes(range(128, 256)) + b"\n\xff\n")
    with pytest.raises(DataError, match=r"holds no molecule that can be read: line 1: It is not UTF-8 text. line 2"):
        list(read(path))


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_a_truncated_archive_gives_what_it_holds_and_then_an_error(compress: object, tmp_path: Path) -> None:
    name = "a.smi.gz" if compress is gzip.compress else "a.smi.xz"
    data = "".join(f"{'C' * (i % 97 + 1)}N{'O' * (i % 31)}\n" for i in range(60_000)).encode()
    path = laid(tmp_path, name, compress(data)[:-20])  # type: ignore[operator]
    items = read(path)
    assert next(items) == "CN"
    with pytest.raises(DataError, match=r"breaks off or is damaged in line [\d]+: .*\. Fetch or write it again"):
        list(items)


@pytest.mark.parametrize("name", ["a.smi.gz", "a.smi.xz"])
def test_what_is_no_archive_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is damaged in line 1"):
        list(read(laid(tmp_path, name, b"CCO\nCC\n")))


def test_a_line_of_any_length_takes_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.smi.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(200):
            stream.write(b"C" * (1 << 20))
        stream.write(b"\nCCO\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.warns(Unreadable, match="line 1: It is longer than a mebibyte"):
        assert list(read(path)) == ["CCO"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    laid(tmp_path, "b.smi", "CC\n")
    laid(tmp_path, "a.csv", "smiles\nC\n")
    laid(tmp_path, "README.md", "# Molecules\n")
    assert list(read(tmp_path)) == ["C", "CC"]


def test_a_folder_without_molecules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no file that ends in \.smi, .*Name another folder or a file"):
        list(read(tmp_path))


@pytest.mark.parametrize(
    ("name", "reason"), [("a" * 300 + ".smi", "File name too long"), ("a\0b.smi", "embedded null byte")]
)
def test_a_name_that_no_file_can_have_is_refused(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"cannot be opened: {reason}. Check the name"):
        list(read(tmp_path / name))


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be opened: No such file or directory. Check the name"):
        list(read(tmp_path / "a.smi"))


@pytest.mark.parametrize("name", ["a.txt", "a", "smi", "a.gz", "a.smi.zip", ".smi"])
def test_an_unknown_format_is_refused(name: str) -> None:
    with pytest.raises(
        DataError, match=r"as \.smi, \.csv, \.sdf, each also with \.gz or \.xz; got .* Rename or convert"
    ):
        split_name(Path(name))


def test_reading_needs_no_more_than_what_is_taken(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert next(read(laid(tmp_path, "a.smi", b"CCO\n\xff\n"))) == "CCO"
