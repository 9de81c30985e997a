"""Draw images of one class and of a caption, film how some come about, and move from one emoji to another.

python examples/generate_images.py
"""

from pathlib import Path

import genwright as gw
from genwright_images.rendering import film, strip


def main(n: int = 64, folder: Path = Path("images-output")) -> None:
    folder.mkdir(parents=True)
    sneakers = gw.generate("images", n, seed=7, where={"class": "sneaker"})
    sneakers.render(folder / "sneakers.png")

    guided = gw.use("guided", scale=2.0, inner="dpm-solver++")
    hearts = gw.generate("images/emoji", n, seed=7, where={"caption": "red heart"}, sampler=guided)
    hearts.write(folder / "hearts")

    film(gw.trajectory("images", 16, seed=7, where={"class": "bag"}), folder / "bags.gif")

    faces = gw.generate("images/emoji", 2, seed=1, where={"caption": "grinning face"}).items
    strip([gw.interpolate("images/emoji-vae", *faces, 8)]).save(folder / "faces.png")
    print(f"{len(sneakers)} sneakers, {len(hearts)} hearts, a film and a strip are in {folder}")


if __name__ == "__main__":
    main()
