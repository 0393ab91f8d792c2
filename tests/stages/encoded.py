"""Stand-ins for the folders of load, split and encode, with a problem that is small."""

from pathlib import Path

import numpy as np

from pipeline.artifacts import Folder
from pipeline.folds import folds_of


def write_encoded(
    root: Path, y: np.ndarray, X: np.ndarray, folds: int = 3, repeats: int = 1
) -> dict[str, Folder]:
    """y (n,) class codes 0 and 1, X (n, d); the last 20 rows stand in for the test rows."""
    load, split, encode = (Folder(root / name) for name in ("load", "split", "encode"))
    load.write_json("schema", {"task": "binary", "classes": ["no", "yes"]})
    load.write_array("y", y)
    split.write_json("split", {"repeats": repeats, "folds": folds, "scheme": "stratified"})
    columns = {"columns": [f"x{i}" for i in range(X.shape[1])]}
    every = []
    for repeat in range(repeats):
        numbers = (np.arange(len(y)) // folds**repeat % folds).astype(np.int16)
        split.write_array(f"folds-{repeat}", numbers)
        every += folds_of(repeat, numbers)
    for fold in every:
        folder = encode.folder(fold.name)
        folder.write_json("columns", {"tree": {**columns, "categorical": []}, "dense": columns})
        for view in ("tree", "dense"):
            folder.write_array(f"{view}-train", X[fold.train].astype(np.float32))
            folder.write_array(f"{view}-valid", X[fold.valid].astype(np.float32))
            folder.write_array(f"{view}-test", X[-20:].astype(np.float32))
    return {"load": load, "split": split, "encode": encode}


def problem(seed: int = 0, n: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """y (n,) that depends on the first two of five columns X (n, 5)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    y = (X[:, 0] - X[:, 1] + 0.7 * rng.normal(size=n) > 0).astype(np.int64)
    return y, X
