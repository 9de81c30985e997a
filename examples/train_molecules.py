"""Train a small model on the five thousand molecules that come with RDKit, and draw from it.

    python examples/train_molecules.py

Half a minute on one core is enough to see that it works, and far too little for a good model: recipes/ has that.
"""

from pathlib import Path

import genwright as gw

RECIPE = gw.Recipe(
    domain="molecules",
    data="nci",
    conditions=("logP",),
    encoder=gw.use("smiles", length=48),
    family=gw.use("autoregressive"),
    backbone=gw.use("transformer", width=96, depth=2, heads=4),
    steps=120,
    batch_size=64,
    optimizer="muon",
    learning_rate=0.02,
    warmup=10,
    average=0.9,
    held_out=0.02,
    seed=0,
)


def main(recipe: gw.Recipe = RECIPE, folder: Path | None = None) -> None:
    model = gw.train(recipe, name="molecules/first", folder=folder, log_every=20, on_report=print)
    # Without the grammar, which lets valid molecules through alone, one sees what the model itself has learned.
    for sampler in ("temperature", "grammar"):
        batch = gw.generate(model, 50, seed=7, sampler=sampler)
        print(f"\n{sampler}: {len(batch.valid)} of {len(batch)} are valid, such as", *batch.valid.items[:5], sep="\n  ")


if __name__ == "__main__":
    main()
