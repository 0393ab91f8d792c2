"""Every run of the pipeline that blended, kept: what it was, what came of it, and what differs.

An experiment is a folder with a number: `experiment.json`, its report, its exploration page. Its
values lie in the store. A run whose blend has the key of an earlier experiment is that experiment
again, whatever happened in between.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from pipeline.config import BLEND
from pipeline.errors import DataError, SettingsError
from pipeline.files import digest_of, locked, read_checked, with_checksum, write_atomically
from pipeline.flow import ONE, OVER_TARGETS, Dependencies, Done, Flow, Node, stages
from pipeline.metrics import METRICS, Estimate, Metric
from pipeline.metrics.own import PREFIX
from pipeline.store import Key, Store
from pipeline.targets import (
    Scored,
    average_blend,
    joint,
    mean_difference,
    mean_score,
    metric_named,
    scored,
)
from pipeline.wording import run_again, some
from pipeline.workspace import Workspace

RECORD, CURRENT, LOCK = "experiment.json", "current", ".lock"
MOST_CHANGES = 20  # of settings and packages, in a record
MOST_FILES = 3  # of the code, named in a record
CHANGED = " changed"
SHORT = 16  # letters of a hash that tell one from another


class Record(BaseModel):
    """A part of an experiment's file; what else stands in it is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class NodeRecord(Record):
    """A value of an experiment: where it lies, and what it was computed from.

    `code` lists the files and packages whose hashes and versions stand in `Experiment.code`.
    """

    key: tuple[str, str]
    digest: str
    settings: dict[str, Any]
    inputs: dict[str, str]
    sources: dict[str, str]
    code: tuple[str, ...]


class Difference(Record):
    """The score minus that of another experiment on the same rows, with its standard error."""

    to: int
    score: float
    standard_error: float

    @property
    def estimate(self) -> Estimate:
        return Estimate(self.score, self.standard_error)

    @property
    def is_zero(self) -> bool:
        """Whether the predictions are the same."""
        return self.score == 0 and self.standard_error == 0


class TargetRecord(Record):
    """What an experiment found of one of several targets; the fields are those of Experiment."""

    target: str
    metric: str
    score: float
    standard_error: float
    validated: float
    method: str
    weights: dict[str, float]
    models: dict[str, float]
    rows: str

    @property
    def expected(self) -> Estimate:
        return Estimate(self.score, self.standard_error)


