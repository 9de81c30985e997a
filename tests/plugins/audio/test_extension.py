"""In processes of their own: what is imported once cannot be imported anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

USE = """
import sys
sys.path.insert(0, {folder!r})
from genwright_audio.extension import torchaudio
print(torchaudio().NAME, torchaudio() is torchaudio(), torchaudio()._extension.__dict__.get("real", "stub"))
"""


def said(folder: Path, program: str = USE) -> subprocess.CompletedProcess[str]:
    program = f"import sys; sys.path[:] = {sys.path!r}\n" + program.format(folder=str(folder))
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def package(folder: Path, extension: str) -> Path:
    (folder / "torchaudio" / "_extension").mkdir(parents=True)
    (folder / "torchaudio" / "__init__.py").write_text(
        "NAME = 'torchaudio'\nfrom . import _extension\nfrom ._extension import _IS_TORCHAUDIO_EXT_AVAILABLE\n"
    )
    (folder / "torchaudio" / "_extension" / "__init__.py").write_text(extension)
    return folder


@pytest.mark.parametrize("error", ["OSError('libcudart.so')", "RuntimeError('version mismatch')", "ImportError('x')"])
def test_an_extension_that_cannot_load_is_replaced(tmp_path: Path, error: str) -> None:
    done = said(package(tmp_path, f"raise {error}\n"))
    assert (done.stdout, done.stderr) == ("torchaudio True stub\n", "")


def test_one_that_loads_is_used(tmp_path: Path) -> None:
    done = said(package(tmp_path, "real = 'real'\n_IS_TORCHAUDIO_EXT_AVAILABLE = True\n"))
    assert (done.stdout, done.stderr) == ("torchaudio True real\n", "")


def test_torchaudio_that_is_not_there_is_no_stub(tmp_path: Path) -> None:
    hidden = "sys.modules['torchaudio'] = None\n"
    done = said(tmp_path, USE.replace("from genwright_audio", hidden + "from genwright_audio", 1))
    assert "ImportError" in done.stderr or "ModuleNotFoundError" in done.stderr


def test_the_parts_in_plain_pytorch_work() -> None:
    from genwright_audio.extension import torchaudio

    filters = torchaudio().functional.melscale_fbanks(129, 0.0, 4_000.0, 20, 8_000)
    assert filters.shape == (129, 20)


def test_threads_that_ask_at_once_get_one_module(tmp_path: Path) -> None:
    program = USE.partition("print")[0] + (
        "import threading\n"
        "found = []\n"
        "threads = [threading.Thread(target=lambda: found.append(torchaudio())) for _ in range(8)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "print(len(found), len(set(map(id, found))), found[0].NAME)\n"
    )
    done = said(package(tmp_path, "import time\ntime.sleep(0.05)\nraise OSError('x')\n"), program)
    assert (done.stdout, done.stderr) == ("8 1 torchaudio\n", "")
