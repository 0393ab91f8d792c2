"""A TOML becomes settings, or one sentence that says where, what was found and what is allowed."""

import json

import pytest

from pipeline.config import COMPETITIONS, load_experiment, stage_snapshots
from pipeline.errors import SettingsError


def load(folder, text, preset="default"):
    (folder / "tiny.toml").write_text(text)
    return load_experiment("tiny", preset, folder)


MODEL = "[models.linear]\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[split]\nfold = 5\n" + MODEL, r"\[split\] fold: there is no such key.*'folds'"),
        ("[splitt]\n" + MODEL, r"\[splitt\].*allowed are competition, load"),
        ("[split]\nfolds = '5'\n" + MODEL, r"\[split\] folds: found '5', but .*integer"),
        ("[split]\nfolds = 1\n" + MODEL, r"\[split\] folds: found 1, but .*equal to 2"),
        ("[split]\nfolds = 5.5\n" + MODEL, r"\[split\] folds: found 5.5"),
        ("[blend]\nl2 = nan\n" + MODEL, r"\[blend\] l2: found nan"),
        ("[budget]\nminutes = 0\n" + MODEL, r"\[budget\] minutes: found 0, but .*greater than 0"),
        ("[budget]\nminutes = -1.5\n" + MODEL, r"\[budget\] minutes: found -1.5, but .*greater"),
        ("[budget]\nminutes = '6'\n" + MODEL, r"\[budget\] minutes: found '6', but .*number"),
        ("[budget]\nminutes = inf\n" + MODEL, r"\[budget\] minutes: found inf"),
        ("[budget]\nhours = 1\n" + MODEL, r"\[budget\] hours: .*allowed are minutes"),
        ("split = 3\n" + MODEL, r"\[split\]: found 3, but it should be a table"),
        ("[competition]\nmetric = 'auc'\n" + MODEL, r"metric: found 'auc'.*accuracy.*roc_auc"),
        (
            "[competition]\ntask = 'binary'\nmetric = 'rmse'\n" + MODEL,
            r"metric: found 'rmse', but the target is a binary one",
        ),
        ("[models.gpt]\n", r"no model 'gpt'; allowed are .*lightgbm, linear, logistic"),
        ("[models.linear]\nl3 = 1\n", r"\[models.linear\] l3: .*allowed are trials.*l2"),
        ("[models.linear]\nl2 = -1\n", r"\[models.linear\] l2: found -1"),
        ("[models.neural_net]\nhidden = [64, 0]\n", r"\[models.neural_net.hidden\] 1: found 0"),
        ("[models.neural_net]\nbetas = [1.0, 0.9]\n", r"\[models.neural_net.betas\] 0: found 1"),
        ("[models.rnn]\nhidden = [-1]\n", r"\[models.rnn.hidden\] 0: found -1"),
        ("[split]\n", r"no \[models.NAME\] table"),
        ("models = 3\n", r"no \[models.NAME\] table"),
        ("x = [", "not TOML"),
        *(
            (f"[competition]\nurl = {json.dumps(url)}\n" + MODEL, r"\[competition\] url.*http://")
            for url in (
                "javascript:alert(1)",
                "data:text/html,x",
                "//evil.example",
                "file:///etc/passwd",
                "https://a\tb",
                " https://dacon.io",
            )
        ),
        ('[load.columns]\nAge = {kind = "integer", mn = 0}\n' + MODEL, r"\[load.columns.Age\] mn"),
        ("presets = 3\n" + MODEL, r"\[presets\]: found 3"),
        ("[presets.quick.split]\nfold = 3\n" + MODEL, r"preset 'quick'.*\[split\] fold"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(tmp_path, text, told):
    with pytest.raises(SettingsError, match=told) as error:
        load(tmp_path, text)
    assert str(tmp_path / "tiny.toml") in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_competition_is_told_with_those_known(tmp_path):
    with pytest.raises(SettingsError, match="known are: airline"):
        load_experiment("airlin")


def test_an_unknown_preset_is_told_with_those_known(tmp_path):
    with pytest.raises(SettingsError, match="no preset 'fast'; allowed are default, quick"):
        load(tmp_path, MODEL + "[presets.quick]\n", "fast")


def test_a_preset_changes_its_own_keys_and_no_other(tmp_path):
    text = "[split]\nfolds = 4\nrepeats = 3\n[models.linear]\n[presets.quick.split]\nrepeats = 1\n"
    assert load(tmp_path, text).split.repeats == 3
    quick = load(tmp_path, text, "quick").split
    assert (quick.folds, quick.repeats) == (4, 1)


def changed(folder, before, after):
    """Names of the snapshots that differ between two TOMLs."""
    one, other = (stage_snapshots(load(folder, text)) for text in (before, after))
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


BASE = "[split]\nfolds = 3\n[submit]\nnote = 'a'\n[models.linear]\n[models.logistic]\n"


@pytest.mark.parametrize(
    ("edit", "snapshots"),
    [
        (("folds = 3", "folds = 3  # a comment"), set()),
        (("note = 'a'", "note = 'b'"), {"submit"}),
        (("[split]", "[budget]\nminutes = 6\n[split]"), {"budget"}),
        (("folds = 3", "folds = 4"), {"split"}),
        (("[models.linear]", "[models.linear]\nl2 = 1.0"), {"tune-linear", "train-linear"}),
        (("[models.linear]", "[models.linear]\ntrials = 7"), {"tune-linear", "budget"}),
    ],
)
def test_an_edit_changes_the_snapshots_of_those_who_read_it(tmp_path, edit, snapshots):
    assert changed(tmp_path, BASE, BASE.replace(*edit)) == snapshots


@pytest.mark.parametrize("name", sorted(path.stem for path in COMPETITIONS.glob("*.toml")))
def test_the_competitions_that_come_along_are_valid_in_every_preset(name):
    for preset in ("default", "quick", "best"):
        assert load_experiment(name, preset).models
