"""One run of a competition: compute what is missing, publish the file, keep the experiment.

What `make all`, single stages and `pipeline.run` do alike.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import code, experiments, ledger, page, scratch, submission, summary, unchanged
from pipeline.answers import answer_rows
from pipeline.config import (
    Cluster,
    Competition,
    Configuration,
    Load,
    TargetSettings,
    load_configuration,
    validate,
)
from pipeline.errors import DataError
from pipeline.experiments import About, Experiment
from pipeline.files import in_use, locked, to_json, write_atomically
from pipeline.flow import OVER_TARGETS, Flow, Node, Reporter, goals_of
from pipeline.parallel import workers
from pipeline.prediction_file import (
    labelled,
    predictions_path,
    side_by_side,
    write_predictions,
)
from pipeline.predictor import Predictor
from pipeline.reading.new_rows import read_rows
from pipeline.stage_settings import LoadStage
from pipeline.store import Store
from pipeline.targets import folder_of
from pipeline.wording import count, duration, from_here, make_command, some
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

MOST_NAMED = 3
PAGES = {"explore": "explore.html", "evaluate": "report.html"}


@dataclass(frozen=True)
class Session:
    """What a run left: its flow, and the experiment, if it blended."""

    flow: Flow
    experiment: Experiment | None
    lines: tuple[str, ...]


def run(
    workspace: Workspace,
    goal: str = "all",
    preset: str = "default",
    note: str = "",
    reporter: Reporter | None = None,
    configuration: Configuration | None = None,
    new_plan: bool = False,
    in_child_processes: bool = False,
    cluster: str = "",
) -> Session:
    """Compute what a goal lacks; the configuration is the TOML's, if none is given.

    `new_plan` divides the minutes of [budget] again, where an earlier run has divided them. Only a
    run of the TOML as it stands lets the next `make` find that there is nothing to do. Stages
    computed `in_child_processes` give their memory back before the next one starts. `cluster` is
    the address of a scheduler, in the place of the one of [cluster].
    """
    experiments.read_all(workspace)  # a damaged record is reported now, not after the work
    code.refresh()
    toml = workspace.toml.read_bytes() if workspace.toml.is_file() else None
    started, before = time.perf_counter(), unchanged.fingerprint(workspace, preset, toml)
    chosen = configuration or load_configuration(workspace.competition, preset, content=toml)
    if cluster:
        asked = validate(Cluster, {"scheduler": cluster}, "--cluster", "cluster").scheduler
        update = {"cluster": chosen.cluster.model_copy(update={"scheduler": asked})}
        chosen = chosen.model_copy(update=update)
    if chosen.cluster.scheduler is not None:
        from pipeline.cluster.hosting import require_dask

        require_dask("[cluster] scheduler")
    flags = {"new_plan": new_plan, "in_child_processes": in_child_processes}
    flow = start(workspace, chosen, reporter or Reporter(), **flags)
    goals_of(goal, flow.names, flow.targets)  # a goal that is none leaves nothing behind
    with in_use(workspace.lock):
        return _run(flow, goal, About(preset, note, started), None if configuration else before)


def _run(flow: Flow, goal: str, about: About, before: str | None) -> Session:
    """Compute, keep, and write; `before` is what the next run may compare itself with."""
    # the file first: no failure of a page stands before it
    for each in ("submit", goal) if goal == "all" else (goal,):
        flow.run(each)
        experiment, published = flow.call(partial(_keep, flow, about))
    lines: tuple[str, ...] = ()
    if goal == "all" and experiment is not None:
        lines = tuple(summary.summarise(flow, experiment))
    # where several runs write to one place, all that stands there is of one of them
    with locked(flow.workspace.build / ".pages.lock"):
        left = [*_write_pages(flow, experiment), *filter(None, [published])]
        if experiment is not None and flow.has("submit"):
            experiments.make_current(flow.workspace, experiment)
        if lines and before is not None:
            _remember(flow, about.preset, before, lines[0], left)
    return Session(flow, experiment, lines)


def _keep(flow: Flow, about: About) -> tuple[Experiment | None, Path | None]:
    """Keep the run as an experiment, if it has blended, and its file, if it has made one."""
    if not flow.has("blend"):
        return None, None
    experiment = experiments.keep(flow, about)
    submitted = flow.value("submit") if flow.has("submit") else None
    if submitted is None or not submitted.content:
        return experiment, None
    folder = flow.workspace.submissions
    return experiment, submission.publish(submitted, folder, experiment.number, about.note)


def start(
    workspace: Workspace, configuration: Configuration, reporter: Reporter, **flags: bool
) -> Flow:
    """A flow that has computed nothing yet; `flags` are fields of Flow."""
    entries = ledger.read(workspace.submissions / ledger.FILENAME)
    return Flow(configuration, workspace, reporter, ledger.scored(entries), **flags)


def _write_pages(flow: Flow, experiment: Experiment | None) -> Iterator[Path]:
    """The pages beside the experiment, and those of the last run where they are easily found.

    Those of several targets are in a folder each, beside the page on all of them.
    """
    folders = [flow.workspace.build]
    if experiment is not None:
        folders.append(flow.workspace.experiments / experiment.name)
    for folder in folders:
        if len(flow.targets) == 1:
            yield from _write_pages_in(folder, flow, experiment, PAGES)
            continue
        for place, target in enumerate(flow.targets, start=1):
            own = folder / "targets" / folder_of(place, target)
            yield from _write_pages_in(own, flow.of(target), experiment, PAGES)
        yield from _write_pages_in(folder, flow, experiment, {OVER_TARGETS: PAGES["evaluate"]})


def _write_pages_in(
    folder: Path, flow: Flow, experiment: Experiment | None, names: Mapping[str, str]
) -> Iterator[Path]:
    """The pages that these stages made, by stage, and their figures."""
    pages = {name: flow.value(stage) for stage, name in names.items() if Node(stage) in flow.done}
    figures = {f"{name}.png": png for each in pages.values() for name, png in each.figures.items()}
    for name, each in pages.items():
        _write(folder / name, page_with_run_details(each.html, flow.workspace, experiment))
        _write(folder / Path(name).with_suffix(".json"), to_json(each.summary))
        yield folder / name
    for name, png in figures.items():
        _write(folder / "figures" / name, png)
    if len(pages) == len(names):
        for path in (folder / "figures").glob("*.png"):
            if path.name not in figures:
                path.unlink()  # of other settings


def page_with_run_details(html: str, workspace: Workspace, experiment: Experiment | None) -> str:
    """A stage's page with what only the run knows: the experiment, its preset and its note."""
    if experiment is None:
        return page.with_run_details(html, "", make_command(workspace.competition, "all"))
    again = make_command(workspace.competition, "all", experiment.preset)
    return page.with_run_details(html, experiment.title, again)


