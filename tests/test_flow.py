"""The graph is what the stages' signatures say, and a run computes what is missing of it."""

import re
import sys
from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from pipeline import code, flow
from pipeline.config import Configuration, load_configuration
from pipeline.errors import DataError, SettingsError
from pipeline.flow import SERVICES, Flow, Node, Reporter, goals_of, inputs_of, nodes_for, stages
from pipeline.session import describe_graph
from pipeline.stage_settings import stage_settings

NAMES = ("linear", "lightgbm")


@pytest.fixture
def toy_stages(tmp_path, monkeypatch):
    """install(function, ...) in the place of the stages."""

    def clear():
        flow.stages.cache_clear()
        flow.member_stages.cache_clear()

    def install(*functions):
        for function in functions:
            name = function.__name__
            (tmp_path / f"{name}.py").touch()
            module = SimpleNamespace(**{name: function})
            monkeypatch.setitem(sys.modules, f"pipeline.stages.{name}", module)
        clear()

    monkeypatch.setattr(flow, "STAGES", tmp_path)
    yield install
    clear()


# written down from the last to the first: names and files say nothing about the order
def average(settings, gather: list, measure: Mapping[str, int], progress) -> float: ...
def measure(settings, gather: list, budget) -> int: ...
def gather(settings, raw) -> list: ...


def test_a_stage_takes_what_its_parameters_name(toy_stages):
    toy_stages(average, measure, gather)
    found = stages()
    assert set(found) == {"average", "measure", "gather"}
    assert found["average"].inputs == ("gather", "measure")
    assert found["average"].collected == {"measure"}
    assert found["average"].services == {"progress"}
    assert found["average"].value is float
    assert found["measure"].inputs == ("gather",) and found["measure"].services == {"budget"}
    assert found["gather"].inputs == ()


def test_what_is_collected_is_computed_once_a_member(toy_stages):
    toy_stages(average, measure, gather)
    assert flow.member_stages() == {"measure"}
    assert inputs_of(Node("average"), NAMES) == [
        Node("gather"),
        Node("measure", "linear"),
        Node("measure", "lightgbm"),
    ]
    assert inputs_of(Node("measure", "linear"), NAMES) == [Node("gather")]


def test_nodes_come_after_what_they_take_and_no_others_come(toy_stages):
    toy_stages(average, measure, gather)
    every = [node.name for node in nodes_for([Node("average")], NAMES)]
    assert every == ["gather", "measure-linear", "measure-lightgbm", "average"]
    alone = nodes_for([Node("measure", "lightgbm")], NAMES)
    assert [node.name for node in alone] == ["gather", "measure-lightgbm"]


def test_a_parameter_that_is_no_stage_and_no_service_is_refused(toy_stages):
    def rate(settings, gather: list, weather) -> int: ...

    toy_stages(gather, rate)
    message = (
        r"stages/rate\.py: the parameter 'weather' of rate is no stage and no service; "
        r"stages are gather, rate; services are raw, .*progress"
    )
    with pytest.raises(TypeError, match=message):
        stages()


def test_a_stage_must_return_a_class_and_not_its_name(toy_stages):
    def rate(settings, gather: list) -> "int": ...

    toy_stages(gather, rate)
    with pytest.raises(TypeError, match=r"stages/rate\.py: rate .* 'int'; .* without quotes"):
        stages()


def test_a_stage_without_its_field_of_settings_is_refused():
    configuration = Configuration(models={"linear": {}})
    with pytest.raises(TypeError, match=r"config\.py: Configuration has no field 'rate'"):
        stage_settings(configuration, "airline", "rate", "")


def test_a_file_without_its_stage_is_refused(toy_stages):
    toy_stages(gather)
    flow.STAGES.joinpath("rate.py").touch()
    sys.modules["pipeline.stages.rate"] = SimpleNamespace()
    try:
        with pytest.raises(TypeError, match=r"stages/rate\.py: there is no function 'rate'"):
            stages()
    finally:
        del sys.modules["pipeline.stages.rate"]


# -- the stages that there are ---------------------------------------------------------------------