class Experiment(Record):
    """One experiment.

    `score` is what a submission may expect, `validated` the nested score of its out-of-fold
    predictions. `best_before` compares these with the best earlier experiment on the same folds;
    None where there is none. `rows` is a hash of target and folds: experiments with the same one
    are compared row by row. `settings` are those of the TOML, the preset laid over it; `changes`
    are the code and the settings that differ from the experiment that `preceding` names. Of several
    `targets`, scores and weights are means over them.
    """

    number: int
    created: str
    preset: str
    note: str
    metric: str
    score: float
    standard_error: float
    validated: float
    method: str
    weights: dict[str, float]
    models: dict[str, float]
    seconds: float
    submission: str | None
    rows: str
    settings: dict[str, Any]
    changes: tuple[str, ...]
    best_before: Difference | None
    code: dict[str, str]
    nodes: dict[str, NodeRecord]
    targets: tuple[TargetRecord, ...] = ()

    @model_validator(mode="after")
    def _has_blended(self) -> Self:
        needed = ("load", "split", "encode", "blend")
        names = [Node(stage, "", each).name for each in self.target_names for stage in needed]
        absent = [name for name in names if name not in self.nodes]
        if absent:
            raise ValueError(f"nodes: there is no {absent[0]}")
        return self

    @property
    def target_names(self) -> tuple[str, ...]:
        """Of one target, ""."""
        return tuple(each.target for each in self.targets) or ONE

    def target(self, name: str) -> TargetRecord:
        """What was found of one of several targets."""
        return next(each for each in self.targets if each.target == name)

    @property
    def has_report(self) -> bool:
        """Whether the run got as far as its pages."""
        of_all = [OVER_TARGETS] if self.targets else []
        names = [Node("evaluate", "", target).name for target in self.target_names]
        return all(name in self.nodes for name in (*names, *of_all))

    @property
    def measure(self) -> Metric:
        """By what it was scored."""
        return metric_named(self.metric, [each.metric for each in self.targets])

    @property
    def label(self) -> str:
        """What it was scored by, in words; by its name where an own metric's file has gone."""
        try:
            return self.measure.label
        except SettingsError:
            return self.metric

    def metric_of(self, target: str) -> Metric:
        """By what one of its targets was scored."""
        return METRICS[self.target(target).metric if target else self.metric]

    @property
    def name(self) -> str:
        return f"{self.number:04d}"

    @property
    def title(self) -> str:
        """`experiment 3 (preset quick, 2026-11-29 20:31 UTC): smaller trees`."""
        note = f": {self.note}" if self.note else ""
        return f"experiment {self.number} (preset {self.preset}, {self.when} UTC){note}"

    @property
    def expected(self) -> Estimate:
        """The score that a submission may expect."""
        return Estimate(self.score, self.standard_error)

    @property
    def when(self) -> str:
        """To the minute, in UTC."""
        return self.created[:16].replace("T", " ")

    def parts(self, node: str) -> tuple[str, ...]:
        """The files and packages that a node runs."""
        return self.nodes[node].code

    @property
    def trained(self) -> list[str]:
        """Names of all models, in the order of the TOML."""
        nodes = map(Node.named, self.nodes)
        return list(dict.fromkeys(node.member for node in nodes if node.stage == "train"))

    @property
    def left_out(self) -> list[str]:
        """Names of the models that [budget] minutes left no repeat."""
        return [name for name in self.trained if name not in self.models]

    def key(self, node: str) -> Key:
        return Key(*self.nodes[node].key)

    def of(self, target: str) -> "Experiment":
        """The same, of one of several targets, as a run of this target alone would be."""
        nodes = {Node.named(name): each for name, each in self.nodes.items()}
        own = {
            replace(node, target="").name: each
            for node, each in nodes.items()
            if node.target == target
        }
        found = self.target(target).model_dump(exclude={"target"})
        return self.model_copy(update={**found, "nodes": own, "targets": (), "best_before": None})


# -- reading ---------------------------------------------------------------------------------------


def read_all(workspace: Workspace) -> list[Experiment]:
    """Every experiment, the oldest first; a folder without a complete record is none."""
    paths = sorted(workspace.experiments.glob(f"[0-9]*/{RECORD}"))
    found = (_read(path, workspace) for path in paths)
    return sorted(found, key=lambda each: each.number)  # 10000 comes after 9999


def _read(path: Path, workspace: Workspace) -> Experiment:
    try:
        return Experiment.model_validate(read_checked(path))
    except ValueError as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise DataError(
            f"{path}: this is no record of an experiment ({reason}). Move the folder away and "
            f"{run_again(workspace.competition)}."
        ) from None


def current(workspace: Workspace) -> Experiment | None:
    """The experiment that was run last."""
    file = workspace.experiments / CURRENT
    if not file.is_file():
        return None
    name = file.read_text(encoding="utf-8", errors="replace").strip()
    if not (name.isascii() and name.isdecimal()):
        raise DataError(
            f"{file}: found {name[:SHORT]!r}, allowed is the number of an experiment. Delete this "
            f"file and {run_again(workspace.competition)}."
        )
    path = workspace.experiments / name / RECORD
    return _read(path, workspace) if path.is_file() else None


def find(workspace: Workspace, number: str) -> Experiment:
    """The experiment of a number that somebody typed: 7, 0007.

    Raises SettingsError naming those that there are.
    """
    known = read_all(workspace)
    for experiment in known:
        if number.lstrip("0") == str(experiment.number):
            return experiment
    there = ", ".join(str(each.number) for each in known) or "none"
    raise SettingsError(
        f"there is no experiment {number!r} of {workspace.competition}; there are: {there}. "
        f"`python -m pipeline experiments {workspace.competition}` lists them."
    )


