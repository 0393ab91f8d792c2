"""A TOML becomes settings, or one message that says where, what was found and what is allowed."""

import json

import pytest

from pipeline.config import load_configuration
from pipeline.errors import SettingsError
from pipeline.flow import goals_of, nodes_for
from pipeline.stage_settings import members, stage_settings
from pipeline.workspace import COMPETITIONS


def load(folder, text, preset="default"):
    (folder / "tiny.toml").write_text(text)
    return load_configuration("tiny", preset, folder)


MODEL = "[models.linear]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[split]\nfold = 5\n" + MODEL, r"\[split\] fold: there is no such key.*'folds'"),
        ("[splitt]\n" + MODEL, r"\[splitt\].*allowed are competition, load.*models.*presets\. Did"),
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
        (
            "[competition]\ntask = 'multiclass'\nmetric = 'qwk'\n" + MODEL + "[models.logistic]\n",
            r'That is task = "regression", without \[models.logistic\].*move tiny.toml away and '
            r"run `python -m pipeline new tiny --from data/raw/tiny --metric qwk`",
        ),
        (
            "[competition]\ntask = 'regression'\nmetric = 'qwk'\n[models.logistic]\n",
            r"\[models.logistic\] needs classes, and the target is a regression one \(task = .*"
            r"new tiny --from data/raw/tiny --metric qwk`",
        ),
        (
            "[competition]\nmetric = 'mae'\n[models.odds]\nkind = 'logistic'\n",
            r'\[models.odds\] needs classes, .* regression one \(metric = "mae"\)',
        ),
        (
            "[load]\ntarget = ['a', 'b']\n[targets.b]\ntask = 'regression'\n[models.logistic]\n",
            r"\[models.logistic\] needs classes, and the target 'b' is a regression one",
        ),
        ("[models.gpt]\n", r"no model 'gpt'; allowed are .*lightgbm, linear, logistic"),
        ("[models.linear]\nl3 = 1\n", r"\[models.linear\] l3: .*allowed are kind.*trials.*l2"),
        ("[models.blend]\n", r"\[models.blend\]: the blend of all models has this name"),
        (
            "[models.stiff]\nkind = 'gpt'\n",
            r"\[models.stiff\] kind: found 'gpt', there is no model",
        ),
        (
            "[models.linear]\nencode = {rar = 3}\n",
            r"\[models.linear.encode\] rar: there is no such key; .*Did you mean 'rare'",
        ),
        (
            "[models.linear]\ncolumns = ['a']\ndrop = ['b']\n",
            r"\[models.linear\] has both columns and drop; allowed is one of them",
        ),
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
def test_a_mistake_is_one_message(tmp_path, text, message):
    with pytest.raises(SettingsError, match=message) as error:
        load(tmp_path, text)
    assert str(tmp_path / "tiny.toml") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_model_of_classes_may_be_given_values_as_classes(tmp_path):
    text = "[competition]\ntask = 'regression'\n[models.logistic]\nas_classes = true\n"
    assert load(tmp_path, text).models["logistic"].as_classes


def test_a_metric_of_two_classes_is_not_advised_to_be_one_of_them(tmp_path):
    with pytest.raises(SettingsError, match="multiclass") as error:
        load(tmp_path, "[competition]\ntask = 'multiclass'\nmetric = 'f1'\n" + MODEL)
    assert "That is task" not in str(error.value)


def test_an_unknown_competition_is_named_with_those_known(tmp_path):
    with pytest.raises(SettingsError, match="known are: airline"):
        load_configuration("airlin")


def test_an_unknown_preset_is_named_with_those_known(tmp_path):
    with pytest.raises(SettingsError, match="no preset 'fast'; allowed are default, quick"):
        load(tmp_path, MODEL + "[presets.quick]\n", "fast")


def test_a_preset_changes_its_own_keys_and_no_other(tmp_path):
    text = "[split]\nfolds = 4\nrepeats = 3\n[models.linear]\n[presets.quick.split]\nrepeats = 1\n"
    assert load(tmp_path, text).split.repeats == 3
    quick = load(tmp_path, text, "quick").split
    assert (quick.folds, quick.repeats) == (4, 1)


def settings_by_node(configuration):
    """What each node of the graph is given, by the node's name."""
    names = list(configuration.models)
    return {
        node.name: stage_settings(configuration, "tiny", node.stage, node.member).model_dump()
        for node in nodes_for(goals_of("all", names), names)
    }


def changed(folder, before, after):
    """Names of the nodes whose own settings differ between two TOMLs."""
    one, other = (settings_by_node(load(folder, text)) for text in (before, after))
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


BASE = "[split]\nfolds = 3\n[models.linear]\n[models.logistic]\n"


@pytest.mark.parametrize(
    ("edit", "nodes"),
    [
        (("folds = 3", "folds = 3  # a comment"), set()),
        (("folds = 3", "folds = 3\nrepeats = 1"), set()),
        (("[split]", "[budget]\nminutes = 6\n[split]"), set()),
        (("folds = 3", "folds = 4"), {"split"}),
        (("[split]", "[load]\nid = 'ID'\n[split]"), {"load"}),
        (("[split]", "[explore]\nseed = 1\n[split]"), {"explore"}),
        (("[split]", "[blend]\nrounds = 5\n[split]"), {"blend"}),
        (("[split]", "[evaluate]\nseed = 5\n[split]"), {"evaluate"}),
        (("[split]", "[competition]\ntitle = 'A'\n[split]"), {"evaluate"}),
        (("[split]", "[tune]\nseed = 5\n[split]"), {"tune-linear", "tune-logistic"}),
        (("[models.linear]", "[models.linear]\nl2 = 1.0"), {"tune-linear"}),
        (("[models.linear]", "[models.linear]\ntrials = 7"), {"tune-linear"}),
        (("[models.linear]", "[models.linear]\ndrop = ['x']"), {"encode", "tune-linear"}),
        (("[models.linear]\n", ""), {"tune-linear", "train-linear"}),
        (
            ("[split]", "[competition]\nmetric = 'log_loss'\n[split]"),
            {
                *("tune-linear", "tune-logistic", "train-linear", "train-logistic"),
                *("blend", "evaluate"),
            },
        ),
    ],
)
def test_an_edit_changes_the_settings_of_those_who_read_it(tmp_path, edit, nodes):
    assert changed(tmp_path, BASE, BASE.replace(*edit)) == nodes


def test_a_models_own_encoder_settings_are_laid_over_those_of_all(tmp_path):
    text = (
        "[encode]\nrare = 7\n[models.linear]\n"
        "[models.stiff]\nkind = 'linear'\ncolumns = ['a']\nencode = {rare = 9}\n"
    )
    found = members(load(tmp_path, text))
    assert {name: each.kind for name, each in found.items()} == {
        "linear": "linear",
        "stiff": "linear",
    }
    assert [each.encoder.rare for each in found.values()] == [7, 9]
    assert [each.encoder.columns for each in found.values()] == [None, ("a",)]


@pytest.mark.parametrize("name", sorted(path.stem for path in COMPETITIONS.glob("*.toml")))
def test_the_competitions_of_the_project_are_valid_in_every_preset(name):
    for preset in ("default", "quick", "best"):
        assert load_configuration(name, preset).models
