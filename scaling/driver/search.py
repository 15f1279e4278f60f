"""One start of a search of learning rates: the corpus as for any study, parents, trials, and the file of rates."""

from dataclasses import fields
from functools import cached_property
from typing import Any

from scaling.driver.display import Display, clock
from scaling.driver.signals import Signals, StoppedError
from scaling.driver.start import Start
from scaling.errors import StudyError
from scaling.runs.folder import StudyFolder
from scaling.runs.provenance import source_hash
from scaling.runs.rate_search import Asked, RateSearch, Space
from scaling.runs.trial import Trial
from scaling.storage.files import replacing
from scaling.study.options import Options
from scaling.study.rates import Found, Rate, rate_of, rates_text
from scaling.study.study import Cell, Study

RATES = "rates.json"


class Parents(Study):
    """Of a study the supervised runs that others start from."""

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        # Not the study's own runs: their rates are what is searched.
        every = super().cells
        names = {cell.run.initialization.parent for cell in every} - {""}
        return tuple(cell for cell in every if cell.run.name in names)

    @classmethod
    def of(cls, study: Study) -> "Parents":
        return cls(**{each.name: getattr(study, each.name) for each in fields(study)})


class SearchStart(Start):
    """One start of a search: everything before the grid is a study's; in the grid's place stand trials."""

    def __init__(self, study: Study, options: Options, space: Space, display: Display, signals: Signals) -> None:
        space.check()
        if options.group_workers > 1:
            raise StudyError(f"--group-workers {options.group_workers}: a trial has one worker, leave it out")
        super().__init__(study, options, display, signals)
        self.space = space

    def _grid_and_report(self, tracker: Any) -> int:
        from scaling.cluster.search import search_rates
        from scaling.record.searches import SearchRecord

        if failed := self._parents(tracker):
            return failed
        folder = self.folder.with_checkpoints(self.study.checkpoints)
        search = RateSearch([cell for cell in self.study.cells if self._is_under_study(cell)], self.space)
        record = SearchRecord(tracker, folder, source_hash())
        done, busy, begun = 0, 0.0, set[str]()

        def begin(asked: Asked) -> None:
            begun.add(asked.trial.run.name)
            folder.run(asked.trial.run.name).begin(asked.trial)

        def told(asked: Asked, trial: Trial | None, cause: str) -> None:
            nonlocal done, busy
            done += 1
            busy += trial.seconds if trial is not None and asked.trial.run.name in begun else 0.0
            if trial is not None:
                record.ended(asked.trial, trial)
            place, came = search.places[asked.place], _came(trial, cause)
            self.display.say(f"{done}/{search.total} {place.arm} at {place.clips:,}: rate {asked.rate:g}, {came}")

        try:
            with self._stage("search"):
                beside = search_rates(search, folder, self.options.resources(), begin, told)
        finally:
            # Tune may have taken them over.
            self.signals.install()
        if self.signals.arrived:
            raise StoppedError(self.signals.arrived)
        if begun:
            seconds = self.stages["search"]
            overhead = 1 - busy / (beside * seconds)
            self.display.say(
                f"{len(begun)} trials, {beside} side by side, in {clock(seconds)}: {overhead:.0%} of it orchestration"
            )
        return self._settle(search, record, folder)

    def _parents(self, tracker: Any) -> int:
        """Do the supervised runs that trials start from; 1 where one failed."""
        from scaling.driver.watch import Grid
        from scaling.record.recorder import Recorder

        parents = Parents.of(self.study)
        if not parents.cells:
            return 0
        grid = Grid(parents, self.folder, self.display)
        recorder = Recorder(tracker, parents.cells, self.folder, {"started_by": source_hash()}, self.display.say)
        try:
            entries = grid.work(self.options.resources(), recorder, self.signals, self.stages)
            if self.signals.arrived:
                raise StoppedError(self.signals.arrived)
            recorder.settle([run for run in parents.runs if self.folder.run(run.name).done], entries)
        finally:
            grid.close(wait=not self.signals.arrived)
        undone = [entry for entry in entries if entry.state != "done"]
        for entry in undone:
            self.display.say(f"{entry.run.name}: {entry.state}: {entry.cause}")
        return 1 if undone else 0

    @staticmethod
    def _is_under_study(cell: Cell) -> bool:
        return not cell.reference and cell.run.objective.targets == "captions"

    def _settle(self, search: RateSearch, record: Any, folder: StudyFolder) -> int:
        """Write the file of rates, record the search, and say what was found."""
        self.display.close()
        rates, problems = found_rates(search)
        text = rates_text(rates) if rates else ""
        if text:
            with replacing(folder.path / RATES) as temporary:
                temporary.write_text(text)
        if not record.settle(text):
            self.display.say("not all of it is in MLflow: the same command sends the rest once it answers")
        for rate in rates:
            for one in rate.found:
                self.display.say(f"{rate.arm} at {one.clips:,} clips: {one.learning_rate:g}{_edge(one)}")
        for problem in problems:
            self.display.say(problem)
        if rates:
            self.display.say(f"rates: {folder.path / RATES}, for --learning-rates of every study")
        return 1 if problems else 0


def found_rates(search: RateSearch) -> tuple[list[Rate], list[str]]:
    """What a search has found of each arm, and what it has not: a line for each arm and size."""
    rates: dict[str, Rate] = {}
    problems = []
    for place in search.places:
        run = place.cells[0].run
        where = f"{place.arm} at {place.clips:,} clips"
        if run.name in search.failed:
            problems.append(f"{where}: a trial failed: {search.failed[run.name]}")
        elif (found := search.found(place)) is None:
            problems.append(f"{where}: every rate diverged, down to {search.space.lowest:g}: search lower ones")
        else:
            before = rates[place.arm].found if place.arm in rates else ()
            rates[place.arm] = rate_of(run, place.arm, (*before, found))
    return list(rates.values()), problems


def _came(trial: Trial | None, cause: str) -> str:
    """What came of a trial, in words."""
    if trial is None:
        return f"failed: {cause}"
    return f"diverged: {trial.diverged}" if trial.holdout_loss is None else f"loss {trial.holdout_loss:.4f}"


def _edge(found: Found) -> str:
    """What is said of an optimum on the edge of the range."""
    beyond = {"lowest": "lower", "highest": "higher"}.get(found.edge)
    diverged = f"; {found.diverged} of {found.tried} rates diverged" if found.diverged else ""
    return (f", the {found.edge} that was tried: search {beyond} ones" if beyond else "") + diverged