def _write(path: Path, content: str | bytes) -> None:
    """Write a file unless it holds just that already."""
    data = content.encode() if isinstance(content, str) else content
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, data)


def _remember(flow: Flow, preset: str, before: str, headline: str, left: list[Path]) -> None:
    """For the next run, which need not begin where nothing has changed."""
    keys = tuple((done.key.kind, done.key.hash) for done in flow.done.values())
    folder = flow.workspace.experiments
    kept = [*left, folder / experiments.CURRENT, *folder.glob(f"*/{experiments.RECORD}")]
    kept += sorted(flow.workspace.plans.glob("*.json"))
    kept += flow.foreign_files
    parts = {part for done in flow.done.values() for part in done.dependencies.code}
    kept += [code.file_of(part) for part in sorted(parts) if part.startswith(code.OUTSIDE)]
    files = unchanged.files_left(flow.workspace, kept)
    seen = unchanged.Seen(preset, before, headline, keys, files)
    unchanged.remember(flow.workspace, seen)


# -- looking at it ---------------------------------------------------------------------------------


def describe_graph(workspace: Workspace, preset: str) -> Iterator[str]:
    """A line a stage: what it takes, and whether its value is there, or why it would run."""
    configuration = load_configuration(workspace.competition, preset)
    flow = start(workspace, configuration, Reporter(), looks_only=True)
    nodes = flow.nodes("all")
    known = experiments.read_all(workspace)
    known.sort(key=lambda each: each.preset == preset)  # those of the preset last
    before = {
        node: next((each for each in reversed(known) if node.name in each.nodes), None)
        for node in nodes
    }
    took = {node: _seconds(flow, node, before[node]) for node in nodes}
    takes = {
        node: ", ".join(dict.fromkeys(each.stage for each in flow.inputs(node))) or "the raw files"
        for node in nodes
    }
    widths = max(len(node.name) for node in nodes), max(map(len, takes.values()))
    for node in nodes:
        state = _state(flow, node, before[node], took[node])
        yield f"{node.name:<{widths[0]}}  <- {takes[node]:<{widths[1]}}  {state}"
    missing = [took[node] for node in nodes if node not in flow.done]
    if any(missing):
        yield f"all that may run took {duration(sum(filter(None, missing)))} the last time"
    yield f"store: {flow.store.size() / 1e6:,.1f} MB in {from_here(workspace.store)}"


