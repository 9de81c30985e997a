"""The whole way on real data, for `make demo`: draw 1,000 molecules, measure them, look at them, audit them.

Everything it makes is in demo-output/, its store too, so that the user's own stays as it is.
"""

import time
from contextlib import closing
from pathlib import Path

import genwright as gw
from genwright.samples import Samples
from genwright.store import Store
from genwright_molecules.rendering import page

FOLDER = Path("demo-output")
SHOWN = ["logP", "QED", "SA", "weight"]
MADE = """
  grid.png        25 of the molecules, as a picture
  molecules.html  100 of them with their properties; it opens without a network
  molecules.smi   the valid ones, as SMILES
  store.sqlite    every sample with its cause. Look into it:"""


def main(model: str = "molecules", n: int = 1_000, folder: Path = FOLDER, metrics: list[str] | None = None) -> None:
    begun = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with closing(gw.open_store(f"sqlite:///{folder.resolve() / 'store.sqlite'}")) as store:
        print(f"Drawing {n:,} molecules with {model} …", flush=True)
        batch = gw.generate(model, n, seed=7, store=store)
        print(f"  {len(batch.valid):,} of {len(batch):,} are valid, {time.monotonic() - begun:.0f} s\n")
        print("Measuring them, beside as many molecules that chemists made (data set nci) …", flush=True)
        print(batch.report(reference="nci", metrics=metrics), "\n")
        show(batch.valid, folder / "molecules.smi", folder / "grid.png", folder / "molecules.html")
        audit(batch, store)
    print(f"\nAll of it is in {folder}/ after {time.monotonic() - begun:.0f} s:{MADE}")
    print(f"    genwright samples list --store sqlite:///{folder}/store.sqlite")


def show(valid: Samples[str], file: Path, picture: Path, web: Path) -> None:
    """Write the valid molecules to a file, a grid and a page."""
    for path in (file, picture, web):
        path.unlink(missing_ok=True)
    valid.write(file)
    valid[:25].render(picture)
    captions = [dict(zip(SHOWN, row, strict=True)) for row in valid.domain.measure(valid[:100].items, SHOWN).tolist()]
    web.write_text(page(valid[:100].items, title=f"Run {valid.run.id}", captions=captions), encoding="utf-8")


def audit(batch: Samples[str], store: Store) -> None:
    """Check the ledger, then draw three of the samples again, each alone."""
    troubles, head = list(store.verify()), store.info()["head"]
    print(f"Ledger of {head['size']} entries, root {head['root'][:16]}: {len(troubles)} troubles")
    for index in (0, len(batch) // 2, len(batch) - 1):
        print(f"Drawn again: {gw.audit(batch[index], store=store)}")


if __name__ == "__main__":
    main()
