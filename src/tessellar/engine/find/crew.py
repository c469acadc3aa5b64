"""Who does the stages of a run, and what is kept of them: reports, failures, sentences for people."""

from __future__ import annotations

from dataclasses import dataclass, field

from tessellar.compiled import nothing_compiled
from tessellar.engine.executors import Executor
from tessellar.engine.journal import Journal
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import StageReport, run_stage
from tessellar.model import Failure, Observer, Stage


@dataclass(slots=True, eq=False)
class Crew:
    """The workers of a run, its memory, and its log.

    Attributes
    ----------
    executor
        Who works.
    partials
        Where results lie.
    journal
        What is done already.
    observer
        Who is told.
    reports
        What each stage did, so far.
    warnings
        Sentences for people, so far.
    """

    executor: Executor
    partials: PartialStore
    journal: Journal | None = None
    observer: Observer | None = None
    reports: list[StageReport] = field(init=False, default_factory=list)
    warnings: list[str] = field(init=False, default_factory=list)

    def apart(self, name: str) -> Crew:
        """Return the same workers for stages that are cheap enough to be done again after an interruption.

        What they did is told among the reports and warnings of this crew; ``name`` is the folder of their results.
        """
        partials = PartialStore(self.partials.folder.with_name(name))
        partials.clear()
        crew = Crew(self.executor, partials, None, self.observer)
        crew.reports, crew.warnings = self.reports, self.warnings
        return crew

    def do(self, stage: Stage) -> StageReport:
        """Run a stage and keep its report."""
        if self.observer is not None and not self.reports and nothing_compiled():
            self.observer.say(
                "The first run on this machine takes a minute longer: its kernels are compiled once."
            )
        report = run_stage(
            stage,
            executor=self.executor,
            partials=self.partials,
            journal=self.journal,
            observer=self.observer,
        )
        self.keep(report)
        return report

    def keep(self, report: StageReport) -> None:
        """Keep the report of a stage, and say what failed."""
        self.reports.append(report)
        for failure in report.failed:
            self.warn(f"{failure.stage} {failure.unit} failed after {failure.tries} tries: {failure.reason}")

    def warn(self, text: str) -> None:
        """Keep a sentence among the warnings of the run, and say it."""
        self.warnings.append(text)
        if self.observer is not None:
            self.observer.say(text)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Units that were given up."""
        return tuple(failure for report in self.reports for failure in report.failed)
