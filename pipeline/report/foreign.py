"""Predictions from elsewhere: how good they are beside ours, and whether they may have seen y.

Out-of-fold predictions that were made elsewhere cannot be proven to be out of fold. Two signs that
they are not: they are far better than anything fitted here, fold after fold; and they are surer of
the training rows, or spread wider there, than of the test rows, which no model has seen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from pipeline import figures, page
from pipeline.exploration.strength import FoldedTarget
from pipeline.foreign import Origin
from pipeline.metrics import Estimate
from pipeline.metrics.classes import row_log_loss
from pipeline.metrics.values import squared_error
from pipeline.report.alarm import Alarm
from pipeline.report.evidence import Evidence
from pipeline.training import Trained
from pipeline.wording import count

TITLE = "Predictions from elsewhere"
ODD = 5.0  # standard errors
LESS = 0.3  # of our best model's loss: what another model of the same columns hardly saves
FEWEST_ROWS = 50  # on either side, to compare how sure predictions are


@dataclass(frozen=True)
class Outside:
    """Predictions from elsewhere on the rows that folds validate, beside our best model `rival`.

    `saved` is how much less loss they have, a row, and `less` the share of the rival's; they are
    better in `wins` (of our folds, and how many these are). `surer` is how much surer they are of
    train than of test, beyond the rival, in standard errors. Without a model of ours, none is.
    """

    name: str
    origin: Origin
    score: float
    rival: str | None = None
    saved: Estimate | None = None
    less: float = 0.0
    wins: tuple[int, int] = (0, 0)
    surer: float | None = None

    @property
    def errors(self) -> float:
        """What is saved, in its standard errors; 0 where that is nothing."""
        if self.saved is None or not self.saved.standard_error > 0:
            return 0.0
        return self.saved.score / self.saved.standard_error

    @property
    def is_too_good(self) -> bool:
        return self.errors > ODD and self.less > LESS

    @property
    def has_seen(self) -> bool:
        """Whether it is odd both ways: as models are that were fitted on the rows they predict."""
        return self.surer is not None and self.surer > ODD and self.errors > ODD


@dataclass(frozen=True)
class Outsiders:
    """The best first."""

    found: tuple[Outside, ...]


def compute(evidence: Evidence) -> Outsiders | None:
    """None where all models are fitted here."""
    if not evidence.foreign:
        return None
    y = evidence.load.y[evidence.rows]
    losses = {name: row_losses(y, evidence.validated(name)).mean() for name in evidence.fitted}
    rival = min(losses, key=lambda name: losses[name], default=None)
    found = [_outside(name, rival, evidence) for name in evidence.foreign]
    return Outsiders(tuple(sorted(found, key=lambda each: -evidence.metric.sign * each.score)))


def row_losses(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """y (n,), prediction (n, k) -> (n,): log loss of classes, squared error of values."""
    of_row = squared_error if prediction.shape[1] == 1 else row_log_loss
    return of_row(y, prediction)


def _outside(name: str, rival: str | None, evidence: Evidence) -> Outside:
    found, y = evidence.foreign[name], evidence.load.y[evidence.rows]
    origin, theirs = found.origin, evidence.validated(name)
    assert origin is not None
    about = name, origin, evidence.metric.score(evidence.validated_y, theirs)
    if rival is None:
        return Outside(*about)
    before = row_losses(y, evidence.validated(rival))
    saved = before - row_losses(y, theirs)
    error = float(saved.std(ddof=1) / np.sqrt(len(saved))) if len(saved) > 1 else 0.0
    folds = [fold for fold in evidence.validated_folds if len(fold)]
    return Outside(
        *about,
        rival,
        Estimate(float(saved.mean()), error),
        float(saved.mean() / before.mean()) if before.mean() > 0 else 0.0,
        (sum(bool(saved[fold].mean() > 0) for fold in folds), len(folds)),
        surer(found, evidence.fitted[rival], evidence.rows),
    )


def surer(theirs: Trained, ours: Trained, rows: np.ndarray) -> float | None:
    """By how many standard errors their predictions are surer of these rows of train than of test,
    beyond what ours are; None where there are too few rows."""
    if min(len(rows), len(theirs.test)) < FEWEST_ROWS:
        return None
    gaps = []
    for each in (theirs, ours):
        sides = [sureness(each.mean_oof[rows]), sureness(each.test)]
        error = sum(side.var(ddof=1) / len(side) for side in sides)
        gaps.append((sides[0].mean() - sides[1].mean(), error))
    spread = float(np.sqrt(gaps[0][1] + gaps[1][1]))
    return float(gaps[0][0] - gaps[1][0]) / spread if spread > 0 else 0.0


def sureness(prediction: np.ndarray) -> np.ndarray:
    """(n, k) -> (n,): the likeliest class's probability; of values, how far from their mean."""
    if prediction.shape[1] > 1:
        return np.asarray(prediction.max(axis=1))
    return np.abs(prediction[:, 0] - prediction[:, 0].mean())


