"""`new` writes a TOML that runs as it is, whatever the files are called and hold."""

import re
import tomllib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import sizing
from pipeline.config import load_configuration
from pipeline.errors import DataError, SettingsError
from pipeline.new import copy_raw, refuse_nothing, settings_given, write_competition
from pipeline.new_toml import pair
from pipeline.problem import Loaded
from pipeline.progress import Progress
from pipeline.reading import contract
from pipeline.stage_settings import LoadStage
from pipeline.stages.load import load

N = 40
NUMBERS = np.random.default_rng(0).normal(size=N).round(3)


def organiser(
    folder, target="y", labels=("no", "yes"), test_labels=False, sample=None, named=None, **columns
):
    """The organiser's folder: 40 rows of train and of test, with these columns.

    `named` holds more of them, whose names may be any.
    """
    table = pd.DataFrame({"id": range(N), "x": NUMBERS, **(named or {}), **columns})
    train = table.assign(**{target: [labels[i % len(labels)] for i in range(N)]})
    test = train if test_labels else table
    folder.mkdir(parents=True, exist_ok=True)
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    if sample:
        values = {"id": range(N), **dict.fromkeys(sample, 0.5)}
        pd.DataFrame(values).to_csv(folder / "sample_submission.csv", index=False)
    return folder


def written(folder, source, name="fresh"):
    """The experiments of the TOML that `new` writes: by preset, and its text."""
    text = write_competition(name, source, folder).text
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    presets = ("default", "quick", "best")
    return {preset: load_configuration(name, preset, folder) for preset in presets}, text


def loaded(experiment, raw) -> Loaded:
    asked = experiment.competition
    settings = LoadStage(**experiment.load.model_dump(), task=asked.task, positive=asked.positive)
    return load(settings, raw, Progress())


def test_the_toml_says_what_the_files_show_and_load_finds_the_same(tmp_path):
    raw = organiser(tmp_path / "raw", sample=["y"], colour=["red", "green"] * 20)
    experiments, text = written(tmp_path, raw)
    default = experiments["default"]
    assert (default.load.target, default.load.id, default.competition.task) == ("y", "id", "binary")
    assert tuple(default.models) == sizing.models(sizing.Shape(N, 2, "binary", 2))
    assert experiments["quick"].models["lightgbm"].trials == 0
    assert experiments["best"].split.repeats > default.split.repeats
    assert '# colour = {kind = "category", allowed = ["green", "red"], missing = false}' in text
    assert loaded(default, raw).problem.target == "y"


DEFAULT = re.compile(r'(?m)^# (?=("([^"\\]|\\.)*"|[\w-]+) = )')  # a setting in a comment


def uncommented(text):
    """The TOML with the '# ' taken off the contract."""
    start = text.index("[load.columns]")
    return text[:start] + DEFAULT.sub("", text[start:])


def test_every_line_in_a_comment_is_valid_by_itself_and_changes_nothing(tmp_path):
    raw = organiser(
        tmp_path / "raw",
        named={
            'a "b"': ["red", "green"] * 20,
            "count": range(N),
            **{name: [1, 2, 3, 4, 5] * 8 for name in ("seat", "food", "crew", "gate")},
        },
        note=['labels = "none"', "x"] * 20,
    )
    experiments, text = written(tmp_path, raw)
    defaults = [*DEFAULT.finditer(text)]
    assert len(defaults) > 80
    for default in defaults:
        changed = text[: default.start()] + text[default.end() :]
        (tmp_path / "changed.toml").write_text(changed, encoding="utf-8")
        experiment = load_configuration("changed", folder=tmp_path)
        same = experiment.model_copy(update={"load": experiments["default"].load})
        if "url = " not in default.string[default.start() : default.end() + 8]:
            assert same == experiments["default"]


def test_presets_hold_only_what_they_change(tmp_path):
    text = written(tmp_path, organiser(tmp_path / "raw"))[1]
    presets = tomllib.loads(text)["presets"]
    assert all(table for preset in presets.values() for table in preset["models"].values())


