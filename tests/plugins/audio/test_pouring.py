from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genwright.errors import DataError
from genwright_audio import pouring
from genwright_audio.clip import Clip, stepped
from genwright_audio.domain import Audio
from genwright_audio.provenance import is_intact, signed


class Memory(io.BytesIO):
    """A file in memory, with all that open files have."""

    name, mode = "memory", "wb"


class Pipe(Memory):
    """What can only be written to."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError("a pipe has no place")


def wave(length: int, *, seed: int = 0) -> np.ndarray:
    return stepped(np.random.default_rng(seed).uniform(-1, 1, length))


def stages(*waves: np.ndarray, step: int = 30) -> Iterator[tuple[int, Clip]]:
    for number, whole in enumerate(waves):
        for end in (*range(step, len(whole), step), len(whole)):
            yield number, Clip(wave=whole[:end], rate=8000)


@pytest.mark.parametrize("ending", [".wav", ".flac", ".WAV"])
def test_a_file_holds_the_clips_one_after_another(tmp_path: Path, ending: str) -> None:
    path, one, other = tmp_path / f"x{ending}", wave(100), wave(61, seed=1)
    with path.open("xb") as file:
        Audio().pour(stages(one, other), file, ending=ending)
    found, rate = soundfile.read(path, dtype="float32")
    assert rate == 8000
    assert soundfile.info(path).subtype == "PCM_16"
    assert np.array_equal(found, np.concatenate((one, other)))


def test_a_wav_can_be_heard_before_it_ends() -> None:
    """Each stage is there once it is drawn, behind a header that does not say how long it will be."""
    file, lengths = Pipe(), []

    def drawn() -> Iterator[tuple[int, Clip]]:
        for stage in stages(wave(100)):
            yield stage
            lengths.append(len(file.getvalue()))

    Audio().pour(drawn(), file)
    assert lengths == [44 + 2 * end for end in (30, 60, 90, 100)]
    found, _ = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")
    assert np.array_equal(found, wave(100))


@pytest.mark.parametrize("ending", [".wav", ".flac"])
def test_a_file_on_a_disk_grows_while_it_is_drawn(tmp_path: Path, ending: str) -> None:
    path, sizes = tmp_path / f"x{ending}", []

    def drawn() -> Iterator[tuple[int, Clip]]:
        # FLAC is written in blocks of 4,096 samples; of quiet ones, several fit into the buffer of a file.
        for stage in stages(wave(25_000) / 4_096, step=5_000):
            yield stage
            sizes.append(path.stat().st_size)

    with path.open("xb") as file:
        Audio().pour(drawn(), file, ending=ending)
    assert all(earlier < later for earlier, later in pairwise([1_000, *sizes]))
    assert len(sizes) == 5


def test_a_wav_that_ends_says_how_long_it_is() -> None:
    whole, rest = Memory(b"before"), Memory()
    whole.seek(6)
    Audio().pour(stages(wave(100)), whole)
    soundfile.write(rest, wave(100), 8000, "PCM_16", format="WAV")
    assert whole.getvalue() == b"before" + rest.getvalue()


def test_a_wav_of_more_than_its_sizes_can_say_says_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pouring, "_UNKNOWN", 36 + 200)
    whole = Memory()
    Audio().pour(stages(wave(100)), whole)
    assert [int.from_bytes(whole.getvalue()[place:][:4], "little") for place in (4, 40)] == [236, 236]
    assert len(whole.getvalue()) == 44 + 200
    fitting = Memory()
    Audio().pour(stages(wave(99)), fitting)
    assert int.from_bytes(fitting.getvalue()[40:44], "little") == 198


@pytest.mark.parametrize("ending", [".wav", ".flac"])
def test_one_clip_says_what_a_written_one_does(tmp_path: Path, ending: str) -> None:
    path, drawn = (
        tmp_path / f"x{ending}",
        [(0, clip.saying(digit="3", sample="5f1c/0")) for _, clip in stages(wave(100))],
    )
    with path.open("xb") as file:
        Audio().pour(drawn, file, ending=ending)
    (found,) = Audio().read(path)
    assert found == signed(drawn[-1][1], sample="5f1c/0")
    assert is_intact(found)


@pytest.mark.parametrize("ending", [".wav", ".flac"])
def test_several_clips_name_their_run_and_where_each_ends(tmp_path: Path, ending: str) -> None:
    path, waves = tmp_path / f"x{ending}", (wave(100), wave(0), wave(61, seed=1))
    with path.open("xb") as file:
        Audio().pour(
            [(number, clip.saying(digit="3", sample=f"5f1c/{number}")) for number, clip in stages(*waves)],
            file,
            ending=ending,
        )
    (found,) = Audio().read(path)
    assert found.facts == {"digit": "3", "run": "5f1c", "ends": "100 100 161"}
    assert np.array_equal(found.wave, np.concatenate(waves))


@pytest.mark.parametrize("ending", [".wav", ".flac"])
def test_where_drawing_is_stopped_a_file_says_what_is_in_it(tmp_path: Path, ending: str) -> None:
    def drawn(count: int) -> Iterator[tuple[int, Clip]]:
        yield from islice(
            ((number, clip.saying(sample=f"5f1c/{number}")) for number, clip in stages(wave(100), wave(100))), count
        )
        raise KeyboardInterrupt

    for count, size, said in ((2, 60, {"sample": "5f1c/0"}), (5, 130, {"run": "5f1c", "ends": "100"})):
        path = tmp_path / f"{count}{ending}"
        with path.open("xb") as file, pytest.raises(KeyboardInterrupt):
            Audio().pour(drawn(count), file, ending=ending)
        (found,) = Audio().read(path)
        assert (len(found.wave), found.facts) == (size, said)


@pytest.mark.parametrize("ending", [".wav", ".flac"])
def test_what_has_no_room_in_a_comment_is_left_out(tmp_path: Path, ending: str) -> None:
    for name, text, said in (("a", "five", {"text": "five"}), ("b", "ö" * 4_096, {})):
        path = tmp_path / f"{name}{ending}"
        with path.open("xb") as file:
            many = [wave(3, seed=number) for number in range(1_000)]
            drawn = ((number, clip.saying(text=text, sample=f"5f1c/{number}")) for number, clip in stages(*many))
            Audio().pour(drawn, file, ending=ending)
        (found,) = Audio().read(path)
        assert found.facts == {**said, "run": "5f1c"}


@pytest.mark.parametrize("ending", ["", ".flac"])
def test_of_nothing_nothing_is_written(ending: str) -> None:
    file = Memory()
    Audio().pour([], file, ending=ending)
    assert file.getvalue() == b""


def test_another_ending_is_refused() -> None:
    with pytest.raises(DataError, match=r"to \.wav, \.flac or standard output; got '\.mp3'\. Choose one of these"):
        Audio().pour(stages(wave(10)), Memory(), ending=".mp3")