# -- keeping ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class About:
    """What only the caller knows of a run; `started` is when, by time.perf_counter."""

    preset: str
    note: str
    started: float

    @property
    def seconds(self) -> float:
        """So far."""
        return round(time.perf_counter() - self.started, 1)


def keep(flow: Flow, about: About) -> Experiment:
    """Keep what this run computed as an experiment, new or the earlier one that it repeats."""
    workspace = flow.workspace
    with locked(workspace.experiments / LOCK):
        known = read_all(workspace)
        keys = {node.name: flow.done[node].key for node in _blends(flow)}
        same = [each for each in known if _has_keys(each, keys)]
        experiment = _again(flow, known, same[0], about) if same else _new(flow, known, about)
        folder = workspace.experiments / experiment.name
        write_atomically(folder / RECORD, with_checksum(experiment.model_dump(mode="json")))
    return experiment


def _blends(flow: Flow) -> list[Node]:
    """The blends of all targets."""
    return [Node("blend", "", target) for target in flow.targets]


def _has_keys(experiment: Experiment, keys: Mapping[str, Key]) -> bool:
    """Whether an experiment has the values of these keys, by the names of their nodes."""
    return all(name in experiment.nodes and experiment.key(name) == keys[name] for name in keys)


def make_current(workspace: Workspace, experiment: Experiment) -> None:
    """From now on this is the last complete run, whose models predict."""
    write_atomically(workspace.experiments / CURRENT, experiment.name + "\n")


def _again(flow: Flow, known: Sequence[Experiment], same: Experiment, about: About) -> Experiment:
    """The same predictions, perhaps by way of other code, or with other settings of the report."""
    experiment = same.model_copy(
        update={
            "preset": about.preset,  # whose settings these are
            "note": _joined(same.note, about.note),
            "seconds": max(same.seconds, about.seconds),
            "submission": _submission(flow) or same.submission,
            "settings": flow.configuration.model_dump(mode="json"),
            "code": {**same.code, **_code(flow)},
            "nodes": {**same.nodes, **_nodes(flow)},
        }
    )
    return _with_changes(experiment, known)


def _with_changes(experiment: Experiment, known: Sequence[Experiment]) -> Experiment:
    """Against the experiment before it, if there is one."""
    before = preceding(known, experiment)
    found = tuple(changes(before, experiment)) if before else ()
    return experiment.model_copy(update={"changes": found})


def _joined(before: str, note: str) -> str:
    """Both notes, unless the later one is in the earlier one already."""
    is_there = f"; {note}; " in f"; {before}; "
    return before if is_there else "; ".join(filter(None, (before, note)))


def _new(flow: Flow, known: Sequence[Experiment], about: About) -> Experiment:
    flows = {target: flow.of(target) for target in flow.targets}
    blends = {target: each.value("blend") for target, each in flows.items()}
    loads = {target: each.value("load") for target, each in flows.items()}
    over = flow.configuration.over_targets
    blended = average_blend(loads, blends, over)
    of = tuple(_target_record(target, each) for target, each in flows.items())
    experiment = Experiment(
        number=known[-1].number + 1 if known else 1,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        preset=about.preset,
        note=about.note,
        metric=blended.metric,
        score=blended.expected.score,
        standard_error=blended.expected.standard_error,
        validated=blended.expected.cross_validated,
        method=blended.method,
        weights=dict(blended.weights),
        models=_mean_scores(of) if over is None else _joint_scores(flows, of, METRICS[over]),
        seconds=about.seconds,
        submission=_submission(flow),
        rows=_rows_of_all(of),
        targets=of if len(of) > 1 else (),
        settings=flow.configuration.model_dump(mode="json"),
        changes=(),
        best_before=None,
        code=_code(flow),
        nodes=_nodes(flow),
    )
    best = _to_best(flow.store, known, experiment)
    return _with_changes(experiment.model_copy(update={"best_before": best}), known)


def _submission(flow: Flow) -> str | None:
    """The name of its file; None where the run ended before it, or had no rows to predict."""
    submitted = flow.value("submit") if flow.has("submit") else None
    return submitted.file if submitted is not None and submitted.content else None


