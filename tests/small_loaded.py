"""What the load stage would have given for a few rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.problem import File, Form, Loaded, Problem, Task


def loaded(
    y: Sequence[Any] | np.ndarray,
    task: Task = "binary",
    classes: Sequence[str] | None = None,
    form: Form | None = None,
    sample: pd.DataFrame | None = None,
    test: pd.DataFrame | None = None,
    train: Mapping[str, Any] | None = None,
    id: str | None = "id",
) -> Loaded:
    """y (n,): class codes or values of the target `y`; `train` are more columns of it."""
    y = np.asarray(y)
    if task != "regression" and classes is None:
        classes = [f"c{code}" for code in range(max(2, int(y.max()) + 1))]
    columns = ("id", "y")
    form = form or Form(columns, "target", id, id is None, "y", made_up=True)
    return Loaded(
        train=pd.DataFrame({"y": y, **(train or {})}),
        test=pd.DataFrame({"id": ["1", "2"]}) if test is None else test,
        sample=pd.DataFrame({"id": ["1", "2"], "y": "0"}) if sample is None else sample,
        y=y,
        problem=Problem("y", id, task, tuple(classes) if classes else None, None, form, ()),
        files={"train": File("train.csv", "abc", len(y))},
        simulated=False,
        notes=(),
    )
