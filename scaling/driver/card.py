"""The data card of a store: a page in Markdown, tables and figures."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import polars as pl
from matplotlib.figure import Figure

from scaling.analysis.report.escapes import drawn
from scaling.data.card import FIRST_CAPTIONS, Card, card
from scaling.data.description import read_store_file
from scaling.data.sources.known import known_source
from scaling.errors import StudyError, visible
from scaling.storage.files import Location
from scaling.storage.published import publish

FILES = ("card.md", "card-sizes.csv", "card-rejects.csv", "figures/card-sources.png", "figures/card-domains.png")
PART = "card"


def write_card(folder: Location, sizes: Sequence[int], out: Location) -> Location:
    """Write the data card of a store into a folder that may hold other things; returns where card.md lies.

    Raises `StudyError` where the store is not prepared, or `out` is another store's.
    """
    there = read_store_file(folder)
    if there is None:
        raise StudyError(f"no store in {folder}")
    publish(out, f"the store {there.fingerprint}", PART, card_files(folder, sizes))
    return out / "card.md"


def card_files(folder: Location, sizes: Sequence[int]) -> dict[str, bytes]:
    """The files of a data card by their names. The same store and sizes give the same bytes."""
    found = card(folder, sizes)
    return {
        "figures/card-sources.png": _picture(found, "source"),
        "figures/card-domains.png": _picture(found, "domain"),
        "card-sizes.csv": found.sizes.write_csv(float_precision=4).encode(),
        "card-rejects.csv": found.rejects.write_csv().encode(),
        "card.md": _page(found).encode(),
    }


def _page(found: Card) -> str:
    lines = ["# Data card", ""]
    lines += ["Subsets are nested: a size is the first so many usable clips by rank.", ""]
    sizes = found.sizes
    lines += _table(["", *(f"{size:,} clips" for size in sizes["clips"])], [
        [name, *map(_number, sizes[name])] for name in sizes.columns[1:]
    ])  # fmt: skip
    lines += ["", f"distinct-n: different n-grams over all, of the first {FIRST_CAPTIONS:,} captions.", ""]
    for kind in ("source", "domain"):
        lines += [f"## Clips by {kind}", "", f"![clips by {kind}](figures/card-{kind}s.png)", ""]
        some = found.shares.filter(kind=kind)
        names = some["name"].unique().sort().to_list()
        counts = {(row["size"], row["name"]): row["clips"] for row in some.iter_rows(named=True)}
        rows = [[_cell(name), *(f"{counts.get((size, name), 0):,}" for size in sizes["clips"])] for name in names]
        lines += [*_table([kind, *(f"{size:,}" for size in sizes["clips"])], rows), ""]
    lines += ["## Left out", ""]
    rejects = found.rejects
    rows = [
        [_cell(row["source"]), row["stage"], _cell(row["reason"]), f"{row['clips']:,}"] for row in rejects.to_dicts()
    ]
    lines += _table(["source", "stage", "reason", "clips"], rows) if rows else ["Nothing."]
    known = [(name, known_source(name)) for name in found.shares.filter(kind="source")["name"].unique().sort()]
    rows = [[_cell(name), one.title, one.style, one.licence, one.manifest] for name, one in known if one is not None]
    if rows:
        lines += ["", "## Sources", "", *_table(["source", "corpus", "captions", "licence", "from"], rows)]
    return "\n".join(lines) + "\n"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _cell(text: str) -> str:
    return visible(text, 100).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")


def _number(value: Any) -> str:
    if isinstance(value, int) or value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _picture(found: Card, kind: str) -> bytes:
    """Shares of the clips, size by size: every prefix has the mixture of the whole."""
    some = found.shares.filter(kind=kind)
    names = some["name"].unique().sort().to_list()
    sizes = some["size"].unique().sort().to_list()
    colours = matplotlib.colormaps["tab20"].resampled(max(len(names), 1))
    figure = Figure(figsize=(6.4, 0.6 + 0.5 * len(sizes) + 0.19 * len(names)), layout="constrained")
    axes = figure.subplots()
    left = [0.0] * len(sizes)
    for number, name in enumerate(names):
        of_it = dict(some.filter(name=name).select("size", "clips").iter_rows())
        shares = [of_it.get(size, 0) / _clips(some, size) for size in sizes]
        axes.barh(range(len(sizes)), shares, left=left, label=drawn(name), color=colours(number), edgecolor="white")
        left = [before + share for before, share in zip(left, shares, strict=True)]
    axes.set_yticks(range(len(sizes)), [f"{size:,}" for size in sizes])
    axes.set(xlim=(0, 1), xlabel="share of the clips", ylabel="clips")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
    content = io.BytesIO()
    figure.savefig(content, format="png", facecolor="white", dpi=120, metadata={"Software": None})
    return content.getvalue()


def _clips(some: pl.DataFrame, size: int) -> int:
    return int(some.filter(size=size)["clips"].sum())
