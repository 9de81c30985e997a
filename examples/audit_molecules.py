"""Find out of a recorded molecule where it came from, and draw it again from that cause.

python examples/audit_molecules.py
"""

from contextlib import closing

import genwright as gw


def main(model: str = "molecules", n: int = 20) -> None:
    batch = gw.generate(model, n, seed=7, where={"logP": 2.5})
    molecule = batch.valid[0]
    print(molecule.canonical, molecule.identity)

    with closing(gw.open_store()) as store:
        run = store.run(batch.run.id)
        print(f"drawn by {run.model}, weights {run.checkpoint[:12]}, seed {run.seed}, index {molecule.index}")
        print(f"asked for {run.config['where']}, by sampler {run.config['sampler']}")
        print(
            f"with Python {run.environment.python} on {run.environment.platform}, {run.environment.packages['torch']}"
        )

        troubles = list(store.verify())
        print(f"the ledger says that {troubles or 'nothing'} was changed since")

    print("drawn again alone:", gw.audit(molecule))
    outcomes = [verdict.outcome for verdict in gw.replay(batch.run.id)]
    print(f"drawn again all: {outcomes.count('identical')} of {len(outcomes)} identical")


if __name__ == "__main__":
    main()