def _target_record(target: str, flow: Flow) -> TargetRecord:
    """Of a run of one target, or of one of several."""
    blended = flow.value("blend")
    return TargetRecord(
        target=target,
        metric=blended.metric,
        score=blended.expected.score,
        standard_error=blended.expected.standard_error,
        validated=blended.expected.cross_validated,
        method=blended.method,
        weights=blended.weights,
        models=_scores(flow, METRICS[blended.metric]),
        rows=_rows(flow),
    )


def _mean_scores(targets: Sequence[TargetRecord]) -> dict[str, float]:
    """Of each model that every target has, the mean over targets."""
    metrics = [METRICS[each.metric] for each in targets]
    names = [name for name in targets[0].models if all(name in each.models for each in targets)]
    return {name: mean_score(metrics, [each.models[name] for each in targets]) for name in names}


def _joint_scores(
    flows: Mapping[str, Flow], targets: Sequence[TargetRecord], over: Metric
) -> dict[str, float]:
    """The same by a metric that scores all targets at once."""
    found = {}
    for name in _mean_scores(targets):
        known = [
            scored(
                flow.value("load"),
                METRICS[each.metric],
                flow.value("train", name).mean_oof,
                flow.value("split").validated,
            )
            for each, flow in zip(targets, flows.values(), strict=True)
        ]
        found[name] = over.score(*joint(known, over))
    return found


def _rows_of_all(targets: Sequence[TargetRecord]) -> str:
    """A hash of all targets' values and folds; of one target, its own."""
    rows = {each.target: each.rows for each in targets}
    return digest_of(rows)[:SHORT] if len(rows) > 1 else targets[0].rows


def _scores(flow: Flow, metric: Metric) -> dict[str, float]:
    """Of each model that has one, out of fold."""
    y, rows = metric.target(flow.value("load")), flow.value("split").validated
    trained = {name: flow.value("train", name) for name in flow.names}
    return {
        name: metric.score(y[rows], each.mean_oof[rows])
        for name, each in trained.items()
        if each.repeats
    }


def _code(flow: Flow) -> dict[str, str]:
    """Every file and package that the run depends on, with the beginning of its hash."""
    parts = [done.dependencies.code for done in flow.done.values()]
    return {name: hash[:SHORT] for each in parts for name, hash in each.items()}


def _rows(flow: Flow) -> str:
    y = flow.value("load").y
    target = [str(y.dtype), hashlib.sha256(y.tobytes()).hexdigest()]
    return digest_of([target, flow.done[Node("split")].manifest.digest])[:SHORT]


def _nodes(flow: Flow) -> dict[str, NodeRecord]:
    return {node.name: _node(done) for node, done in flow.done.items()}


def _node(done: Done) -> NodeRecord:
    made = done.dependencies
    return NodeRecord(
        key=(done.key.kind, done.key.hash),
        digest=done.manifest.digest,
        settings=dict(made.settings),
        inputs={name: digest[:SHORT] for name, digest in made.inputs.items()},
        sources={name: digest[:SHORT] for name, digest in made.sources.items()},
        code=tuple(made.code),
    )


# -- comparing -------------------------------------------------------------------------------------


def preceding(known: Sequence[Experiment], experiment: Experiment) -> Experiment | None:
    """The last one before it of the same preset; of any preset, where there is none."""
    earlier = [each for each in known if each.number < experiment.number]
    same = [each for each in earlier if each.preset == experiment.preset]
    return next(reversed(same or earlier), None)


def changes(before: Experiment, after: Experiment) -> list[str]:
    """The code, packages, raw files and settings that differ between two experiments, in words.

    Models that [budget] minutes left out of one of them come first: a difference of the scores may
    be theirs. However many files differ, they are one entry. What no prediction depends on comes
    last.
    """
    gone = [f"{name} left out" for name in after.left_out if name in before.models]
    back = [f"{name} no longer left out" for name in before.left_out if name in after.models]
    found = list(code_changes(*_code_to_compare(before, after)))
    files = [each.removesuffix(CHANGED) for each in found if _is_file(each.split()[0])]
    packages = [each for each in found if not _is_file(each.split()[0])]
    code = [f"code: {some(files, MOST_FILES)}"] if files else []
    is_same_raw = _first(before, "load").sources == _first(after, "load").sources
    raw = [] if is_same_raw else ["raw files changed"]
    settings = setting_changes(before.settings, after.settings)
    in_order = sorted(settings, key=lambda each: each.startswith(("evaluate.", "explore.")))
    return [*gone, *back, *code, *packages, *raw, *in_order][:MOST_CHANGES]


