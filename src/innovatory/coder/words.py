"""The terms of a text, by script.

Where a script has spaces: words, pairs of words, and the beginnings of long words, which inflected
forms share. Where it has none (Chinese, Japanese, Thai, Lao, Khmer, Burmese): runs of two and three
characters. Korean gets words and runs of two. The script is decided run by run, so that a text in
two scripts is read right in both. No list of stop words: what is frequent everywhere weighs little
anyway, in any language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

# Marks that belong to words though Python's \w leaves them out: accents written apart, and the
# vowel signs of the scripts of South and South-East Asia.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0981-\u0d63\u0e31-\u0e4e\u0eb1-\u0ece\u0f71-\u0fbc\u102b-\u109d\u17b4-\u17dd"
)
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
_WORD = re.compile(rf"(?:\w|[{_MARKS}])+")
_RUN = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)|(?P<hangul>[{_HANGUL}]+)|[^{_UNSPACED}{_HANGUL}]+"
)
_ASCII_WORD = re.compile(r"\w\w+", re.ASCII)
_BEGINNING = 5

Span = tuple[str, int, int]


def terms(text: str) -> list[str]:
    """The terms of a text, lower case, repeated as often as they occur; order means nothing.

    >>> terms("Smart bus lanes")
    ['smart', 'bus', 'lanes', 'smart bus', 'bus lanes']
    >>> terms("mobility"), terms("서울시")
    (['mobility', 'mobil*'], ['서울시', '서울', '울시'])
    >>> terms("東京都 AI")
    ['ai', '東京', '京都', '東京都']
    """
    if text.isascii():
        words = _ASCII_WORD.findall(text.lower())
        pairs = [f"{a} {b}" for a, b in pairwise(words)]
        return words + [f"{w[:_BEGINNING]}*" for w in words if len(w) > _BEGINNING] + pairs
    return [term for term, _, _ in spans(text)]


def spans(text: str) -> list[Span]:
    """The terms of a text as (term, start, end): each stands in `text[start:end]`.

    >>> spans("A bus lane")
    [('bus', 2, 5), ('lane', 6, 10), ('bus lane', 2, 10)]
    """
    words: list[Span] = []
    parts: list[Span] = []
    for word in _WORD.finditer(text):
        for run in _RUN.finditer(word.group()):
            piece, start = run.group(), word.start() + run.start()
            if run["unspaced"]:
                parts += _grams(piece, start, (2, 3) if len(piece) > 1 else (1,))
            elif len(piece) > 1:
                lower, end = piece.lower(), start + len(piece)
                words.append((lower, start, end))
                if run["hangul"]:
                    parts += _grams(piece, start, (2,)) if len(piece) > 2 else ()
                elif len(lower) > _BEGINNING:
                    parts.append((f"{lower[:_BEGINNING]}*", start, end))
    pairs = [(f"{a} {b}", start, end) for (a, start, _), (b, _, end) in pairwise(words)]
    return words + parts + pairs


def _grams(piece: str, start: int, lengths: tuple[int, ...]) -> Iterator[Span]:
    for length in lengths:
        for at in range(len(piece) - length + 1):
            yield piece[at : at + length], start + at, start + at + length
