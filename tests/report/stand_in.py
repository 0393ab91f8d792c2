"""Formulas in the place of the blend that predicts, and of the fits that the store keeps."""

from types import SimpleNamespace

import numpy as np

from pipeline import parallel


class StandIn:
    """Subclasses define `predict_fold`; there are no matrices to exchange entries of."""

    def predict_changed(self, frame, fold, changes, groups=None):
        for place, change in enumerate(changes.changes):
            yield self.predict_fold(change.of(frame), fold, groups and groups[place])


class FormulaPredictor(StandIn):
    """The survey's own formula, whatever the fold."""

    def __init__(self, task, names):
        self.task, self.names = task, names

    def predict_fold(self, frame, fold, groups=None):
        from tests.report.values import predict

        assert list(frame) == self.names
        return predict(frame.set_axis(["size", "city", "weight"], axis=1), self.task)


class FormulaFits:
    """Predictions that get nearer to the best ones the more rows a fit has."""

    cluster = None

    def __init__(self, task, frame):
        self.task, self.frame = task, frame

    def validate(self, member, fold, rows):
        from tests.report.values import predict

        assert np.isin(rows, fold.train).all()
        best, share = predict(self.frame, self.task), len(rows) / len(fold.train)
        return share * best[fold.valid] + (1 - share) * best.mean(axis=0)

    def fitted(self, member, fold):
        return SimpleNamespace(encoder=SimpleNamespace(names=lambda view: ("a", "b", "c")))

    def sample(self, member, fold):
        return None

    def workers(self, left=None, progress=None, at_once=None):
        return parallel.workers(left=left)
