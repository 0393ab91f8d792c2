"""The graph of stages, read off their signatures, and a run that computes what is missing of it.

A stage is the function of pipeline/stages/NAME.py that has the file's name. Its parameters name the
stages whose values it takes; `settings` and the services of SERVICES are the others. A stage that
another one takes a Mapping of is computed once a member. Where there are several targets, every
stage is computed once a target, but for those that take a ByTarget of values. A value is stored
under a key: a hash of the stage's settings, of the values that it takes and of the code that it
runs.
"""

import importlib
import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from itertools import dropwhile, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import code, foreign, ledger, scratch
from pipeline.config import Configuration
from pipeline.errors import DataError, SettingsError
from pipeline.files import digest_of
from pipeline.fits import Fits
from pipeline.fitting import Objective
from pipeline.journal import Journal
from pipeline.metrics import DEFAULTS, METRICS, get_metric
from pipeline.metrics import own as own_metric
from pipeline.metrics.own import OWN, PREFIX, module_of
from pipeline.native_library import import_module_bare
from pipeline.parallel import Result, in_child_process
from pipeline.plan import Allowance, Decision, Plan, Shares
from pipeline.progress import Progress
from pipeline.raw_files import checksums
from pipeline.settings import Settings
from pipeline.stage_settings import OF_STAGE, members, stage_settings
from pipeline.store import Key, Manifest, Piece, Store
from pipeline.targets import ByTarget, try_over_targets
from pipeline.wording import make_command
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.cluster.client import Cluster
    from pipeline.metrics import Metric
    from pipeline.problem import Loaded, Task

STAGES = Path(__file__).parent / "stages"
SERVICES = ("raw", "scores", "foreign", "fits", "journal", "budget", "progress")
# of what stages and their workers import, that which takes longest
LIBRARIES = ("pandas", "scipy.stats", "sklearn.model_selection", "matplotlib.figure")
LIGHT = ("encode", "tune", "train", "blend", "submit")  # import little: one process for all
ALL = ("submit", "explore", "evaluate")  # the file first: no failure of a page stands before it
OVER_TARGETS = "average"  # of several targets, the page on all of them
ONE = ("",)  # the only target has no name here


