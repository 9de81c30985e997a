"""Writing molecules to .smi, .csv and .sdf files, and each of them compressed with gzip or xz."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TextIO

from rdkit import Chem
from rdkit.Chem import rdDepictor

from genwright.errors import DataError
from genwright.files import compressed, csv_line, new_file
from genwright_molecules.molecule import flaw, parse
from genwright_molecules.readers import split_name
from genwright_molecules.vocabulary import quote

__all__ = ["export", "write"]

_Molecule = tuple[str, Mapping[str, str]]


def write(items: Iterable[str], path: Path) -> None:
    """Write SMILES to a new file, in the format and compression that its name ends in.

    .smi and .csv keep invalid molecules as they stand; .sdf holds structures, laid out flat.

    Raises DataError for an unknown ending, a file that exists, or an item that the format cannot hold; nothing is left.
    """
    export(((item, {}) for item in items), path)


def export(samples: Iterable[_Molecule], path: Path) -> bool:
    """Write SMILES as `write` does, and return whether the file tells what is known of each beside it.

    .smi names each by the "id" that is known of it; .sdf has all as data items; .csv has room for none.

    Raises DataError for an unknown ending, a file that exists, or an item that the format cannot hold; nothing is left.
    """
    format, compression = split_name(path)
    with (
        new_file(path) as raw,
        compressed(raw, compression) as stream,
        io.TextIOWrapper(stream, "utf-8", newline="\n") as text,
    ):
        _WRITERS[format](samples, text)
    return format != ".csv"


def _write_smi(samples: Iterable[_Molecule], stream: TextIO) -> None:
    for item, known in samples:
        if not item or not item.isascii() or any(c.isspace() or not c.isprintable() for c in item):
            raise DataError(
                f"a .smi file holds one SMILES a line; got {quote(item)}. Write a .csv file, or leave it out."
            )
        stream.write(f"{item}\t{known['id']}\n" if "id" in known else f"{item}\n")


def _write_csv(samples: Iterable[_Molecule], stream: TextIO) -> None:
    stream.write(csv_line(["smiles"]))
    for item, _ in samples:
        if any("\ud800" <= c <= "\udfff" for c in item):
            raise DataError(f"a .csv file holds text in UTF-8; got {quote(item)}, a lone surrogate. Leave it out.")
        stream.write(csv_line([item]))


def _write_sdf(samples: Iterable[_Molecule], stream: TextIO) -> None:
    for item, known in samples:
        molecule = parse(item)
        if molecule is None:
            raise DataError(
                f"a .sdf file holds valid molecules; got {quote(item)}: {flaw(item)} "
                "Write the valid ones, or a .smi file."
            )
        flat = Chem.Mol(molecule)
        rdDepictor.Compute2DCoords(flat)
        flat.SetProp("_Name", known.get("id", ""))
        # An empty line ends a data item.
        data = {"SMILES": item} | {name: " ".join(text.split()) for name, text in known.items() if name != "item"}
        fields = "".join(f">  <{name}>\n{text}\n\n" for name, text in data.items() if text)
        stream.write(f"{Chem.MolToMolBlock(flat)}{fields}$$$$\n")


_WRITERS: dict[str, Callable[[Iterable[_Molecule], TextIO], None]] = {
    ".smi": _write_smi,
    ".csv": _write_csv,
    ".sdf": _write_sdf,
}