def _seconds(flow: Flow, node: Node, before: Experiment | None) -> float | None:
    """How long an earlier experiment took for a node, where that is known."""
    manifest = None if before is None else flow.store.manifest(before.key(node.name))
    return None if manifest is None else manifest.seconds


def _state(flow: Flow, node: Node, before: Experiment | None, took: float | None) -> str:
    """Whether a node's value is there, or why it would run."""
    lacking = [each.name for each in flow.inputs(node) if each not in flow.done]
    if not lacking and flow.look_up(node):
        return f"there ({duration(flow.done[node].manifest.seconds)})"
    seconds = "" if took is None else f"; took {duration(took)} the last time"
    if lacking:
        after = some(lacking, MOST_NAMED)
        return f"would run after {after}, unless that changes nothing{seconds}"
    reason = experiments.reason(flow.store, before, node.name, flow.dependencies(node))
    return f"would run: {reason}{seconds}"


def last_experiment(workspace: Workspace) -> Experiment:
    """The last complete run; raises DataError where there is none."""
    found = experiments.current(workspace)
    if found is None:
        raise DataError(
            f"{workspace.build}: there is no complete run of {workspace.competition} yet. Run "
            f"`{make_command(workspace.competition, 'all')}` first."
        )
    return found


def adopt(workspace: Workspace, experiment: Experiment, names: Sequence[str] = ()) -> Flow:
    """An experiment's values as they lie in the store, whatever code and settings are now.

    `names` are the nodes that are needed, by default all. Raises DataError where one has gone.
    """
    flow = Flow(_known_settings(experiment), workspace)
    for name in names or experiment.nodes:
        digest = experiment.nodes[name].digest
        flow.adopt(Node.named(name), experiment.key(name), digest, experiment.preset)
    return flow


def _known_settings(experiment: Experiment) -> Configuration:
    """What a flow that computes nothing has to know: metrics, targets and names of models."""
    models = dict.fromkeys(experiment.trained)
    if not experiment.targets:
        asked = Competition(metric=experiment.metric)
        return Configuration.model_construct(competition=asked, models=models)
    targets = {each.target: TargetSettings(metric=each.metric) for each in experiment.targets}
    load = Load(target=experiment.target_names)
    return Configuration.model_construct(load=load, targets=targets, models=models)


def last_summary(workspace: Workspace) -> list[str]:
    """What `make all` printed at the end of the last complete run."""
    experiment = last_experiment(workspace)
    if not experiment.has_report:
        raise DataError(
            f"experiment {experiment.number} of {workspace.competition} has no report. Run "
            f"`{make_command(workspace.competition, 'all', experiment.preset)}`, which makes one."
        )
    with in_use(workspace.lock):
        return summary.summarise(adopt(workspace, experiment), experiment)


def submit_again(workspace: Workspace, number: str) -> list[str]:
    """Write an earlier experiment's submission again."""
    experiment = experiments.find(workspace, number)
    if experiment.submission is None:
        raise DataError(
            f"experiment {experiment.number} of {workspace.competition} has no submission: it "
            "ended before, or had no rows to predict. Choose another one, or run its settings "
            "again."
        )
    file = workspace.submissions / experiment.submission
    with in_use(workspace.lock):
        try:
            submitted = adopt(workspace, experiment, ["submit"]).value("submit")
        except DataError as error:
            there = f"{from_here(file)} is there still. " if file.is_file() else ""
            raise DataError(f"{there}It cannot be written again: {error}") from None
        about = experiment.number, experiment.note
        path = submission.publish(submitted, workspace.submissions, *about)
    return [f"{from_here(path)}: the submission of experiment {experiment.number}"]


@dataclass(frozen=True)
class Scored:
    """Where the predictions are, of how many rows, what is odd about these, and whose they are."""

    path: Path
    rows: int
    notes: tuple[str, ...]
    experiment: Experiment


def predict_file(
    workspace: Workspace, file: Path, out: Path | None = None, number: str = ""
) -> Scored:
    """Predict the rows of a file by one experiment's models, by default the last complete one's.

    Raises DataError where `load` would refuse the file as a test table, and where the code is not
    the experiment's any more; SettingsError where another file would be overwritten.
    """
    experiment = experiments.find(workspace, number) if number else last_experiment(workspace)
    _refuse_other_code(workspace, experiment)
    with in_use(workspace.lock), scratch.within(workspace.build):
        return _predict_file(workspace, experiment, file, out)