def test_the_contract_is_kept_by_the_files_and_broken_by_others(tmp_path):
    columns = {
        "colour": ["red", None] * 20,
        "count": range(N),
        "when": ["2020-01-05"] * N,
        "share": [0.25, np.nan] * 20,
        "story": [f"passenger {i} said so" for i in range(N)],
        "level": ["1", "2", "x"] * 13 + ["x"],
        "nothing": [None] * N,
    }
    raw = organiser(tmp_path / "raw", **columns)
    _, text = written(tmp_path, raw)
    (tmp_path / "strict.toml").write_text(uncommented(text), encoding="utf-8")
    strict = load_configuration("strict", folder=tmp_path)
    assert set(strict.load.columns) == {"x", *columns} - {"when"}
    kinds = {feature.name: feature.kind for feature in loaded(strict, raw).problem.features}
    assert kinds["when"] == "date"
    assert (kinds["level"], kinds["story"], kinds["count"]) == ("category", "text", "number")
    wrong = pd.DataFrame({"count": [N]})
    with pytest.raises(DataError, match="whole numbers 0 to 39"):
        contract.check(wrong, {"count": strict.load.columns["count"]}, "wrong")


names = st.text(min_size=1, max_size=12).filter(
    lambda name: name == name.strip() and name.isprintable() and ";" not in name
)


@settings(max_examples=20, deadline=None)
@given(column=names, value=names, target=st.sampled_from(["만족도", 'a "b"', "a\\b", "#", "'"]))
def test_any_names_survive_the_way_through_the_toml(tmp_path_factory, column, value, target):
    root = tmp_path_factory.mktemp("new")
    if column.casefold() in (target, "id", "x", "y"):
        column += "2"
    raw = organiser(root / "raw", target, named={column: [f"v{value}", "other"] * 20})
    experiments, text = written(root, raw)
    assert experiments["default"].load.target == target
    rules = tomllib.loads(uncommented(text))["load"]["columns"]
    assert column in rules
    if "allowed" in rules[column]:
        assert set(rules[column]["allowed"]) == {f"v{value}", "other"}


@pytest.mark.parametrize("text", ['"', "\\", "\x7f", "\x00\x1f\t", "\u2028", "값", "\\u0041", "#"])
def test_strings_come_back_as_they_were(text):
    assert tomllib.loads(pair(text, text)) == {text: text}


@pytest.mark.parametrize("value", [True, -3, 1e-7, 1e16, 0.1, ["a", 2], {"b": [0.5], "c": "d"}])
def test_values_come_back_as_they_were(value):
    assert tomllib.loads(pair("key", value))["key"] == value


def test_a_target_that_is_not_clear_is_marked_as_a_guess(tmp_path):
    raw = organiser(tmp_path / "raw", "satisfied", test_labels=True)
    experiments, text = written(tmp_path, raw)
    assert experiments["default"].load.target == "satisfied"
    assert "GUESSED" in text
    assert loaded(experiments["default"], raw).problem.task == "binary"


def messages(folder, source):
    return write_competition("fresh", source, folder).messages


