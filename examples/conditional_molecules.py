"""Ask for molecules of a certain lipophilicity, and see how closely the model follows.

python examples/conditional_molecules.py
"""

from collections.abc import Sequence

import numpy as np

import genwright as gw

TARGETS = (0.5, 1.5, 2.5, 3.5, 4.5)
SULFONAMIDE = "c1ccc(S(=O)(=O)N"


def main(model: str = "molecules", n: int = 64, targets: Sequence[float] = TARGETS, start: str = SULFONAMIDE) -> None:
    print("asked  got (mean and deviation)  mean absolute error")
    for target in targets:
        # The same seed each time: what differs between the rows is the condition alone.
        valid = gw.generate(model, n, seed=7, where={"logP": target}).valid
        got = valid.domain.measure(valid.items, ["logP"])[:, 0]
        print(f"{target:5.1f}  {got.mean():5.2f} ± {got.std():.2f}              {np.abs(got - target).mean():.2f}")

    both = gw.generate(model, 4, seed=7, where={"logP": 2.0, "prefix": start})
    print(f"\nasked for logP 2 and a start of {start}:", *both.valid.items, sep="\n  ")


if __name__ == "__main__":
    main()
