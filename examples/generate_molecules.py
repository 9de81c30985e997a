"""Draw molecules, measure them, and keep the valid ones in a file and a picture.

python examples/generate_molecules.py
"""

from pathlib import Path

import genwright as gw


def main(model: str = "molecules", n: int = 100, folder: Path = Path("molecules-output")) -> None:
    batch = gw.generate(model, n, seed=7)
    print(batch.report(metrics=["validity", "unique-1k", "diversity", "filters"]))

    folder.mkdir(parents=True, exist_ok=True)
    batch.valid.write(folder / f"{batch.run.id}.smi")
    first = batch.valid[:25]
    first.render(folder / f"{batch.run.id}.png", legends=[f"sample {sample.index}" for sample in first])
    print(f"{len(batch.valid)} molecules are in {folder}; the store has all {len(batch)}, as run {batch.run.id}")


if __name__ == "__main__":
    main()