def test_every_node_of_a_complete_run_comes_after_its_inputs():
    nodes = nodes_for(goals_of("all", NAMES), NAMES)
    assert len(nodes) == len({*nodes})
    assert {node.stage for node in nodes} == set(stages()) - {flow.OVER_TARGETS}
    for place, node in enumerate(nodes):
        assert {*inputs_of(node, NAMES)} <= {*nodes[:place]}
    assert all(stage.services <= set(SERVICES) for stage in stages().values())


def test_the_submission_waits_for_no_page():
    names = [node.stage for node in nodes_for(goals_of("all", NAMES), NAMES)]
    assert max(names.index(page) for page in ("explore", "evaluate")) > names.index("submit")
    assert "explore" not in {node.stage for node in nodes_for([Node("submit")], NAMES)}


@pytest.mark.parametrize(
    ("goal", "nodes"),
    [
        ("load", ["load"]),
        ("train", ["train-linear", "train-lightgbm"]),
        ("train-lightgbm", ["train-lightgbm"]),
        ("all", ["submit", "explore", "evaluate"]),
    ],
)
def test_a_goal_is_a_stage_or_one_members_part_of_it(goal, nodes):
    assert [node.name for node in goals_of(goal, NAMES)] == nodes


@pytest.mark.parametrize(
    "goal", ["", "fly", "load-linear", "train-", "train-rnn", "-linear", "LOAD", "train_linear"]
)
def test_another_goal_is_refused_with_those_that_there_are(goal):
    message = f"no goal '{goal}'; allowed are all, .*train-NAME.*linear, lightgbm"
    with pytest.raises(SettingsError, match=message):
        goals_of(goal, NAMES)


# -- a run -----------------------------------------------------------------------------------------


def flow_of(small, preset="default"):
    configuration = load_configuration("tiny", preset)
    return Flow(configuration, small.workspace, Reporter(silent=True))


def test_what_is_stored_is_found_and_not_computed(small, monkeypatch):
    monkeypatch.setattr(Flow, "_compute", None)
    again = flow_of(small)
    again.run("all")
    assert not any(done.computed for done in again.done.values())
    assert again.value("blend").test.shape == (30, 2)


def test_a_goal_computes_nothing_beyond_it(small):
    small.store.clean()
    run = flow_of(small)
    run.run("train-linear")
    ran = ["load", "split", "encode", "tune-linear", "train-linear"]
    assert sorted(node.name for node in run.done) == sorted(ran)
    assert {key.kind for key in [*small.store.keys()]} == {
        *("load", "split", "encode", "tune", "train", "fit", "test")
    }


def test_a_key_holds_what_a_value_depends_on_and_no_more(small):
    """Another model's settings, and a preset that changes them, leave a model's keys alone."""
    flows = [flow_of(small), flow_of(small, "quick")]
    for each in flows:
        each.run("blend")
    keys = [{node.name: done.key for node, done in each.done.items()} for each in flows]
    assert {name for name in keys[0] if keys[0][name] != keys[1][name]} == {
        *("tune-lightgbm", "train-lightgbm", "blend")
    }


def test_the_modules_that_count_follow_from_what_a_stage_takes(small, toy_stages):
    """A new stage needs no entry anywhere: `fits` brings the models, those of all the features."""

    def agree(settings, measure: Mapping[str, int], fits) -> float: ...
    def measure(settings, gather: list, fits) -> int: ...

    toy_stages(agree, measure, gather)
    small.edit("[split]", '[encode]\nfeatures = "airline"\n[split]')
    run = flow_of(small)
    assert run._code(Node("agree"))[1:] == [
        *("pipeline.models.lightgbm", "pipeline.models.linear", "pipeline.competitions.airline")
    ]
    assert run._code(Node("measure", "linear"))[1:] == ["pipeline.models.linear"]
    assert run._code(Node("gather"))[1:] == []


def test_a_value_that_does_not_change_reruns_nothing_after_it(small, with_code):
    """What a stage takes is known by its content."""
    with_code("stages/load.py", "0" * 64)
    run = small.run()
    assert [node.name for node, done in run.flow.done.items() if done.computed] == ["load"]


