import numpy as np
from numpy.testing import assert_array_equal

from pipeline.artifacts import Folder
from pipeline.folds import folds_of, read_folds, read_view


def test_every_row_is_validated_once_per_repeat_and_trained_on_otherwise():
    numbers = np.random.default_rng(0).integers(4, size=50).astype(np.int16)
    folds = folds_of(2, numbers)
    assert [fold.name for fold in folds] == ["r2-f0", "r2-f1", "r2-f2", "r2-f3"]
    assert_array_equal(np.sort(np.concatenate([fold.valid for fold in folds])), np.arange(50))
    for fold in folds:
        assert_array_equal(np.union1d(fold.train, fold.valid), np.arange(50))
        assert len(fold.train) + len(fold.valid) == 50
        assert (np.diff(fold.train) > 0).all() and (np.diff(fold.valid) > 0).all()


def test_folds_of_all_repeats_come_back_in_order(tmp_path):
    split = Folder(tmp_path)
    split.write_json("split", {"scheme": "plain", "folds": 2, "repeats": 2})
    for repeat, numbers in enumerate(([0, 1, 1], [1, 0, 1])):
        split.write_array(f"folds-{repeat}", np.array(numbers, dtype=np.int16))
    folds = read_folds(split)
    assert [(fold.name, fold.valid.tolist()) for fold in folds] == [
        ("r0-f0", [0]),
        ("r0-f1", [1, 2]),
        ("r1-f0", [1]),
        ("r1-f1", [0, 2]),
    ]


def test_a_view_is_read_by_fold_or_by_name(tmp_path):
    encode, fold = Folder(tmp_path), folds_of(0, np.array([0, 1]))[1]
    folder = encode.folder("r0-f1")
    matrices = np.random.default_rng(0).normal(size=(3, 2, 4)).astype(np.float32)
    for part, matrix in zip(("train", "valid", "test"), matrices, strict=True):
        folder.write_array(f"tree-{part}", matrix)
    told = {"columns": list("abcd"), "categorical": [1, 3]}
    folder.write_json("columns", {"tree": told, "dense": {"columns": []}})
    for asked in (fold, "r0-f1"):
        view = read_view(encode, asked, "tree")
        assert_array_equal([view.train, view.valid, view.test], matrices)
        assert (view.columns, view.categorical) == (tuple("abcd"), (1, 3))
        assert isinstance(view.train, np.memmap) and not view.train.flags.writeable
