"""Draw spoken digits, play them to files and to a page, and draw one again from what the store has of it.

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

    print(f"{len(threes)} threes and {len(theo)} sevens are in {folder}")
    print(gw.audit(threes[0]))


if __name__ == "__main__":
    main()