def _code_to_compare(before: Experiment, after: Experiment) -> tuple[dict[str, str], ...]:
    """The hashes and versions of each, without what one alone has as it ran other stages or models.

    The settings name the models that came or went.
    """
    names = [name for name in before.nodes if name in after.nodes]
    if before.trained != after.trained:
        # the code of evaluate is that of all models
        names = [name for name in names if Node.named(name).stage != "evaluate"]
    both = {*before.code} & {*after.code}
    return tuple(
        {part: each.code[part] for part in both.union(*map(each.parts, names))}
        for each in (before, after)
    )


def setting_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = ""
) -> Iterator[str]:
    """`models.lightgbm.learning_rate 0.1 -> 0.05`, for every setting that differs."""
    for name in dict.fromkeys([*before, *after]):
        one, other = before.get(name), after.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from setting_changes(one, other, f"{prefix}{name}.")
        elif isinstance(one, dict) or isinstance(other, dict):
            yield f"{prefix}{name} {'added' if one is None else 'taken out'}"
        elif one != other:
            yield f"{prefix}{name} {_shown(one)} -> {_shown(other)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if value is not None else "none"
    return text if len(text) <= 60 else f"{text[:57]}..."


def code_changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """`encoding/numbers.py changed`, `encoding/text.py added`, `lightgbm 4.6.0 -> 4.7.0`."""
    for name in sorted({*before, *after}):
        one, other = before.get(name), after.get(name)
        if one == other:
            continue
        if one is None or other is None:
            yield f"{name} {'added' if one is None else 'removed'}"
        elif _is_file(name):
            yield f"{name}{CHANGED}"
        else:
            yield f"{name} {one} -> {other}"


def _is_file(part: str) -> bool:
    """Whether a part of the code is a file; the others are packages."""
    return "." in part or "/" in part


def reason(store: Store, before: Experiment | None, name: str, made: Dependencies) -> str:
    """Why a node has to be computed, by what an earlier experiment computed it from."""
    known = before.nodes.get(name) if before else None
    if before is None or known is None:
        return "never computed"
    found = [
        each.removeprefix("member.").removeprefix("settings.")
        for each in setting_changes(known.settings, dict(made.settings))
    ]
    if found:
        return f"settings changed: {', '.join(found)}"
    own = {part: hash[:SHORT] for part, hash in made.code.items()}
    found = list(code_changes({part: before.code.get(part, "") for part in known.code}, own))
    if found:
        return f"code changed: {', '.join(each.removesuffix(CHANGED) for each in found)}"
    for what, one, other in (
        ("", known.sources, made.sources),
        ("value of ", known.inputs, made.inputs),
    ):
        found = [n for n in other if one.get(n) != other[n][:SHORT]]
        if found:
            return f"{what}{', '.join(found)} changed"
    if known.key == astuple(made.key(Node.named(name).stage)):
        return store.why_not(before.key(name))
    if "budget" in known.sources:  # found under no other plan
        return "[budget] minutes cut it short, and are divided again"
    return "code changed"


def is_comparable(one: Experiment, other: Experiment) -> bool:
    """Whether two experiments were validated on the same folds of the same rows, by one metric."""
    return one.rows == other.rows and _metrics(one) == _metrics(other)


def _metrics(experiment: Experiment) -> list[tuple[str, str]]:
    """The metric of each target and of all, and the code of an organiser's own: edited, it is
    another one; its file may have gone."""
    names = [experiment.metric, *(each.metric for each in experiment.targets)]
    files = [f"competitions/{name.removeprefix(PREFIX)}.py" for name in names]
    return [(n, experiment.code.get(file, "")) for n, file in zip(names, files, strict=True)]


