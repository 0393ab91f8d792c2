"""A competition's own last step: `postprocess(prediction, frame)` of pipeline/competitions/NAME.py.

It changes the blend's predictions, of validated rows as of test's, so that what it brings is judged
out of fold like everything else.
"""

from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import DataError
from pipeline.own_functions import own_function
from pipeline.prediction import check, off_rounding
from pipeline.problem import Problem

if TYPE_CHECKING:
    from pipeline.table import Frame

CALL = "postprocess(prediction, frame)"


def postprocessed(
    module: str | None, prediction: np.ndarray, frame: "Frame", problem: Problem
) -> np.ndarray:
    """Predictions (n, k) of the rows of a frame (n rows, the features) -> what becomes of them.

    Without a module nothing changes. Raises DataError for what is no prediction of these rows.
    """
    if module is None:
        return prediction
    function = own_function(module, CALL, "[submit] postprocess")
    rows = frame[problem.names].reset_index(drop=True)
    found = function(prediction.astype(float), rows)
    where = f"pipeline/competitions/{module}.py: {CALL}"
    try:
        changed = np.asarray(found, dtype=float)
    except (TypeError, ValueError):
        raise DataError(
            f"{where} returned {type(found).__name__}, and needed is an array of numbers of shape "
            f"{prediction.shape}. Correct the function."
        ) from None
    if problem.outputs > 1 and changed.shape == prediction.shape:
        changed = off_rounding(changed)
    check(changed, len(rows), problem.outputs, where, "Correct the function.")
    return changed
