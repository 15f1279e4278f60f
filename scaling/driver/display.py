"""What a person sees while a study works: the grid as a live table, or plain lines where output is not a
terminal."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from scaling.errors import visible
from scaling.runs.queue import Entry
from scaling.study.resources import Group

LINE_SECONDS = 30.0
STYLES = {"queued": "dim", "running": "bold", "done": "green", "failed": "bold red", "skipped": "red"}


class Display:
    """One line a stage, and the grid while lanes work; use as a context manager around the whole study."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._began = time.monotonic()
        self._seen: dict[str, tuple[str, str]] = {}
        self._last_line = 0.0

    def say(self, text: str) -> None:
        """One line with the time since the start."""
        self.console.print(self._line(text))

    def counting(self, text: str) -> None:
        """A line that is written again in place on a terminal, and every half a minute elsewhere."""
        if self.console.is_terminal:
            self._show(self._line(text))
        elif time.monotonic() - self._last_line > LINE_SECONDS:
            self._last_line = time.monotonic()
            self.say(text)

    def grid(self, entries: Sequence[Entry], group: Group) -> None:
        """Show where every run stands, the time that is left and what was spent."""
        if self.console.is_terminal:
            self._show(grid_table(entries, self.console.size.height - 4, group))
            return
        for entry in entries:
            now = (entry.state, entry.cause)
            if self._seen.get(entry.run.name, ("queued", "")) != now:
                self._seen[entry.run.name] = now
                if entry.state != "queued" or entry.cause:
                    self.say(f"{describe(entry)} ({_count(entries)})")
        if time.monotonic() - self._last_line > LINE_SECONDS:
            self._last_line = time.monotonic()
            for entry in entries:
                if entry.state == "running":
                    self.say(describe(entry))
            self.say(spending(entries, group))

    def close(self) -> None:
        """Leave the last picture on the screen and give the cursor back."""
        if self._live:
            self._live.stop()
            self._live = None

    def _line(self, text: str) -> Text:
        return Text(f"[{clock(time.monotonic() - self._began)}] {visible(text)}")

    def _show(self, picture: Table | Text) -> None:
        if self._live is None:
            self._live = Live(console=self.console, auto_refresh=False)
            self._live.start()
        self._live.update(picture, refresh=True)


def grid_table(entries: Sequence[Entry], rows: int, group: Group) -> Table:
    """The grid as a table of at most `rows` lines: what runs and what failed first, the rest is counted."""
    title = f"{_count(entries)}; {spending(entries, group)}"
    columns = (
        Column("run", no_wrap=True),
        Column("state", no_wrap=True),
        Column(),
    )
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    order = {"failed": 0, "running": 1, "skipped": 2, "done": 3, "queued": 4}
    fits = sorted(entries, key=lambda entry: order[entry.state])[: max(rows, 8)]
    shown = {entry.run.name for entry in fits}
    for entry in entries:
        if entry.run.name in shown:
            cells = (entry.run.name.rpartition("-")[0], entry.state, detail(entry))
            table.add_row(*(Text(visible(cell)) for cell in cells), style=STYLES[entry.state])
    if len(entries) > len(fits):
        table.add_row(Text(f"… and {len(entries) - len(fits)} more"), style="dim")
    return table


def describe(entry: Entry) -> str:
    """Where a run stands in one line."""
    return ": ".join(filter(None, [entry.run.name, entry.state, detail(entry)]))


def detail(entry: Entry) -> str:
    """What there is to say beside the state: step and rate, the main score, or the cause."""
    if entry.state == "running":
        if entry.phase != "training":
            return entry.phase
        return f"step {entry.step:,} of {entry.run.steps:,}, {entry.rate:,.0f} clips/s"
    if entry.state == "done":
        return entry.score
    if entry.state == "queued" and entry.cause:
        return f"to be tried again: {entry.cause}"
    return entry.cause


def spending(entries: Sequence[Entry], group: Group) -> str:
    """The time left and the device-hours spent in this start, from measured rates."""
    now = time.time()
    spent = sum(entry.seconds + (now - entry.began if entry.state == "running" else 0.0) for entry in entries)
    hours = f"{spent * group.workers / 3600:,.2f} {'GPU' if group.gpu else 'CPU'}-hours spent"
    left = seconds_left(entries, now)
    if left is None:
        return hours
    return f"about {clock(left / group.lanes)} left, {hours}"


def seconds_left(entries: Sequence[Entry], now: float) -> float | None:
    """Seconds of one lane that are still to come; None before anything is measured.

    A run takes as long as those of its objective have taken for as much work, or those of all objectives where none
    is done.
    """
    done = [entry for entry in entries if entry.state == "done" and entry.seconds > 0 and entry.run.work]
    if not done:
        return None

    def pace(some: Sequence[Entry]) -> float:
        return sum(entry.seconds for entry in some) / sum(entry.run.work for entry in some)

    paces = {
        objective: pace([entry for entry in done if entry.run.objective_name == objective])
        for objective in {entry.run.objective_name for entry in done}
    }
    left = 0.0
    for entry in entries:
        whole = paces.get(entry.run.objective_name, pace(done)) * entry.run.work
        if entry.state == "queued":
            left += whole
        elif entry.state == "running":
            left += max(whole - (now - entry.began), 0.0)
    return left


def _count(entries: Sequence[Entry]) -> str:
    counts = {state: sum(entry.state == state for entry in entries) for state in STYLES}
    return ", ".join(f"{number} {state}" for state, number in counts.items() if number)


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
