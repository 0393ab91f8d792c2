"""Search a model's settings with Optuna: folds of a trial in parallel, trials one after another."""

import contextlib
import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline import code, models, pace
from pipeline.answers import scored_answers
from pipeline.encoded import Encoded
from pipeline.errors import MEMORY
from pipeline.files import digest_of
from pipeline.fits import Fits
from pipeline.folds import Fold, Folds
from pipeline.journal import Journal
from pipeline.member import Member
from pipeline.metrics import Metric, get_metric
from pipeline.parallel import LOOK, Distributed, Map, OutOfTime, over_cores
from pipeline.plan import Allowance, Decision
from pipeline.problem import Loaded
from pipeline.progress import Progress
from pipeline.tuning import FinishedTrial, Tuned

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

    from pipeline.stage_settings import TuneStage
    from pipeline.studies import Study

# what a trial keeps beside its settings
SECONDS = "seconds"
FITTED = "fitted"  # numbers of the folds whose fits this search made


def tune(
    settings: "TuneStage",
    load: Loaded,
    split: Folds,
    encode: Encoded,
    fits: Fits,
    journal: Journal,
    progress: Progress,
    budget: Allowance | None = None,
) -> Tuned:
    """The best settings of as many trials as the budget allows for; without any, the TOML's.

    A label metric such as accuracy moves in steps of single rows, so the search minimises log loss
    instead. `fits` reads what `encode` gives.
    """
    budget, folds = budget or Allowance(), split.repeat(0)
    targets = [load.y[fold.valid] for fold in folds]
    metric = get_metric(settings.metric, load.problem.task)
    metric = metric.smooth_on(load.problem.outputs, *targets)
    if settings.trials == 0:
        progress.detail("no trials to make: the settings of the TOML")
        return Tuned(settings.member, metric.name, None, (), 0)
    search = Search(settings, fits, folds, metric, len(load.test))
    baseline, greater_is_better = settings.member.settings, metric.greater_is_better
    with journal.study(search.name, settings, baseline, greater_is_better, progress) as study:
        decision = search.run(study, budget, progress)
        tuned = search.end(study, decision)
    report(tuned, decision, metric, progress)
    return tuned