def test_what_was_found_is_reported_and_the_metric_is_a_guess(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert messages(tmp_path, organiser(tmp_path / "raw", sample=["y"], labels=(0, 1, 2))) == (
        "target 'y': the column that the sample asks for",
        "id 'id': the sample names its rows by it",
        "task multiclass: the target has 3 values, all whole numbers",
        "metric accuracy: GUESSED, the default of a multiclass task; "
        "check [competition] metric in fresh.toml, `python -m pipeline metrics` lists them; `new` "
        "with --metric also lists the models that suit another one",
    )


def test_a_guessed_target_is_reported_with_the_place_to_check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = messages(tmp_path, organiser(tmp_path / "raw", "satisfied", test_labels=True))[0]
    assert first.startswith("target 'satisfied': GUESSED")
    assert first.endswith("check [load] target in fresh.toml")


def test_examples_in_comments_are_not_broken_over_lines(tmp_path):
    name = "n" * 60
    lines = written(tmp_path, organiser(tmp_path / "raw"), name)[1].splitlines()
    assert f"#     make C={name} all" in lines
    assert sum("'# key = value'" in line for line in lines) == 1


def test_columns_that_the_contract_leaves_out_are_named(tmp_path):
    raw = organiser(tmp_path / "raw", when=["2020-01-05"] * N, far=[np.inf, 1.5] * 20)
    line = '# Not in it, being dates or holding infinite numbers: "when", "far"'
    assert line in written(tmp_path, raw)[1].splitlines()


def test_columns_of_one_table_alone_are_dropped_and_the_run_goes_on(tmp_path):
    raw = organiser(tmp_path / "raw", sample=["y"])
    train = pd.read_csv(raw / "train.csv").assign(casual=1, registered=2)
    train.to_csv(raw / "train.csv", index=False)
    experiments, _ = written(tmp_path, raw)
    assert experiments["default"].load.drop == ("casual", "registered")
    assert len(loaded(experiments["default"], raw).problem.features) == 1


@pytest.mark.parametrize(
    ("labels", "sample", "task", "metric"),
    [
        (("no", "yes"), ["y"], "binary", "roc_auc"),
        ((0, 1), None, "binary", "accuracy"),
        (("a", "b", "c"), ["y_a", "y_b", "y_c"], "multiclass", "log_loss"),
        (("a", "b", "c"), None, "multiclass", "accuracy"),
        (tuple(NUMBERS), None, "regression", "rmse"),
    ],
)
def test_metric_and_models_suit_the_task(tmp_path, labels, sample, task, metric):
    raw = organiser(tmp_path / "raw", labels=labels, sample=sample)
    experiment = written(tmp_path, raw)[0]["default"]
    asked = experiment.competition
    assert (asked.task, asked.metric) == (task, metric)
    assert ("logistic" in experiment.models) == (task != "regression")


@pytest.mark.parametrize(
    ("cell", "metric"),
    [("a b c", "map@3"), ("c a", "map@2"), ("a", "accuracy"), ("a x", "accuracy")],
)
def test_several_labels_in_a_cell_of_the_sample_suggest_map_at_as_many(tmp_path, cell, metric):
    raw = organiser(tmp_path / "raw", labels=("a", "b", "c"), sample=["y"])
    sample = pd.read_csv(raw / "sample_submission.csv").assign(y=cell)
    sample.to_csv(raw / "sample_submission.csv", index=False)
    experiments, text = written(tmp_path, raw)
    assert experiments["default"].competition.metric == metric
    assert "`python -m pipeline metrics` lists" in text.replace("\n#  ", "")


@pytest.mark.parametrize(
    ("cell", "seen"),
    [
        ("a,b", "several labels in a form that is not known, 'a,b': known are"),
        ("none", "what is no label of train: 'none'"),
        ("A", None),  # another spelling
        ("0", None),  # a number stands in many a sample
    ],
)
def test_cells_of_the_sample_that_hold_no_label_are_shown(tmp_path, cell, seen):
    raw = organiser(tmp_path / "raw", labels=("a", "b", "c"), sample=["y"])
    sample = pd.read_csv(raw / "sample_submission.csv").assign(y=cell)
    sample.to_csv(raw / "sample_submission.csv", index=False)
    metric = next(each for each in messages(tmp_path, raw) if each.startswith("metric accuracy"))
    assert (seen is None) == ("sample's cells" not in metric) and (seen or "") in metric


def test_a_metric_of_values_makes_few_whole_numbers_values(tmp_path):
    raw = organiser(tmp_path / "raw", labels=(1, 2, 3))
    _, experiment = drafted(tmp_path, raw, metric="qwk")
    assert (experiment.competition.task, experiment.competition.metric) == ("regression", "qwk")
    _, experiment = drafted(tmp_path, raw, metric="own")
    assert experiment.competition.task == "multiclass"
    assert experiment.competition.metric == "own:fresh"


@pytest.mark.parametrize(("labels", "is_listed"), [(range(6), True), (range(60), False)])
def test_a_model_of_classes_is_listed_where_it_can_learn_the_target(tmp_path, labels, is_listed):
    raw = organiser(tmp_path / "raw", z=NUMBERS)
    frame = pd.concat([pd.read_csv(raw / "train.csv")] * 2, ignore_index=True)
    y = [labels[i % len(labels)] for i in range(len(frame))]
    frame.assign(id=range(len(frame)), y=y).to_csv(raw / "train.csv", index=False)
    _, experiment = drafted(tmp_path, raw, metric="qwk")
    assert ("lightgbm_classes" in experiment.models) == is_listed


@pytest.mark.parametrize(
    ("metric", "is_listed"),
    [("mae", True), ("median_ae", True), ("pinball@0.9", False), ("rmse", False), ("mape", False)],
)
def test_small_trees_are_listed_where_an_absolute_error_is_learnt(tmp_path, metric, is_listed):
    raw = organiser(tmp_path / "raw", labels=range(1, 60), z=NUMBERS)
    _, experiment = drafted(tmp_path, raw, metric=metric)
    assert ("lightgbm_small_trees" in experiment.models) == is_listed


@pytest.mark.parametrize(
    "given", [{"split": {"own": "fresh"}}, {"submit": {"postprocess": "fresh"}}, {"metric": "own"}]
)
def test_a_file_of_own_functions_may_be_there_before_the_toml(tmp_path, given):
    (tmp_path / "fresh.py").touch()
    settings = {"competition": given} if "metric" in given else given
    draft = write_competition("fresh", organiser(tmp_path / "raw"), tmp_path, settings)
    assert draft.path.name == "fresh.toml"


@pytest.mark.parametrize(
    ("least", "power", "metric", "is_listed"),
    [
        (0, 4, "mae", True),
        (0, 4, "rmse", True),
        (0, 4, "rmsle", False),  # all models learn logarithms
        (0, 4, "r2", True),
        (0, 1, "mae", False),
        (-9, 4, "mae", False),
    ],
)
def test_a_network_of_logarithms_is_listed_where_amounts_have_a_long_tail(
    tmp_path, least, power, metric, is_listed
):
    labels = [least + i**power for i in range(60)]
    raw = organiser(tmp_path / "raw", labels=labels, z=NUMBERS)
    frame = pd.read_csv(raw / "train.csv")
    frame = frame.assign(y=[labels[i % 60] for i in range(len(frame))])
    frame.to_csv(raw / "train.csv", index=False)
    _, experiment = drafted(tmp_path, raw, metric=metric)
    assert ("neural_net_logarithms" in experiment.models) == is_listed


@pytest.mark.parametrize(
    ("rows", "rare", "folds"),
    [(N, 12, 10), (N, 3, 10), (N, 1, 10), (8, 4, 4), (4, 2, 2), (3, 1, 2), (2, 1, 2)],
)
def test_folds_suit_the_rows_and_rare_classes_cut_none(tmp_path, rows, rare, folds):
    raw = organiser(tmp_path / "raw", labels=("yes",) * rare + ("no",) * (N - rare))
    train = pd.read_csv(raw / "train.csv")[:rows].assign(y=["yes"] * rare + ["no"] * (rows - rare))
    train.to_csv(raw / "train.csv", index=False)
    experiments, _ = written(tmp_path, raw)
    split = experiments["default"].split
    assert (split.folds, split.scheme) == (folds, "auto")
    assert experiments["quick"].split.folds == min(folds, 5)


@pytest.mark.parametrize(("levels", "first"), [(0, "logistic"), (26, "logistic"), (2, "lightgbm")])
def test_of_a_table_wider_than_long_a_sparse_line_goes_first(tmp_path, levels, first):
    """600 numbers, or 60 categories of so many levels, and 40 rows."""
    raw, rng = organiser(tmp_path / "raw"), np.random.default_rng(0)
    for name in ("train", "test"):
        frame = pd.read_csv(raw / f"{name}.csv")
        letters = np.array([f"level {i}" for i in range(levels)])
        wide = {
            f"w{i}": letters[rng.permutation(len(frame)) % levels] if levels else rng.random(N)
            for i in range(60 if levels else 600)
        }
        frame.assign(**wide).to_csv(raw / f"{name}.csv", index=False)
    experiments, _ = written(tmp_path, raw)
    assert next(iter(experiments["default"].models)) == first


@pytest.mark.parametrize(
    "name", ["Titanic", "1st", "a-b", "a b", "../a", "a.toml", "a\n", "a" * 61]
)
def test_names_that_make_no_file_name_are_refused(tmp_path, name):
    with pytest.raises(SettingsError, match="small letters, digits and _"):
        write_competition(name, tmp_path, tmp_path)


def test_names_that_are_taken_are_refused(tmp_path):
    (tmp_path / "survey.py").touch()
    for name in ("all", "survey"):
        with pytest.raises(SettingsError, match=f"found '{name}', which .* has taken"):
            write_competition(name, organiser(tmp_path / "raw"), tmp_path)


@pytest.mark.parametrize(
    ("name", "source", "absent"),
    [("", "", "name and folder"), ("", "there", "name"), ("fresh", "", "folder")],
)
def test_nothing_given_is_answered_with_an_example(name, source, absent):
    with pytest.raises(SettingsError, match=f"found no {absent}. Run `make new NAME=.* FROM="):
        refuse_nothing(name, [source])


def test_a_competition_that_is_there_is_refused(tmp_path):
    (tmp_path / "fresh.toml").touch()
    with pytest.raises(SettingsError, match="is there already"):
        write_competition("fresh", organiser(tmp_path / "raw"), tmp_path)


def test_files_that_cannot_be_learnt_from_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        write_competition("fresh", tmp_path / "nowhere", tmp_path)
    with pytest.raises(DataError, match="one value only"):
        write_competition("fresh", organiser(tmp_path / "raw", labels=("yes",)), tmp_path)


def copy(source, raw):
    folder = raw.parent / "competitions"
    copy_raw(write_competition("fresh", source, folder, raw=raw).copies)


def test_only_the_files_that_were_found_are_copied(tmp_path):
    source = organiser(tmp_path / "source", sample=["y"])
    (source / "notes.txt").write_text("private")
    (source / "old.csv").write_text("a,b\n1,2\n")
    raw = tmp_path / "raw"
    copy(source, raw)
    copied = {path.name: path.read_bytes() for path in raw.iterdir()}
    assert set(copied) == {"train.csv", "test.csv", "sample_submission.csv"}
    assert all((source / name).read_bytes() == content for name, content in copied.items())


def test_files_already_there_are_never_replaced(tmp_path):
    source, raw = organiser(tmp_path / "source"), tmp_path / "raw"
    copy(source, raw)
    copy(source, raw)  # the same files: nothing to do
    copy(raw, raw)
    (raw / "train.csv").unlink()
    (raw / "test.csv").write_text("mine")
    with pytest.raises(DataError, match=r"is there already, and .* differs"):
        copy(source, raw)
    assert [(path.name, path.read_text()) for path in raw.iterdir()] == [("test.csv", "mine")]


def test_a_copy_that_fails_leaves_no_part_of_a_file(tmp_path, monkeypatch):
    def fail(source, target):
        target.write_text("a part")
        raise OSError("disk full")

    monkeypatch.setattr("shutil.copyfile", fail)
    with pytest.raises(OSError, match="disk full"):
        copy(organiser(tmp_path / "source"), tmp_path / "raw")
    assert list((tmp_path / "raw").iterdir()) == []


# -- what the command line declares ----------------------------------------------------------------


def drafted(folder, source, lines=(), **options):
    """The draft of a TOML with options of the command line, and the experiment that it holds."""
    draft = write_competition("fresh", source, folder, settings_given(options, lines))
    (folder / "fresh.toml").write_text(draft.text, encoding="utf-8")
    experiment = load_configuration("fresh", folder=folder)
    (folder / "fresh.toml").unlink()
    return draft, experiment


def several_targets(folder):
    """No sample, and three columns that test lacks."""
    raw = organiser(folder)
    train = pd.read_csv(raw / "train.csv").assign(when=["2024-05-01", None] * 20, weight=1.0)
    train.to_csv(raw / "train.csv", index=False)
    return raw


def test_an_unknown_target_is_asked_for_and_the_option_settles_it(tmp_path):
    raw = several_targets(tmp_path / "raw")
    with pytest.raises(DataError) as error:
        write_competition("fresh", raw, tmp_path)
    text = str(error.value)
    assert "'y': 2 different texts, 'no', 'yes'" in text and "'weight': one number only" in text
    assert "missing in 20 rows" in text and text.endswith("with --target TARGET.")
    _, experiment = drafted(tmp_path, raw, target="y")
    assert experiment.load.target == "y" and experiment.load.drop == ("when", "weight")
    assert loaded(experiment, raw).problem.target == "y"


def test_options_go_into_the_toml_and_empty_ones_say_nothing(tmp_path):
    raw = organiser(tmp_path / "raw", labels=(0, 1, 2), other=range(N))
    lines = ["split.folds=4", "competition.title=first try", 'load.drop=["other"]', ""]
    options = {"metric": "mae", "task": "regression", "id": "", "target": "y"}
    draft, experiment = drafted(tmp_path, raw, lines, **options)
    assert (experiment.competition.metric, experiment.competition.task) == ("mae", "regression")
    assert (experiment.split.folds, experiment.competition.title) == (4, "first try")
    assert (experiment.load.drop, experiment.load.id) == (("other",), "id")
    assert "metric mae: named by --metric" in draft.messages


@pytest.mark.parametrize(
    ("options", "lines", "expected"),
    [
        ({"metric": "best"}, (), "allowed metrics are"),
        ({"task": "ranking"}, (), "competition. task|task"),
        ({}, ["load.traget=y"], "Did you mean 'target'"),
        ({}, ["target=y"], "allowed is TABLE.KEY=VALUE"),
        ({}, ["models.linear=1"], "allowed is TABLE.KEY=VALUE"),
        ({}, ["split.folds=many"], "folds"),
    ],
)
def test_options_that_no_toml_may_have_are_refused(options, lines, expected):
    with pytest.raises(SettingsError, match=expected):
        settings_given(options, lines)


@pytest.mark.parametrize(
    "line",
    [
        "split.group=shap",
        "split.column=shap",
        'split.time=["x", "shap"]',
        'encode.texts=["shap"]',
        'encode.drop=["x", "shap"]',
        'encode.combinations=[["x", "shap"]]',
        'explore.ratings=["shap"]',
        'load.columns={shap = {kind = "category"}}',
    ],
)
def test_a_column_that_train_lacks_is_named_with_the_nearest_one(tmp_path, line):
    raw = organiser(tmp_path / "raw", shop=[i % 4 for i in range(N)])
    with pytest.raises(SettingsError, match=r"found 'shap', and train has no.*mean 'shop'\?"):
        drafted(tmp_path, raw, [line])
    drafted(tmp_path, raw, ["encode.features=airline", 'encode.texts=["added"]'])


def test_constant_columns_and_duplicates_are_counted_in_one_line(tmp_path):
    many = {f"c{i}": 1 for i in range(30)} | {f"d{i}": NUMBERS for i in range(3)}
    lines = messages(tmp_path, organiser(tmp_path / "raw", named=many))
    (line,) = (each for each in lines if "one value in train" in each)
    assert line.startswith("30 columns hold one value")
    assert "3 columns duplicate another one" in line


def test_a_declared_metric_counts_for_targets_of_different_tasks(tmp_path):
    raw = organiser(tmp_path / "raw", z=1)
    train = pd.read_csv(raw / "train.csv").assign(amount=NUMBERS)
    train.to_csv(raw / "train.csv", index=False)
    draft, experiment = drafted(tmp_path, raw, metric="own", target=["y", "amount"])
    assert experiment.competition.metric == "own:fresh"
    assert {each.task for each in experiment.targets.values()} == {"binary", "regression"}
    assert all(each.metric is None for each in experiment.targets.values())
    assert "metric own: named by --metric" in draft.messages


def test_a_metric_that_does_not_suit_the_task_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="--metric"):
        drafted(tmp_path, organiser(tmp_path / "raw"), metric="rmse")


