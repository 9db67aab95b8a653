"""Names cannot control the terminal: ESC, C1 controls, bidirectional overrides."""

import io
import platform
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alexnet.runtime.terminal import visible, visible_name


def test_controls_become_their_escapes() -> None:
    assert visible("\x1b[31mred\x07 \x9b2J \x7f") == "\\x1b[31mred\\x07 \\x9b2J \\x7f"
    assert visible("a\rb\u202egpj.exe\u2066") == "a\\rb\\u202egpj.exe\\u2066"
    assert visible("two\n\tlines") == "two\n\tlines"
    assert visible_name("two\n\tlines\u2028") == "two\\n\\tlines\\u2028"
    assert visible("\udce9") == "\\udce9"


def test_words_of_all_languages_stay() -> None:
    for text in ("café", "数字", "חתול", "👩\u200d👩\u200d👧", "नमस्ते\u200c", "a\\x1b"):
        assert visible_name(text) == text


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    assert not [c for c in visible_name(text) if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert not [c for c in visible(text) if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in "\n\t"]
    assert not [c for c in visible(text) if unicodedata.bidirectional(c) in ("LRO", "RLO", "LRE", "RLE", "PDF", "LRI", "RLI", "FSI", "PDI")]


DECODES = """
import os, sys
from alexnet.data.images.decode import decode
from alexnet.errors import UnreadableImage
from alexnet.runtime.terminal import silence_c_libraries
if sys.argv[1] == "silent":
    silence_c_libraries()
for path in sys.argv[2:]:
    try:
        decode(open(path, "rb").read(), path)
    except UnreadableImage:
        pass
print("of Python", file=sys.stderr)
os.write(2, b"of the descriptor")
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="done for glibc only")
def test_decoders_are_silent_and_python_is_not(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(buffer, "TIFF", compression="tiff_adobe_deflate")
    tiff = bytearray(buffer.getvalue())
    tiff[20:40] = bytes(20)
    (tmp_path / "a.tif").write_bytes(tiff)
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(buffer, "JPEG")
    (tmp_path / "b.jpg").write_bytes(buffer.getvalue()[:-2] + bytes(100) + b"\xff\xd9")

    def said(how: str) -> str:
        command = [sys.executable, "-c", DECODES, how, str(tmp_path / "a.tif"), str(tmp_path / "b.jpg")]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr

    assert said("silent") == "of Python\nof the descriptor"
    assert {"ZIPDecode", "Corrupt JPEG data"} <= {line.split(":")[0] for line in said("loud").splitlines()}  # or nothing was tested