@dataclass(frozen=True)
class Search:
    """What is searched: one member's settings, scored on the folds of the first repeat.

    The fits of the first trial, which has the TOML's settings, and of the best one are kept, so
    that training finds them; those of the others are forgotten.
    """

    settings: "TuneStage"
    fits: Fits
    folds: Sequence[Fold]
    metric: Metric
    test_rows: int

    @property
    def name(self) -> str:
        """It holds a hash of all but the number of trials: more of them go on with the study."""
        identity = [
            self.settings.model_dump(mode="json", exclude={"name", "member", "trials", "metric"}),
            self.metric.name,
            [self.fits.key(self.settings.member, fold).hash for fold in self.folds],
            code.key("pipeline.stages.tune", "pipeline.studies", "pipeline.metrics"),
        ]
        return f"{self.settings.name} {digest_of(identity)[:12]}"

    def member(self, params: Mapping[str, Any]) -> Member:
        """The member with the settings of a trial."""
        member = self.settings.member
        return replace(member, settings={**member.settings, **params})

    def run(self, study: "Study", budget: Allowance, progress: Progress) -> Decision:
        """Trials until their number, or until the budget is used up."""
        if study.give_up_running():  # the kill may have come before others were forgotten
            self.forget_others(study, study.finished)
        asked, done, reason, ran_out = self.settings.trials, 0, "", False
        try:
            expected = 0.0 if study.finished else self.expected_seconds(budget)
            # the first trial has the TOML's settings: only a second one can find better ones
            if budget.affords(min(2, asked) * expected):
                done = self.make_trials(study, budget, progress)
            else:
                reason = budget.too_long("one trial", expected)
        except MEMORY as error:
            if not budget.is_bound:
                raise
            if self.fits.cluster is not None:
                progress.announce(str(error))  # it names the machine
            study.give_up_running()
            self.forget_others(study, study.finished)
            done, ran_out = min(asked, len(study.finished)), True
        decision = budget.settle(done, asked, "trial", reason, ran_out)
        if decision.done > done:  # another run was first to decide
            self.make_trials(study, budget, progress)
        return decision

    def expected_seconds(self, budget: Allowance) -> float:
        """Of one trial, with the settings of the TOML."""
        member = self.settings.member
        return pace.repeat_seconds(self.fits, member, self.folds, self.test_rows, budget)

    def make_trials(self, study: "Study", budget: Allowance, progress: Progress) -> int:
        """Returns how many there are; those of earlier runs count as if they were made now."""
        label, asked, done = self.metric.label, self.settings.trials, 0
        earlier, left = study.finished, budget.left if budget.is_bound else None
        at_once = self.fits.at_once(self.settings.member)
        with (
            self.fits.workers(left, progress, at_once) as parallel_map,
            progress.task("trials", asked) as task,
        ):
            while done < asked and budget.goes_on(done):
                there = study.finished if study.is_shared else earlier
                if done < len(there):
                    budget.earlier += there[done].user_attrs.get(SECONDS, 0.0)
                    if budget.left() <= 0:
                        break
                elif study.is_full(asked):
                    time.sleep(LOOK)
                    continue
                elif not self.make_trial(study, parallel_map, budget):
                    break
                done += 1
                trials = study.finished[:done]
                best = study.best(trials)
                task.advance(f"best {label} {best.value:.4f}" if best else "")
                progress.detail(
                    f"trial {done}: {label} {trials[-1].value:.4f}  {trials[-1].params}"
                )
        # fits of a pruned trial may have been under way until the workers ended
        new = study.finished[len(earlier) :]
        self.forget_others(study, [trial for trial in new if trial.state.name == "PRUNED"])
        return done

    def make_trial(self, study: "Study", parallel_map: Map, budget: Allowance) -> bool:
        """One more trial; the fits of the worse one are forgotten. False where time ran out."""
        before = study.best(study.finished)
        trial = study.ask(models.module(self.settings.member.kind).suggest)
        member = self.member(trial.params)
        self.claim(study, trial, member, budget)
        score = Distributed(
            functools.partial(fold_score, self.fits, self.metric, member),
            functools.partial(self.fits.ask, member),
        )
        try:
            with (
                study.alive(trial),
                contextlib.closing(parallel_map(score, self.folds)) as scores,
            ):
                mean, is_complete = study.report(trial, scores)
        except OutOfTime:
            study.give_up(trial)
            return False
        trial.set_user_attr(
            SECONDS, over_cores(self.seconds(member).values(), self.fits.at_once(member))
        )
        study.finish(trial, mean, is_complete)
        mine = [each for each in study.finished if each.number == trial.number]
        self.forget_others(study, [*mine, *([before] if before else [])])
        return True

    def claim(
        self, study: "Study", trial: "optuna.Trial", member: Member, budget: Allowance
    ) -> None:
        """Note the folds whose fits are this search's own, to be forgotten if the trial is worse.

        What is in the store is another search's or experiment's, or a killed trial of this one.
        """
        found = self.seconds(member)
        budget.earlier += over_cores(found.values(), self.fits.at_once(member))
        own = {fold.number for fold in self.folds} - set(found)
        for other in study.given_up(trial.params):
            own.update(other.user_attrs.get(FITTED, ()))
        trial.set_user_attr(FITTED, sorted(own))

    def seconds(self, member: Member) -> dict[int, float]:
        """By fold, how long the fits took that are in the store."""
        seconds = {fold.number: self.fits.seconds(member, fold) for fold in self.folds}
        return {number: each for number, each in seconds.items() if each is not None}

    def forget_others(self, study: "Study", trials: Sequence["FrozenTrial"]) -> None:
        """Remove this search's own fits of those of these trials that are not among the best."""
        kept = [trial.params for trial in study.best_trials]
        for trial in trials:
            if trial.params not in kept:
                own, member = trial.user_attrs.get(FITTED, ()), self.member(trial.params)
                for fold in self.folds:
                    if fold.number in own:
                        self.fits.forget(member, fold)

    def end(self, study: "Study", decision: Decision) -> Tuned:
        """The best of as many trials as were decided on."""
        trials = study.finished[: decision.done]
        best = study.best(trials)
        if best is not None:
            study.end_with(best)
        kept = [
            FinishedTrial(
                i, t.value, "complete" if t.state.name == "COMPLETE" else "pruned", t.params
            )
            for i, t in enumerate(trials)
        ]
        return Tuned(
            self.member(best.params if best else {}),
            self.metric.name,
            best.value if best else None,
            tuple(kept),
            self.settings.trials,
        )


def fold_score(fits: Fits, metric: Metric, member: Member, fold: Fold) -> float:
    """Fit on a fold's training rows; the score on its validation rows, or on groups of them that
    have one answer."""
    prediction = fits.fit(member, fold).valid
    rows, answers = scored_answers(fits.load.value, fold.valid, prediction)
    return metric.score(fits.y[rows], answers)


def report(tuned: Tuned, decision: Decision, metric: Metric, progress: Progress) -> None:
    """One line: the best score, and what was cut short."""
    if tuned.value is None:
        progress.say(f"the settings of the TOML: {decision.reason}")
        return
    cut = f" of {tuned.asked} trials: {decision.reason}" if decision.is_cut else " trials"
    found = "none beat the TOML" if tuned.value == tuned.trials[0].value else "improved"
    score = f"{metric.label} {tuned.value:.4f} (mean of folds)"
    progress.say(f"{score} after {len(tuned.trials)}{cut}, {found}")