def _predict_file(
    workspace: Workspace, experiment: Experiment, file: Path, out: Path | None
) -> Scored:
    flow = adopt(workspace, experiment, [n for n in experiment.nodes if _predicts(n)])
    flows = {target: flow.of(target) for target in flow.targets}
    loads = [each.value("load") for each in flows.values()]
    place = predictions_path(
        file,
        out,
        raw=workspace.raw.parent,
        submissions=workspace.submissions,
        problems=[load.problem for load in loads],
    )
    tables: list[pd.DataFrame] = []
    notes: dict[str, None] = {}
    with workers() as parallel_map:  # before the reading starts threads
        for target, load in zip(flows, loads, strict=True):
            rows = read_rows(file, load, load_settings(experiment, target))
            predictor = predictor_of(flows[target])
            prediction = predictor.predict(rows.frame, parallel_map, rows.groups)
            table = labelled(prediction, load.problem, rows.ids, several=len(flows) > 1)
            if rows.groups is not None:  # one line a group
                table = table.iloc[answer_rows(rows.groups)]
            tables.append(table)
            notes |= dict.fromkeys(rows.notes)
    table = side_by_side(tables)
    return Scored(place, len(table), (*write_predictions(place, table), *notes), experiment)


def _predicts(node: str) -> bool:
    """Whether predictions need this node's value."""
    return Node.named(node).stage in ("load", "split", "encode", "blend", "train")


def _refuse_other_code(workspace: Workspace, experiment: Experiment) -> None:
    """Encoders of one code and models of another would predict, and be wrong."""
    used = {part for name in experiment.nodes if _predicts(name) for part in experiment.parts(name)}
    now = {part: (code.now(part) or "gone")[: experiments.SHORT] for part in used}
    known = {part: experiment.code[part] for part in used}
    changed = list(experiments.code_changes(known, now))
    if changed:
        last, again = experiments.current(workspace), make_again(workspace, "all")
        helps = "computes again what depends on it"
        if last is None or last.number != experiment.number:
            helps = "makes a new experiment: to predict by that one, leave --experiment out"
        raise DataError(
            f"the code is not that of experiment {experiment.number} any more: "
            f"{some(changed, MOST_NAMED)}. Put the code back, or run `{again}`, which {helps}."
        )


def load_settings(experiment: Experiment, target: str = "") -> LoadStage:
    """How an experiment read its files, for one of several targets."""
    settings = experiment.nodes[Node("load", "", target).name].settings
    return LoadStage.model_validate_json(json.dumps(settings))


def predictor_of(flow: Flow) -> Predictor:
    """The blend of a run, ready for new rows."""
    names = ("load", "split", "blend")
    load, split, blend = (flow.value(name) for name in names)
    train = {name: flow.value("train", name) for name in flow.names}
    foreign = [name for name in blend.blend.needed if train[name].is_foreign]
    if foreign:
        raise DataError(
            f"the blend has a part of {some(foreign, MOST_NAMED)}, predictions from elsewhere, "
            "which know no new rows. Predict with an experiment that has none: --experiment NUMBER."
        )
    return Predictor(load, split, train, blend, flow.fits())


def reporting_goal(workspace: Workspace) -> str:
    """The stage that draws leaderboard scores: of several targets the mean, as they are of all."""
    experiment = experiments.current(workspace)
    return OVER_TARGETS if experiment and experiment.targets else "evaluate"


def make_again(workspace: Workspace, goal: str) -> str:
    """As one would type it to go on with the last run: with the preset that it had."""
    experiment = experiments.current(workspace)
    return make_command(workspace.competition, goal, experiment.preset if experiment else "default")


def clean(workspace: Workspace) -> str:
    """Delete what was computed.

    Raises DataError where the folder is a link: what lies behind it may be somebody else's.
    """
    _refuse_links(workspace)
    store, where = Store(workspace.store), from_here(workspace.store)
    if not workspace.store.exists():
        return f"nothing to delete in {where}"
    with in_use(workspace.lock, alone="cleaning"):
        size = store.size()
        store.clean()
    return f"deleted {size / 1e6:,.1f} MB in {where}"


def prune(workspace: Workspace, keep: int) -> str:
    """Delete what the last `keep` experiments do not need."""
    _refuse_links(workspace)
    with in_use(workspace.lock, alone="pruning"):
        gone, before, after = experiments.prune(workspace, keep)
    sizes = f"{before / 1e6:,.1f} MB -> {after / 1e6:,.1f} MB"
    return f"deleted {count(gone, 'value')} of {from_here(workspace.store)}: {sizes}"


def _refuse_links(workspace: Workspace) -> None:
    for folder in (workspace.build, workspace.store):
        if folder.is_symlink():
            raise DataError(
                f"{folder}: this is a link to {folder.resolve()}, and nothing was deleted: what "
                "lies behind a link may be of use elsewhere. Remove the link, or empty that "
                "folder yourself."
            )
