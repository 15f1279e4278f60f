"""Names as they stand in each format, so that none of them is taken for markup or for a command.

HTML is escaped by the templates' engine, cells of CSV by `scores.csv_file`. Names come without control characters
(`scores.cells`).
"""

import re
import shlex
from collections.abc import Callable
from typing import Any

from scaling.errors import steers, visible

# What Markdown reads anywhere; what it reads at the start of a line; what HTML inside it would be.
_MARKS = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)|<")
_STARTS = re.compile(r"([#>+=-]|\d+[.)])(?=\s|$|[#>+=-])|>")
_ENTITIES = {"<": "&lt;", "&": "&amp;"}

_TEX = str.maketrans({
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "`": r"\textasciigrave{}",
    "→": r"$\to$", "−": "$-$", "½": r"$\frac12$",
})  # fmt: skip


def markdown(text: str) -> str:
    """Text for Markdown, in a paragraph, a heading, a list or a table; plain names stay as they are."""
    text = _MARKS.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), text.strip())
    start = _STARTS.match(text)
    if start is None:
        return text
    end = start.end() - 1  # of "1." the point is what counts
    return f"{text[:end]}\\{text[end:]}"


def latex(text: str) -> str:
    """Text for LaTeX, outside of mathematics."""
    return text.translate(_TEX)


def drawn(text: str, most: int = 60) -> str:
    """Text for a figure, in which `$` is a dollar; of more than `most` letters the middle is left out."""
    shown = visible(text, most).replace("$", r"\$")
    # A label that begins with _ is none to Matplotlib's legends.
    return f" {shown}" if shown.startswith("_") else shown


def command(*words: str) -> str:
    """A command to be copied into a shell: words that it would read otherwise are quoted."""
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if not steers(word):
        return shlex.quote(word)
    plain = word.encode("utf-8", "surrogateescape").decode("latin-1").encode("unicode_escape").decode()
    return "$'" + plain.replace("'", r"\'") + "'"


def everywhere(content: Any, escape: Callable[[str], str]) -> Any:
    """Content of a page with every text in it escaped; keys stay as they are."""
    if isinstance(content, str):
        return escape(content)
    if isinstance(content, dict):
        return {key: everywhere(value, escape) for key, value in content.items()}
    if isinstance(content, list):
        return [everywhere(value, escape) for value in content]
    if isinstance(content, tuple):
        return tuple(everywhere(value, escape) for value in content)
    return content