# -- alarms ----------------------------------------------------------------------------------------


def alarms(evidence: Evidence, target: FoldedTarget) -> Iterator[Alarm]:
    """Of those that are hardly out of fold. No score is given where the blend uses some that are
    surer of train than of test, too: a model that is only better may know more columns."""
    outsiders: Outsiders | None = evidence.results["foreign"]
    used = evidence.blend.blend.needed
    for each in outsiders.found if outsiders else ():
        if each.is_too_good or each.has_seen:
            reason = f"the predictions of {each.name} are hardly out of fold"
            yield Alarm(
                "predictions from elsewhere",
                f"{each.name} ({figures.label(each.origin.oof, 40)}) {_too_good(each)}",
                "A model of the same columns is hardly ever so much better. Predictions of rows "
                "that the model was fitted on, or stopped early by, are; on new rows they are "
                "worse, and the blend trusts them too much.",
                "Make them again, each row by fits that never saw it, on the folds of [split], or "
                f"take [models.{each.name}] out of the competition's TOML.",
                reason if each.has_seen and each.name in used else "",
            )


def _too_good(each: Outside) -> str:
    """What is odd about it."""
    found = (
        f"has {each.less:.0%} less loss than {each.rival}, our best model: {each.errors:.0f} "
        f"standard errors, better in {each.wins[0]} of {count(each.wins[1], 'fold')}"
    )
    if each.surer is not None and each.surer > ODD:
        return f"{found}; and it is surer of train than of test by {each.surer:.0f} standard errors"
    return found


# -- the page --------------------------------------------------------------------------------------


def render(
    outsiders: Outsiders, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    digits = evidence.results["leaderboard"].digits
    loss = "squared error" if evidence.problem.classes is None else "log loss"
    text = Markup(
        "These were not fitted here: nothing shows but their own numbers that each row is "
        "predicted by fits that never saw it. Saved is the part of the mean {} of our best model "
        "that they do without, with the standard errors that this is off zero. Surer of train: how "
        "much surer they are of train's rows than of test's, beyond our best model, in standard "
        "errors; above {:.0f} they may have seen train's targets. They cannot predict other rows."
    )
    heads = ("Model", "File", "Folds", evidence.metric.label, "Saved", "Wins", "Surer of train")
    return [
        text.format(loss, ODD),
        page.SortableTable(
            "Predictions from elsewhere.", heads, [_cells(each, digits) for each in outsiders.found]
        ),
    ]


def _cells(each: Outside, digits: int) -> list[page.Cell | str | None]:
    score = page.Cell(f"{each.score:,.{digits}f}", each.score)
    about: list[page.Cell | str | None] = [each.name, each.origin.oof, folds_of(each), score]
    if each.rival is None:
        return [*about, None, None, None]
    saved = f"{each.less:+.1%} ({each.errors:+.1f} standard errors)"
    return [
        *about,
        page.Cell(saved, each.less),
        f"{each.wins[0]} of {count(each.wins[1], 'fold')}",
        None if each.surer is None else page.Cell(f"{each.surer:+.1f}", each.surer),
    ]


def folds_of(each: Outside) -> str:
    """Whether their folds are those of [split]."""
    origin = each.origin
    if origin.folds == "the same":
        return "ours"
    if origin.together is None:
        return "unknown"
    return f"others: {origin.together:.0%} of the pairs of rows that share a fold in one, in both"