def test_a_metric_that_cannot_score_the_target_is_refused(tmp_path):
    raw = organiser(tmp_path / "raw", labels=("Rome", "Oslo", "New York"))
    with pytest.raises(DataError, match="'New York' holds a blank"):
        drafted(tmp_path, raw, metric="map@3")


def test_of_a_train_table_alone_the_option_that_needs_no_test_is_named(tmp_path):
    raw = organiser(tmp_path / "raw")
    (raw / "test.csv").unlink()
    with pytest.raises(DataError, match=r"no test table(?s:.*)--set load\.test=none\.$"):
        write_competition("fresh", raw, tmp_path)


def test_names_that_leave_it_open_are_asked_for_and_the_option_settles_it(tmp_path):
    raw = organiser(tmp_path / "raw")
    train = (raw / "train.csv").read_text()
    (raw / "train.csv").rename(raw / "train_a.csv")
    (raw / "train_b.csv").write_text(train.replace("no", "No"))
    with pytest.raises(DataError, match=r"train_b\.csv(?s:.*)with --train .train_a\.csv"):
        write_competition("fresh", raw, tmp_path)
    draft, experiment = drafted(tmp_path, raw, train="train_b.csv")
    assert experiment.load.train == "train_b.csv"
    copy_raw(draft.copies)
    assert loaded(experiment, tmp_path / "raw").problem.classes == ("No", "yes")