# -- the graph -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """One stage: its function, the stages that it takes values of, and the type that it gives.

    `collected` are those of its inputs that it takes of all members at once, `by_target` those that
    it takes of all targets.
    """

    name: str
    function: Any
    inputs: tuple[str, ...]
    services: frozenset[str]
    collected: frozenset[str]
    by_target: frozenset[str] = frozenset()

    @property
    def value(self) -> type:
        """The class of what it returns."""
        kind: type = inspect.signature(self.function).return_annotation
        return kind


@cache
def stages() -> Mapping[str, Stage]:
    """Every stage by its name."""
    names = sorted(path.stem for path in STAGES.glob("[a-z]*.py"))
    return {name: _stage(name, names) for name in names}


def _stage(name: str, names: Sequence[str]) -> Stage:
    where = f"stages/{name}.py"
    function = getattr(importlib.import_module(f"pipeline.stages.{name}"), name, None)
    if function is None:
        raise TypeError(f"{where}: there is no function '{name}', which the stage would be")
    parameters = inspect.signature(function).parameters
    unknown = [p for p in parameters if p not in (*names, *SERVICES, "settings")]
    if unknown:
        raise TypeError(
            f"{where}: the parameter '{unknown[0]}' of {name} is no stage and no service; stages "
            f"are {', '.join(names)}; services are {', '.join(SERVICES)}"
        )
    returned = inspect.signature(function).return_annotation
    if isinstance(returned, str):
        raise TypeError(
            f"{where}: {name} is annotated to return the text {returned!r}; the store needs the "
            "class itself: write it without quotes, and import it at run time"
        )
    inputs = tuple(p for p in parameters if p in names)
    collected = {p for p in inputs if "Mapping" in str(parameters[p].annotation)}
    by_target = {p for p in inputs if "ByTarget" in str(parameters[p].annotation)}
    services = frozenset(p for p in parameters if p in SERVICES)
    return Stage(name, function, inputs, services, frozenset(collected), frozenset(by_target))


@cache
def member_stages() -> frozenset[str]:
    """The stages that are computed once a member."""
    return frozenset(name for stage in stages().values() for name in stage.collected)


@dataclass(frozen=True, order=True)
class Node:
    """A stage, or a stage of one member, or of one of several targets."""

    stage: str
    member: str = ""
    target: str = ""

    @property
    def name(self) -> str:
        """`load`, `train-lightgbm`; of several targets `load@Y1`, `train-lightgbm@Y1`."""
        own = f"{self.stage}-{self.member}" if self.member else self.stage
        return f"{own}@{self.target}" if self.target else own

    @property
    def title(self) -> str:
        """The same for people: `train lightgbm Y1`."""
        return " ".join(filter(None, (self.stage, self.member, self.target)))

    @classmethod
    def named(cls, name: str) -> "Node":
        """The node of a name; a target may be spelled with any letters."""
        own, _, target = name.partition("@")
        stage, _, member = own.partition("-")
        return cls(stage, member, target)


def inputs_of(node: Node, names: Sequence[str], targets: Sequence[str] = ONE) -> list[Node]:
    """The nodes whose values a node takes; `names` are the members', `targets` the targets'."""
    stage, found = stages()[node.stage], []
    for name in stage.inputs:
        if name in stage.collected:
            members = names
        else:
            members = (node.member if name in member_stages() else "",)
        of = targets if name in stage.by_target else (node.target,)
        found += [Node(name, member, target) for target in of for member in members]
    return found


def nodes_for(
    goals: Iterable[Node], names: Sequence[str], targets: Sequence[str] = ONE
) -> list[Node]:
    """These nodes and all that they need, each after what it takes."""
    ordered: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if node not in ordered:
            for other in inputs_of(node, names, targets):
                visit(other)
            ordered[node] = None

    for goal in goals:
        visit(goal)
    return list(ordered)


def goals_of(goal: str, names: Sequence[str], targets: Sequence[str] = ONE) -> list[Node]:
    """What a word means: `all`, a stage (of all members), or a stage and a member: train-lightgbm.

    Each is meant for all targets. Raises SettingsError for any other word.
    """
    if goal == "all":
        stages_of_all = ALL if len(targets) == 1 else (*ALL, OVER_TARGETS)
        return [node for name in stages_of_all for node in goals_of(name, names, targets)]
    if goal == OVER_TARGETS and len(targets) == 1:
        raise SettingsError(
            f"the goal '{goal}' is the mean over several targets, and there is one target only. "
            "List several in [load] target of the competition's TOML, or choose another goal."
        )
    stage, dash, member = goal.partition("-")
    if stage not in stages() or (dash and (stage not in member_stages() or member not in names)):
        per_member = [f"{name}-NAME" for name in sorted(member_stages())]
        allowed = ", ".join(["all", *stages(), *per_member])
        raise SettingsError(
            f"there is no goal '{goal}'; allowed are {allowed}, where NAME is one of the models "
            f"{', '.join(names)}."
        )
    members = [member] if member or stage not in member_stages() else names
    of = ONE if stages()[stage].by_target else targets
    return [Node(stage, name, target) for target in of for name in members]


def _add(known: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Lay a mapping into another one, level by level."""
    for name, value in more.items():
        if isinstance(value, dict) and name in known:
            _add(known[name], value)
        else:
            known[name] = value


def import_libraries() -> None:
    """Import once what each of several stages, and each of their workers, would import after it
    was forked: with few rows that is a third of a run's time."""
    import_module_bare("lightgbm")
    for name in LIBRARIES:
        importlib.import_module(name)


def _part(node: Node) -> str:
    """A member's tune or train as the plan of the budget names it."""
    return f"{node.stage}/{node.member}"


# -- a run -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dependencies:
    """What a value is computed from, in plain JSON: what its key is a hash of.

    `inputs` are digests by node; `sources` digests of what comes from outside (raw files, scores,
    the plan of the budget); `code` a hash or version by file or package.
    """

    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    sources: Mapping[str, str]
    code: Mapping[str, str]

    def key(self, stage: str) -> Key:
        return Key.of(
            stage,
            {
                "settings": dict(self.settings),
                "inputs": dict(self.inputs),
                "sources": dict(self.sources),
                "code": digest_of(dict(self.code)),
            },
        )


@dataclass(frozen=True)
class Done:
    """A node whose value is there."""

    key: Key
    manifest: Manifest
    dependencies: Dependencies
    computed: bool


@dataclass(frozen=True)
class Reporter:
    """How stages report: live on a terminal or line by line, everything or the main points."""

    live: bool | None = None
    verbose: bool = False
    brief: bool = False
    silent: bool = False

    def progress(self, title: str) -> Progress:
        return Progress(
            title, live=self.live, verbose=self.verbose, brief=self.brief, silent=self.silent
        )


