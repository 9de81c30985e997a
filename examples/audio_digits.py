"""Draw spoken digits, play them from files and a page, have one go on as another, and draw one again from the store.

python examples/audio_digits.py
"""

from pathlib import Path

import genwright as gw


def main(n: int = 4, folder: Path = Path("audio-output")) -> None:
    folder.mkdir(parents=True)
    threes = gw.generate("audio", n, seed=7, where={"digit": "3"})
    threes.write(folder / "threes")
    threes[:1].write(folder / "three.wav")

    theo = gw.generate("audio", n, seed=8, where={"text": "seven", "speaker": "theo"})
    theo.render(folder / "sevens.html", legends=[f"seven, by theo, {sample.id}" for sample in theo])
    theo.render(folder / "sevens.png")

    # The first 0.15 s of one of them are kept, and what follows is drawn anew.
    model = gw.load("audio")
    begun = (theo[0].item, model.encoder.free(0.15))
    gw.generate(model, n, seed=9, where={"speaker": "theo"}, known=begun).write(folder / "continued")

    print(f"{len(threes)} threes, {len(theo)} sevens and {n} that go on from one of them are in {folder}")
    print(gw.audit(threes[0]))


if __name__ == "__main__":
    main()