def test_a_file_named_by_its_path_may_lie_elsewhere(tmp_path):
    raw = organiser(tmp_path / "source")
    (raw / "train.csv").rename(tmp_path / "mine.csv")
    draft, experiment = drafted(tmp_path, raw, train=str(tmp_path / "mine.csv"))
    copy_raw(draft.copies)
    assert experiment.load.train == "mine.csv"
    assert loaded(experiment, tmp_path / "raw").problem.target == "y"


def test_labels_in_a_file_apart_are_joined_copied_and_named(tmp_path):
    source = organiser(tmp_path / "source", labels=(0, 1))
    train = pd.read_csv(source / "train.csv")
    (source / "train.csv").unlink()
    train.drop(columns="y").to_csv(source / "train_features.csv", index=False)
    train[["id", "y"]].iloc[::-1].to_csv(source / "train_labels.csv", index=False)
    draft, experiment = drafted(tmp_path, source)
    assert (experiment.load.labels, experiment.load.target) == ("train_labels.csv", "y")
    copy_raw(draft.copies)
    assert loaded(experiment, tmp_path / "raw").y.tolist() == train["y"].tolist()


def test_two_files_of_one_name_keep_their_folders(tmp_path):
    source = organiser(tmp_path / "source")
    for side in ("train", "test"):
        (source / side).mkdir()
        (source / f"{side}.csv").rename(source / side / "data.csv")
    draft, experiment = drafted(tmp_path, source)
    copy_raw(draft.copies)
    names = (experiment.load.train, experiment.load.test)
    assert names == ("source/train/data.csv", "source/test/data.csv")
    assert loaded(experiment, tmp_path / "raw").problem.target == "y"