@dataclass
class Flow:
    """One run with one configuration: nodes are computed at most once, and found where they are.

    `new_plan` divides the minutes of [budget] again; a run that `looks_only` notes nothing in the
    plan; stages run `in_child_processes` give their memory back.
    """

    configuration: Configuration
    workspace: Workspace
    reporter: Reporter = Reporter()
    scores: Sequence[ledger.Entry] = ()
    new_plan: bool = False
    looks_only: bool = False
    in_child_processes: bool = False
    done: dict[Node, Done] = field(default_factory=dict, init=False)
    _plans: dict[str, Plan] = field(default_factory=dict, init=False)
    _fits: dict[str, Fits] = field(default_factory=dict, init=False)
    _over_targets_tried: bool = field(default=False, init=False)

    @cached_property
    def store(self) -> Store:
        return Store(self.workspace.store)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The members, in the order of the TOML."""
        return tuple(self.configuration.models)

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The targets, in the order of the TOML; of one alone, ""."""
        return self.configuration.target_names

    def of(self, target: str) -> "Flow":
        """What this run has of one of its targets, as a run of this target alone has it."""
        if self.targets == ONE:
            return self
        one = replace(self, configuration=self.configuration.of(target))
        own = {node: done for node, done in self.done.items() if node.target == target}
        one.done = {replace(node, target=""): done for node, done in own.items()}
        return one

    def has(self, stage: str) -> bool:
        """Whether this run has a stage's value, of all targets."""
        of = ONE if stages()[stage].by_target else self.targets
        return all(Node(stage, "", target) in self.done for target in of)

    def nodes(self, goal: str) -> list[Node]:
        """What a goal means, and all that it needs.

        What the members of several targets take comes first, stage by stage: a process a stage.
        """
        goals = goals_of(goal, self.names, self.targets)
        nodes = nodes_for(goals, self.names, self.targets)
        if self.targets == ONE:
            return nodes
        taken = {name for stage in member_stages() for name in stages()[stage].inputs}
        order = [*dict.fromkeys(node.stage for node in nodes if node.stage in taken)]
        order = [stage for stage in order if stage not in member_stages()]
        places = {stage: place for place, stage in enumerate(order)}
        return sorted(nodes, key=lambda node: places.get(node.stage, len(places)))

    def run(self, goal: str) -> None:
        """Compute what is missing of a goal, stages that share a process one after the other."""
        goals = goals_of(goal, self.names, self.targets)
        # what is read from files first: a file that is none is reported before hours of fits
        read = filter(self._is_foreign, self.nodes(goal))
        nodes = nodes_for([*read, *goals], self.names, self.targets)
        for _, group in groupby(nodes, lambda node: node.stage in LIGHT or node.stage):
            if missing := list(dropwhile(self.is_there, group)):
                if self.in_child_processes and any(each.computed for each in self.done.values()):
                    import_libraries()
                self.done |= self.call(partial(self._compute_all, missing))

    def call(self, function: Callable[[], Result]) -> Result:
        """What a function returns, computed where this run computes."""
        return in_child_process(function) if self.in_child_processes else function()

    def _compute_all(self, nodes: Sequence[Node]) -> dict[Node, Done]:
        for node in nodes:
            self.compute(node)
        return {node: self.done[node] for node in nodes}

    def is_there(self, node: Node) -> bool:
        """Whether this run has a node's value, or finds it; its inputs are there."""
        return node in self.done or self.look_up(node)

    def compute(self, node: Node) -> None:
        """Find a node's value under its key, or compute it; its inputs are there."""
        if self.is_there(node):
            return
        started, value = time.perf_counter(), self._compute(node)
        if node.stage == "load":  # before an hour of other stages, not after
            own_metric.try_on(self._metric(node.target, value), value)
        code.confirm(*self._code(node))
        if "raw" in stages()[node.stage].services and checksums(self.workspace.raw) != self.raw:
            raise DataError(
                f"{self.workspace.raw}: the files changed while they were read, and nothing of it "
                "was kept. Run the same command again."
            )
        made = self.dependencies(node, in_time=not self._is_cut(node))
        key = made.key(node.stage)
        manifest = self.store.put(key, value, time.perf_counter() - started)
        self.done[node] = Done(key, manifest, made, computed=True)
        if node.stage == "load":
            self._try_over_targets()

    def look_up(self, node: Node) -> bool:
        """Whether a node's value is stored; its inputs are there.

        What the budget did not cut short depends on no budget, and is found under any; the plan
        then notes it, unless this run `looks_only`.
        """
        for in_time in (True, False) if self._is_cut(node) else (True,):
            made = self.dependencies(node, in_time)
            key = made.key(node.stage)
            manifest = self.store.manifest(key)
            if manifest is not None:
                self.done[node] = Done(key, manifest, made, computed=False)
                if in_time and self._is_bound(node) and not self.looks_only:
                    self._record_found(node, manifest)
                return True
        return False

    def _is_foreign(self, node: Node) -> bool:
        """Whether a node is of predictions from elsewhere."""
        return isinstance(self.configuration.models.get(node.member), foreign.Settings)

    def _is_bound(self, node: Node) -> bool:
        """Whether the budget may cut a node short."""
        minutes = self.configuration.budget.minutes
        services = stages()[node.stage].services
        return "budget" in services and minutes is not None and not self._is_foreign(node)

    def _is_cut(self, node: Node) -> bool:
        """Whether the plan of the budget says that a node was cut short."""
        return self._is_bound(node) and bool(self.plan(node.target).cut(_part(node)))

    def _record_found(self, node: Node, manifest: Manifest) -> None:
        """Note in the plan what was found complete: the others share what it leaves."""
        part, plan = _part(node), self.plan(node.target)
        if plan.decision(part) is None:
            asked = self.piece(node).value.asked
            plan.decide(part, Decision(done=asked, asked=asked, seconds=manifest.seconds))

    def adopt(self, node: Node, key: Key, digest: str, preset: str = "default") -> None:
        """Take a node's value of this digest from under a key that an earlier run gave it.

        `preset` is that run's.

        Raises DataError where it is not in the store any more.
        """
        manifest = self.store.manifest(key, digest)
        if manifest is None:
            raise DataError(
                f"{self.store.root / key.path}: the value of {node.name} is "
                f"{self.store.why_not(key)}. "
                f"`{make_command(self.workspace.competition, 'all', preset)}` computes it again "
                "if settings, code and raw files are what they were."
            )
        self.done[node] = Done(key, manifest, Dependencies({}, {}, {}, {}), computed=False)

    def value(self, stage: str, member: str = "") -> Any:
        """The value of a node that this run has."""
        return self.piece(Node(stage, member)).value

    def piece(self, node: Node) -> Piece[Any]:
        return Piece(self.store, self.done[node].key, stages()[node.stage].value)

    def dependencies(self, node: Node, in_time: bool = True) -> Dependencies:
        """What the node's value depends on; its inputs are there.

        `in_time`: the budget has not cut it short, and is nothing that it depends on.
        """
        settings = self.settings(node)
        inputs = {each.name: self.done[each].manifest.digest for each in self.inputs(node)}
        return Dependencies(
            settings.model_dump(mode="json"),
            inputs,
            self._sources(node, in_time),
            code.parts(*self._code(node)),
        )

    def inputs(self, node: Node) -> list[Node]:
        return inputs_of(node, self.names, self.targets)

    def settings(self, node: Node) -> Settings:
        name = self.workspace.competition
        return stage_settings(self.configuration, name, node.stage, node.member, node.target)

    def _compute(self, node: Node) -> Any:
        """What the stage's function returns."""
        stage = stages()[node.stage]
        building = scratch.within(self.workspace.build)
        with building, self.reporter.progress(node.title) as progress:
            given = {"settings": self.settings(node), **self._values(node)}
            services = {name: self._service(name, node, progress) for name in stage.services}
            return stage.function(**given, **services)

    def _values(self, node: Node) -> dict[str, Any]:
        """The values that a stage takes, by parameter."""
        stage, values = stages()[node.stage], dict[str, Any]()
        for each in self.inputs(node):
            value = self.piece(each).value
            if each.stage in stage.collected:
                value = {each.member: value}
            if each.stage in stage.by_target:
                value = ByTarget({each.target: value})
            known = values.setdefault(each.stage, value)
            if known is not value:
                _add(known, value)
        return values

    # -- what is no stage's value --

    def _service(self, name: str, node: Node, progress: Progress) -> Any:
        if name == "raw":
            return self.workspace.raw
        if name == "scores":
            return self._scores(node)
        if name == "foreign":
            return self._foreign_files(node)
        if name == "fits":
            return self.fits(node.target)
        if name == "journal":
            return Journal(self.workspace.journal, self.configuration.tune.storage)
        if name == "budget":
            if not self._is_bound(node):
                return Allowance()
            return self.plan(node.target).allowance(_part(node))
        return progress

    def _scores(self, node: Node) -> Sequence[ledger.Entry]:
        """Submissions with a leaderboard score, which is that of all targets together."""
        return self.scores if node.target == "" else ()

    @property
    def foreign_files(self) -> list[Path]:
        """The files of all members that were made elsewhere, which may lie anywhere."""
        folders = self.workspace.raw, self.workspace.root
        chosen = self.configuration.models.values()
        found = [
            foreign.paths(each, *folders) for each in chosen if isinstance(each, foreign.Settings)
        ]
        return [path for paths in found for path in paths]

    def _foreign_files(self, node: Node) -> foreign.PredictionFiles | None:
        """Where the files lie that a member is read from; None for one that is fitted."""
        settings = self.configuration.models[node.member]
        if not isinstance(settings, foreign.Settings):
            return None
        return foreign.find(node.member, settings, self.workspace.raw, self.workspace.root)

    def fits(self, target: str = "") -> Fits:
        """The fits of a target."""
        if target not in self._fits:
            load, encode = (self.piece(Node(name, "", target)) for name in ("load", "encode"))
            problem = load.value.problem
            metric = self._metric(target, load.value)
            own_metric.try_on(metric, load.value)
            self._try_over_targets()
            objective = Objective(
                problem.task, problem.outputs, metric.loss_for_models, metric.loss_parameter
            )
            self._fits[target] = Fits(self.store, load, encode, objective, self.cluster)
        return self._fits[target]

    @cached_property
    def cluster(self) -> "Cluster | None":
        """The workers on other machines that fit, if there are any."""
        settings = self.configuration.cluster
        if settings.scheduler is None:
            return None
        from pipeline.cluster.client import Cluster

        return Cluster(settings.scheduler, settings.patience)

    def _metric(self, target: str, load: "Loaded") -> "Metric":
        """What a target is scored by; raises DataError where it cannot score the target."""
        asked = self.configuration.of(target).competition.metric
        table = f"[targets.{target}]" if target else "[competition]"
        self._refuse_unsuited_tuning(target, load.problem.task)
        metric = get_metric(asked, load.problem.task, f"{table} metric")
        if metric.over_targets:
            raise SettingsError(
                f"{table} metric: {metric.formula} scores several targets at once (over_targets = "
                f"True), and here is one. {self._over_targets_remedy(table)}; or remove "
                "over_targets from that file."
            )
        metric.check_target(load.y)
        if load.extra is not None:
            metric.check_least(load.extra.y, "[load] extra")
        metric.check_labels(load.problem.classes or ())
        return metric

    def _over_targets_remedy(self, table: str) -> str:
        """Which lines to write and to remove for a metric over all targets."""
        if self.targets == ONE:
            return "List the targets, [load] target = [...]"
        return (
            f"Remove `metric` from {table}, and name it once for all: [competition] metric = "
            f'"{OWN}"'
        )

    def _refuse_unsuited_tuning(self, target: str, task: "Task") -> None:
        """SettingsError where what a metric over all targets is tuned by cannot score this one."""
        over, tables = self.configuration.over_targets, self.configuration.targets or {}
        chosen = tables.get(target)
        if over is None or (chosen is not None and chosen.metric):
            return
        by = METRICS[over].tuned_by
        if by and task not in METRICS[by].tasks:
            module = over.removeprefix(PREFIX)
            raise SettingsError(
                f"pipeline/competitions/{module}.py: tuned_by is {by!r}, which each target goes "
                f"by, and {target!r} is a {task} one, which {by} cannot score. Remove tuned_by, "
                f"so that each target goes by what suits its task ({DEFAULTS[task]} here), or name "
                f'this target\'s own: [targets.{target}] metric = "{DEFAULTS[task]}".'
            )

    def _try_over_targets(self) -> None:
        """A metric over all targets is tried as soon as they are all loaded."""
        over = self.configuration.over_targets
        nodes = [Node("load", "", target) for target in self.targets]
        if self._over_targets_tried or over is None or not all(each in self.done for each in nodes):
            return
        self._over_targets_tried = True
        loads = {node.target: self.piece(node).value for node in nodes}
        try_over_targets(
            METRICS[over], [(self._metric(name, load), load) for name, load in loads.items()]
        )

    def plan(self, target: str = "") -> Plan:
        """How a target's share of [budget] minutes is shared by its members."""
        if target not in self._plans:
            self._plans[target] = self._plan(target)
        return self._plans[target]

    def _plan(self, target: str) -> Plan:
        """It is about these data, folds, members and code."""
        configuration = self.configuration.of(target)
        chosen = {
            name: each for name, each in members(configuration).items() if each.kind != foreign.KIND
        }
        trials = {name: configuration.models[name].trials for name in chosen}
        inputs = {name: self.done[Node(name, "", target)] for name in ("load", "split", "encode")}
        about = {
            "minutes": configuration.budget.minutes,
            "members": [[name, repr(each), trials[name]] for name, each in chosen.items()],
            "tune": configuration.tune.model_dump(mode="json"),
            "metric": configuration.competition.metric,
            "inputs": {name: done.manifest.digest for name, done in inputs.items()},
            "code": code.key(
                "pipeline.stages.tune",
                "pipeline.stages.train",
                *(f"pipeline.models.{each.kind}" for each in chosen.values()),
            ),
        }
        kinds = {name: each.kind for name, each in chosen.items()}
        rows = self.piece(Node("split", "", target)).value.rows
        shares = Shares(configuration.budget.minutes, kinds, trials, rows)
        plan = Plan(self.workspace.plans / f"{digest_of(about)}.json", shares)
        if self.new_plan:
            plan.renew()
        return plan

    def _sources(self, node: Node, in_time: bool) -> dict[str, str]:
        stage, found = stages()[node.stage], {}
        if "raw" in stage.services:
            found["raw files"] = digest_of(self.raw)
        if "scores" in stage.services:
            scores = [ledger.ENTRY.dump_python(each, mode="json") for each in self._scores(node)]
            found["scores"] = digest_of(scores)
        if "foreign" in stage.services and self._is_foreign(node):
            asked = self.configuration.models[node.member]
            found |= foreign.checksums(asked, self.workspace.raw, self.workspace.root)
        if not in_time:
            cut = self.plan(node.target).cut(_part(node))
            how = (f"{each.done} of {each.asked}{', memory' * each.ran_out}" for each in cut)
            found["budget"] = ", ".join(how) or "open"
        return found

    @cached_property
    def raw(self) -> dict[str, str]:
        return checksums(self.workspace.raw)

    def _code(self, node: Node) -> list[str]:
        """The modules that a stage runs: its own, and those that its settings name."""
        return [f"pipeline.stages.{node.stage}", *self._modules(node)]

    def _own_metrics(self, node: Node) -> list[str]:
        """The organiser's own metrics that a stage scores by: that of its settings, or those of all
        targets whose values it takes."""
        of_all = stages()[node.stage].by_target
        settings = OF_STAGE.get(node.stage)
        if not of_all and (settings is None or "metric" not in settings.model_fields):
            return []
        targets = self.targets if of_all else (node.target,)
        asked = {self.configuration.of(target).competition.metric or "" for target in targets}
        asked |= {self.configuration.over_targets or ""} if of_all else set()
        return sorted(name for name in asked if name.startswith(PREFIX))

    def _modules(self, node: Node) -> Iterator[str]:
        """The models that the stage may fit, and the organiser's own metric; features where it may
        compute these of other rows.

        A stage of one member is given them as columns of a table, whose digests are in its key.
        """
        settings, fits = self.configuration, "fits" in stages()[node.stage].services
        yield from map(module_of, self._own_metrics(node))
        own: list[str | None] = []
        if node.stage == "load":
            own += [settings.load.simulator, settings.load.read]
        if node.stage == "split":
            own += [settings.split.own]
        if node.stage == "blend":
            own += [settings.submit.postprocess]
        known = members(settings)
        chosen = [known[node.member]] if node.member else list(known.values())
        if node.member or fits:
            kinds = {each.kind for each in chosen} - {foreign.KIND}
            yield from (f"pipeline.models.{kind}" for kind in sorted(kinds))
        if node.stage == "encode" or (fits and not node.member):
            own += sorted({each.encoder.features or "" for each in chosen})
        for name in filter(None, own):  # of one that is not there the stage says what to do
            if (code.PACKAGE / "competitions" / f"{name}.py").is_file():
                yield f"pipeline.competitions.{name}"