def _first(experiment: Experiment, stage: str) -> NodeRecord:
    """A stage of the first target: all targets are of the same files and the same [split]."""
    return experiment.nodes[Node(stage, "", experiment.target_names[0]).name]


def what_differs(one: Experiment, other: Experiment) -> str:
    """Why two experiments are not comparable: `other rows`, `other folds, another metric`."""
    loads, splits = ([_first(each, n) for each in (one, other)] for n in ("load", "split"))
    has_other_folds = splits[0].settings != splits[1].settings
    has_other_rows = loads[0].sources != loads[1].sources or not has_other_folds
    found = {
        "other rows": one.rows != other.rows and has_other_rows,
        "other folds": one.rows != other.rows and has_other_folds,
        "another metric": _metrics(one) != _metrics(other),
    }
    if one.target_names != other.target_names:
        return "other targets"
    return ", ".join(name for name, differs in found.items() if differs)


def _to_best(
    store: Store, known: Sequence[Experiment], experiment: Experiment
) -> Difference | None:
    """Against the best of the earlier experiments that are comparable and still stored."""
    metric = experiment.measure
    same = [each for each in known if is_comparable(each, experiment)]
    for best in sorted(same, key=lambda each: each.validated, reverse=metric.greater_is_better):
        found = differences(store, experiment, best, [BLEND])[BLEND]
        if found is not None:
            return Difference(
                to=best.number, score=found.score, standard_error=found.standard_error
            )
    return None


def differences(
    store: Store, one: Experiment, other: Experiment, names: Sequence[str]
) -> dict[str, Estimate | None]:
    """The paired difference of blends (`blend`) and models on validated rows, by name.

    Of several targets it is that of the means over them. None where a prediction is not stored any
    more.
    """
    found: dict[str, Estimate | None] = {}
    for name in names:
        ones, others = (_scored(store, one, each, name) for each in (one, other))
        found[name] = mean_difference(ones, others, one.measure) if ones and others else None
    return found


def _scored(store: Store, rows: Experiment, of: Experiment, name: str) -> list[Scored] | None:
    """By target: the validated rows of one experiment, with the out-of-fold predictions of them by
    the blend or by a model of another; None where one is not stored."""
    targets = []
    for target in rows.target_names:
        load, split = (_value(store, rows, Node(s, "", target).name) for s in ("load", "split"))
        oof = _oof(store, of, target, name)
        if load is None or split is None or oof is None:
            return None
        metric, clusters = rows.metric_of(target), split.validated_clusters
        targets.append(scored(load, metric, oof, split.validated, clusters))
    return targets


def _oof(store: Store, experiment: Experiment, target: str, name: str) -> np.ndarray | None:
    """Out-of-fold predictions (n, k) of the blend or of a model, where they are stored."""
    node = Node(BLEND, "", target) if name == BLEND else Node("train", name, target)
    found = _value(store, experiment, node.name)
    if found is None:
        return None
    oof: np.ndarray = found.oof if name == BLEND else found.mean_oof
    return oof


def _value(store: Store, experiment: Experiment, node: str) -> Any:
    key, kind = experiment.key(node), stages()[Node.named(node).stage].value
    return store.get(key, kind) if store.manifest(key, experiment.nodes[node].digest) else None


# -- pruning ---------------------------------------------------------------------------------------


def prune(workspace: Workspace, keep: int) -> tuple[int, int, int]:
    """Delete what the last `keep` experiments do not need.

    Returns how many values went, and the bytes before and after.
    """
    store, kept = Store(workspace.store), set()
    before = store.size()
    last, in_use = read_all(workspace)[-keep:] if keep else [], current(workspace)
    for experiment in [*last, *([in_use] if in_use and keep else [])]:
        for name, node in experiment.nodes.items():
            kept.add(Key(*node.key))
            if Node.named(name).stage == "train":
                trained = _value(store, experiment, name)
                kept |= {Key(*fit.key.split("/")) for fit in trained.fits} if trained else set()
    gone = store.prune(kept)
    return gone, before, store.size()
