"""How a competition scores predictions, and all that follows from it: an entry a metric.

A prediction is always a two-dimensional array: (n, k) class probabilities, or (n, 1) values for
regression. The target is (n,): class codes 0..k-1, or values.
"""

from pipeline.metrics.catalogue import DEFAULTS, METRICS, get_metric, prefers_values, why_unknown
from pipeline.metrics.classes import hits, row_log_loss
from pipeline.metrics.metric import Metric
from pipeline.metrics.uncertainty import (
    Estimate,
    clustering,
    estimate,
    paired_difference,
    row_losses,
)
from pipeline.metrics.values import absolute_error, squared_error
from pipeline.problem import Task

__all__ = [
    "DEFAULTS",
    "METRICS",
    "Estimate",
    "Metric",
    "Task",
    "absolute_error",
    "clustering",
    "estimate",
    "get_metric",
    "hits",
    "paired_difference",
    "prefers_values",
    "row_log_loss",
    "row_losses",
    "squared_error",
    "why_unknown",
]