def test_files_that_are_raw_files_already_stay_where_they_are(tmp_path):
    raw = organiser(tmp_path / "raw" / "in")
    draft, experiment = drafted(tmp_path, tmp_path / "raw")
    copy_raw(draft.copies)
    assert (experiment.load.train, experiment.load.test) == ("in/train.csv", "in/test.csv")
    assert sorted(path.name for path in (tmp_path / "raw").rglob("*.csv")) == [
        "test.csv",
        "train.csv",
    ]
    assert loaded(experiment, raw.parent).problem.target == "y"


def test_that_there_is_no_sample_may_be_declared_and_is_kept(tmp_path):
    raw = organiser(tmp_path / "raw", sample=["y"])
    draft, experiment = drafted(tmp_path, raw, sample="none")
    assert experiment.load.sample == "none" and len(draft.copies) == 2
    assert loaded(experiment, raw).problem.form.made_up


def test_a_competition_may_have_no_rows_to_predict(tmp_path):
    raw = organiser(tmp_path / "raw", sample=["y"])
    draft, experiment = drafted(tmp_path, raw, test="none")
    assert "target 'y': GUESSED, the last column, for there is no test" in draft.messages[0]
    assert experiment.load.test == "none" and len(draft.copies) == 1
    assert (len(loaded(experiment, raw).train), len(loaded(experiment, raw).test)) == (N, 0)


