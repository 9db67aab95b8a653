"""Names cannot control the terminal: ESC, C1 controls, bidirectional overrides."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

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
