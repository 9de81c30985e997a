"""The whole way on real data, for `make demo`: draw 1,000 molecules, measure them, look at them, audit them.

Everything it makes is in demo-output/, its store too, so that the user's own stays as it is.
"""

import time
from contextlib import closing
from pathlib import Path

import numpy as np

import genwright as gw
from genwright.samples import Samples
from genwright.store import Store
from genwright_molecules.rendering import page

FOLDER = Path("demo-output")
PICTURE, PAGE, FILE = "grid.png", "molecules.html", "molecules.smi"
SHOWN = ["logP", "QED", "SA", "weight"]


def main(model: str = "molecules", n: int = 1_000, folder: Path = FOLDER, metrics: list[str] | None = None) -> None:
    begun = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with closing(gw.open_store(f"sqlite:///{folder.resolve() / 'store.sqlite'}")) as store:
        print(f"Drawing {n:,} molecules with {model} …", flush=True)
        batch = gw.generate(model, n, seed=7, store=store)
        print(f"  {len(batch.valid):,} of {len(batch):,} are valid, {time.monotonic() - begun:.0f} s\n")

        print("Measuring them, beside as many molecules that chemists made (data set nci) …", flush=True)
        print(batch.report(reference="nci", metrics=metrics), "\n")

        show(batch, folder)
        audit(batch, store)
    print(f"\nAll of it is in {folder}/ after {time.monotonic() - begun:.0f} s:")
    print(f"  {PICTURE:<14}  25 of the molecules, as a picture")
    print(f"  {PAGE:<14}  100 of them with their properties; it opens without a network")
    print(f"  {FILE:<14}  the valid ones, as SMILES")
    print("  store.sqlite    every sample with its cause. Look into it:")
    print(f"    genwright samples list --store sqlite:///{folder}/store.sqlite")


def show(batch: Samples[str], folder: Path) -> None:
    """Write the valid molecules to a file, a grid and a page."""
    for name in (PICTURE, PAGE, FILE):
        (folder / name).unlink(missing_ok=True)
    batch.valid.write(folder / FILE)
    batch.valid[:25].render(folder / PICTURE)
    items = batch.valid[:100].items
    values = np.asarray(batch.domain.measure(items, SHOWN)).tolist()
    captions = [dict(zip(SHOWN, row, strict=True)) for row in values]
    (folder / PAGE).write_text(page(items, title=f"Run {batch.run.id}", captions=captions), encoding="utf-8")


def audit(batch: Samples[str], store: Store) -> None:
    """Check the ledger, then draw three of the samples again, each alone."""
    troubles = list(store.verify())
    head = store.info()["head"]
    print(f"Ledger of {head['size']} entries, root {head['root'][:16]}: {len(troubles)} troubles")
    for index in (0, len(batch) // 2, len(batch) - 1):
        print(f"Drawn again: {gw.audit(batch[index], store=store)}")


if __name__ == "__main__":
    main()