def test_what_load_will_refuse_is_reported_at_once(tmp_path):
    raw = tmp_path / "in"
    raw.mkdir()
    rows = [f"{i},{'abc' if i == 7 else i},{i % 2}" for i in range(60)]
    (raw / "train.csv").write_text("\n".join(["id,Age,y", *rows]) + "\n")
    (raw / "test.csv").write_text("id,Age\n100,5\n101,6\n")
    draft = write_competition("stray", raw, tmp_path)
    (message,) = [line for line in draft.messages if "load will refuse" in line]
    assert "row 9: column 'Age' holds 'abc'" in message and '[load.columns] "Age"' in message
    given = settings_given({}, ['load.columns={"Age" = { kind = "category" }}'])
    mended = write_competition("mended", raw, tmp_path, given)
    assert not any("load will refuse" in line for line in mended.messages)
    assert tomllib.loads(mended.text)["load"]["columns"] == {"Age": {"kind": "category"}}


def whole_numbers(folder, quantities, rows=600):
    """The organiser's folder: three columns of names, far-apart numbers each, and quantities."""
    rng = np.random.default_rng(0)
    names = {
        name: rng.choice(rng.integers(1, 300_000, levels), 2 * rows)
        for name, levels in (("RESOURCE", 90), ("MANAGER", 60), ("ROLE", 8))
    }
    amounts = {f"q{number}": rng.normal(size=2 * rows).round(3) for number in range(quantities)}
    table = pd.DataFrame({**names, **amounts})
    folder.mkdir()
    train, test = table[:rows], table[rows:]
    train.assign(y=rng.integers(0, 2, rows)).to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    return folder