def test_a_value_of_an_earlier_run_that_has_gone_is_one_message(small):
    run = small.run()
    key, digest = run.flow.done[Node("blend")].key, run.flow.done[Node("blend")].manifest.digest
    with pytest.raises(DataError, match="the value of blend is damaged"):
        flow_of(small).adopt(Node("blend"), key, "0" * 64)
    small.store.remove(key)
    with pytest.raises(
        DataError, match=rf"{key.path}: the value of blend is not in the store.*clean.*make C=tiny"
    ):
        flow_of(small).adopt(Node("blend"), key, digest)


# -- the graph as it is printed --------------------------------------------------------------------


def printed(small, preset="default"):
    """What `graph` says of each node, and its last line."""
    *lines, last = describe_graph(small.workspace, preset)
    found = {}
    for line in lines:
        if "<- " in line:
            name, _, rest = line.partition(" ")
            takes, state = rest.split("<- ")[1].split("  ", 1)
            found[name] = takes.strip(), state.strip().partition("; took ")[0]
    return found, last


def test_a_finished_run_is_there(small):
    found, last = printed(small)
    assert all(state.startswith("there (") for _, state in found.values())
    assert next(iter(found)) == "load" and found["load"][0] == "the raw files"
    assert found["blend"][0] == "load, split, train"
    assert last.startswith("store: ") and last.endswith(" MB in data/build/tiny/store")


def test_what_would_run_is_given_the_seconds_that_it_took(small):
    small.edit("folds = 2", "folds = 3")
    *lines, total, _ = describe_graph(small.workspace, "default")
    states = [line.partition("<- ")[2].partition("  ")[2].strip() for line in lines]
    run = [state for state in states if state.startswith("would run")]
    assert len(run) > 5
    assert all(re.search(r"; took [\d.]+ seconds? the last time$", state) for state in run)
    assert re.fullmatch(r"all that may run took [\d.]+ seconds? the last time", total)
    assert len({line.index("<- ") for line in lines}) == 1


def in_raw(small):
    small.test_file.write_text(small.test_file.read_text().replace("Bern", "Ulm", 1))


def without_a_value(small):
    (key,) = (key for key in [*small.store.keys()] if key.kind == "split")
    small.store.remove(key)


@pytest.mark.parametrize(
    ("change", "node", "reason"),
    [
        (
            lambda small: small.edit("max_rounds = 5", "max_rounds = 4"),
            "tune-lightgbm",
            "settings changed: max_rounds 5 -> 4",
        ),
        (
            lambda small: small.edit("folds = 2", "folds = 3"),
            "split",
            "settings changed: folds 2 -> 3",
        ),
        (
            lambda small: small.edit("[models.linear]", "[models.logistic]\n[models.linear]"),
            "tune-logistic",
            "never computed",
        ),
        (in_raw, "load", "raw files changed"),
        (without_a_value, "split", "not in the store any more, as after `prune` or `clean`"),
    ],
    ids=["setting", "folds", "model", "raw file", "value"],
)
def test_a_node_that_would_run_has_its_reason(small, change, node, reason):
    change(small)
    assert printed(small)[0][node][1] == f"would run: {reason}"


@pytest.mark.parametrize(
    ("part", "now", "reason"),
    [
        ("models/lightgbm.py", "0" * 64, "code changed: models/lightgbm.py"),
        ("lightgbm", "9.9.9", "code changed: lightgbm {then} -> 9.9.9"),
    ],
)
def test_code_that_changed_is_named(small, with_code, part, now, reason):
    then = code.now(part)
    with_code(part, now)
    found, _ = printed(small)
    assert found["tune-lightgbm"][1] == f"would run: {reason.format(then=then)}"
    assert found["tune-linear"][1].startswith("there (")
    after = "would run after tune-lightgbm, unless that changes nothing"
    assert found["train-lightgbm"][1] == after


def test_another_preset_is_compared_with_the_last_run(small):
    found, _ = printed(small, "quick")
    assert found["tune-lightgbm"][1] == "would run: settings changed: max_rounds 5 -> 3"
    assert found["tune-linear"][1].startswith("there (")


def test_before_the_first_run_nothing_was_computed(small):
    small.store.clean()
    for path in small.workspace.experiments.rglob("experiment.json"):
        path.unlink()
    found, _ = printed(small)
    assert found["load"][1] == "would run: never computed"
    assert found["split"][1] == "would run after load, unless that changes nothing"