def test_where_most_numbers_are_names_new_declares_them_categories(tmp_path):
    raw = whole_numbers(tmp_path / "raw", quantities=1)
    experiments, text = written(tmp_path, raw)
    for name in ("RESOURCE", "MANAGER", "ROLE"):
        assert f'\n{name} = {{kind = "category"}}' in text
    problem = loaded(experiments["default"], raw).problem
    kinds = {feature.name: feature.kind for feature in problem.features}
    assert kinds == dict.fromkeys(("RESOURCE", "MANAGER", "ROLE"), "category") | {"q0": "number"}
    assert "random_effects" in experiments["default"].models


def test_beside_quantities_whole_numbers_stay_numbers_and_a_person_is_asked(tmp_path):
    raw = whole_numbers(tmp_path / "raw", quantities=3)
    draft = write_competition("fresh", raw, tmp_path)
    assert '# RESOURCE = {kind = "integer"' in draft.text
    assert any("numbers or names? 'RESOURCE', 'MANAGER'" in each for each in draft.messages)


def test_what_is_declared_of_a_column_counts_more_than_what_it_looks_like(tmp_path):
    raw = whole_numbers(tmp_path / "raw", quantities=0)
    given = {"load": {"columns": {"MANAGER": {"kind": "number"}}}}
    text = write_competition("fresh", raw, tmp_path, given).text
    assert '\nMANAGER = {kind = "number"}' in text
    assert '\nROLE = {kind = "category"}' in text


def test_a_side_table_that_is_named_leaves_the_others_to_be_found(tmp_path):
    shops, people = [f"s{i % 4}" for i in range(N)], [f"p{i % 5}" for i in range(N)]
    raw = organiser(tmp_path / "raw", shop=shops, person=people)
    for name in ("shop", "person"):
        keys = sorted({*(shops if name == "shop" else people)})
        size = {name: keys, f"size of {name}": range(len(keys))}
        pd.DataFrame(size).to_csv(raw / f"{name}s.csv", index=False)
    line = 'load.join={shops = { file = "shops.csv", on = "shop" }}'
    draft, experiment = drafted(tmp_path, raw, [line])
    assert {name: join.file for name, join in experiment.load.join.items()} == {
        "shops": "shops.csv",
        "persons": "persons.csv",
    }
    assert {path.name for path in draft.copies} >= {"shops.csv", "persons.csv"}


def test_a_column_under_two_names_is_asked_about(tmp_path):
    raw = organiser(tmp_path / "raw", prior_gap=NUMBERS, z=NUMBERS)
    test = pd.read_csv(raw / "test.csv").rename(columns={"prior_gap": "prior_gpa"})
    test.to_csv(raw / "test.csv", index=False)
    draft, _ = drafted(tmp_path, raw, target="y")
    asked = "is 'prior_gpa' of test what train calls 'prior_gap'? Give both one name"
    assert [each for each in draft.messages if each.startswith("is ")] == [asked]


def test_an_own_metric_that_is_yet_to_be_written_is_named_with_its_file(tmp_path):
    raw = organiser(tmp_path / "raw")
    for exists in (False, True):
        draft, _ = drafted(tmp_path, raw, metric="own")
        named = [each for each in draft.messages if "write metric(y, prediction) in" in each]
        assert bool(named) != exists and all("fresh.py" in each for each in named)
        (tmp_path / "fresh.py").touch()
