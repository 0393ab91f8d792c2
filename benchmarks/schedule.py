"""What more workers would bring: the schedule of a run, simulated from the seconds of its fits.

    python benchmarks/schedule.py --record PROJECT COMPETITION --costs FILE    of a finished run
    python benchmarks/schedule.py --costs FILE --rows 700000 10000000 --workers 1 2 4 8 64 256
    python benchmarks/schedule.py --stages load=13 encode=4 --models lightgbm=41 linear=3 --folds 5

Seconds grow with the rows in proportion. A worker is one thread; what the run does itself (load,
blend, ...) is done by the run's machine, one stage after the other. Each fit costs OVERHEAD beside
itself (cluster.py measures it). A worker that is free takes the task with the longest chain of
tasks behind it (list scheduling), so the end is at most twice as late as the best schedule's
(Graham 1966).
"""

import argparse
import heapq
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

OVERHEAD = 0.03  # seconds a fit
RUN, WORKERS = "run", "workers"  # where a task is done
ORDER = ("load", "explore", "split", "encode", "blend", "evaluate", "submit")
BOOSTING = ("lightgbm", "xgboost")  # have trials and seeds
SEARCHED = 0.85  # of a fit's rows: LightGBM finds its rounds on them, then fits all rows a seed


@dataclass(frozen=True)
class Model:
    """`seconds` of one fit on one core, its predictions of validation and test rows included.

    A trial is a fit a fold. A fit averages over `seeds` boosters.
    """

    name: str
    seconds: float
    folds: int = 5
    repeats: int = 1
    trials: int = 0
    seeds: int = 1


@dataclass(frozen=True)
class Costs:
    """What a run of so many rows took: seconds by stage, and of each model's fits."""

    rows: int
    stages: Mapping[str, float]
    models: tuple[Model, ...]

    def at(self, rows: int) -> "Costs":
        """Of another number of rows."""
        times = rows / self.rows
        stages = {name: seconds * times for name, seconds in self.stages.items()}
        models = tuple(replace(each, seconds=each.seconds * times) for each in self.models)
        return Costs(rows, stages, models)


@dataclass(frozen=True)
class Plan:
    """How a run is laid out; by default as it is today.

    side_by_side: models do not wait for one another. trials: made at the same time. apart: each
    seed of a model is a member of its own. repeats: times as many. submit_first: the report and the
    exploration come after the submission.
    """

    name: str = "as it is"
    side_by_side: bool = False
    trials: int = 1
    apart: bool = False
    repeats: int = 1
    submit_first: bool = False


PLANS = (
    Plan(),
    Plan("report after submit", submit_first=True),
    Plan("and models side by side", True, submit_first=True),
    Plan("and 8 trials at once", True, 8, submit_first=True),
    Plan("and a member a seed", True, 8, True, submit_first=True),
    Plan("the same, 4 times the repeats", True, 8, True, 4, True),
)


@dataclass(frozen=True)
class Task:
    name: str
    seconds: float
    after: tuple[str, ...] = ()
    where: str = RUN


@dataclass(frozen=True)
class Schedule:
    """When each task begins and ends."""

    tasks: Sequence[Task]
    begin: Mapping[str, float] = field(default_factory=dict)
    end: Mapping[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return max(self.end.values())

    def alone(self) -> dict[str, float]:
        """Seconds by stage in which it runs and no fit does."""
        fits = [(self.begin[t.name], self.end[t.name]) for t in self.tasks if t.where == WORKERS]
        return {
            task.name: self.end[task.name] - self.begin[task.name]
            for task in self.tasks
            if task.where == RUN
            and task.seconds
            and not any(b < self.end[task.name] and e > self.begin[task.name] for b, e in fits)
        }


# -- the graph -------------------------------------------------------------------------------------


def tasks(costs: Costs, plan: Plan) -> list[Task]:
    """A run's stages and fits, each after what it waits for, as far as the submission."""
    order = [name for name in ORDER if name in costs.stages]
    if plan.submit_first:
        order = [name for name in order if name not in ("explore", "evaluate")]
    before = [name for name in order if ORDER.index(name) < ORDER.index("blend")]
    made = list(chain(costs, before, ()))
    ready = (made[-1].name,) if made else ()
    ends: list[str] = []
    for model in costs.models:
        for each in members(model, plan):
            fits = fitted(each, plan, ready)
            made += fits
            ends.append(fits[-1].name)
            if not plan.side_by_side:
                ready = (fits[-1].name,)
    return made + list(chain(costs, [name for name in order if name not in before], tuple(ends)))


def chain(costs: Costs, names: Iterable[str], after: tuple[str, ...]) -> Iterator[Task]:
    """Stages one after the other."""
    for name in names:
        yield Task(name, costs.stages[name], after)
        after = (name,)


def members(model: Model, plan: Plan) -> list[Model]:
    """The model with the plan's repeats, or a model a seed."""
    model = replace(model, repeats=model.repeats * plan.repeats)
    if not plan.apart or model.seeds == 1:
        return [model]
    seconds = model.seconds * (SEARCHED + 1) / (SEARCHED + model.seeds)
    # one search finds the settings of all
    names = [f"{model.name} {seed}" for seed in range(model.seeds)]
    alone = [replace(model, name=name, seconds=seconds, seeds=1, trials=0) for name in names]
    return [replace(alone[0], trials=model.trials), *alone[1:]]


def fitted(model: Model, plan: Plan, after: tuple[str, ...]) -> list[Task]:
    """The trials, as many at once as the plan makes, then the fits of all repeats, then their end.

    The fits of the best trial are those of the first repeat.
    """
    made: list[Task] = []
    for first in range(0, model.trials, plan.trials):
        batch = range(first, min(model.trials, first + plan.trials))
        names = [f"{model.name} trial {i} fold {k}" for i in batch for k in range(model.folds)]
        made += [Task(name, model.seconds, after, WORKERS) for name in names]
        made.append(Task(f"{model.name} trials to {batch[-1]}", 0.0, tuple(names)))
        after = (made[-1].name,)
    first_repeat = 1 if model.trials else 0
    names = [
        f"{model.name} repeat {repeat} fold {fold}"
        for repeat in range(first_repeat, model.repeats)
        for fold in range(model.folds)
    ]
    made += [Task(name, model.seconds, after, WORKERS) for name in names]
    return [*made, Task(f"{model.name} trained", 0.0, tuple(names) or after)]


# -- the simulation --------------------------------------------------------------------------------


def schedule(made: Sequence[Task], workers: int, overhead: float = OVERHEAD) -> Schedule:
    """Each task begins when all that it waits for has ended and its place is free."""
    behind, followers = chains(made, overhead), {task.name: [] for task in made}
    waits = {task.name: len(task.after) for task in made}
    for task in made:
        for name in task.after:
            followers[name].append(task)
    free, now = {RUN: 1, WORKERS: workers}, 0.0
    ready: dict[str, list[Any]] = {RUN: [], WORKERS: []}
    begin: dict[str, float] = {}
    end: dict[str, float] = {}
    under_way: list[tuple[float, int]] = []
    number = {task.name: i for i, task in enumerate(made)}
    opened = [task for task in made if not task.after]
    while opened or under_way or any(ready.values()):
        for task in opened:
            heapq.heappush(ready[task.where], (-behind[task.name], number[task.name]))
        for where, waiting in ready.items():
            while waiting and free[where]:
                task = made[heapq.heappop(waiting)[1]]
                free[where] -= 1
                begin[task.name], end[task.name] = now, now + cost(task, overhead)
                heapq.heappush(under_way, (end[task.name], number[task.name]))
        now, place = heapq.heappop(under_way)
        free[made[place].where] += 1
        opened = []
        for task in followers[made[place].name]:
            waits[task.name] -= 1
            opened += [task] if not waits[task.name] else []
    return Schedule(made, begin, end)


def cost(task: Task, overhead: float) -> float:
    return task.seconds + (overhead if task.where == WORKERS else 0.0)


def chains(made: Sequence[Task], overhead: float) -> dict[str, float]:
    """By task, the seconds of the longest chain that begins with it; tasks come in order."""
    longest = {task.name: 0.0 for task in made}
    for task in reversed(made):
        longest[task.name] += cost(task, overhead)
        for name in task.after:
            longest[name] = max(longest[name], longest[task.name])
    return longest


# -- what a run took -------------------------------------------------------------------------------


def recorded(project: Path, competition: str) -> Costs:
    """From the manifests of the latest experiment in a project's store."""
    sys.path.append(str(Path(__file__).parent.parent))  # the project's code
    from pipeline import experiments
    from pipeline.flow import Node
    from pipeline.store import Key, Store
    from pipeline.training import Trained
    from pipeline.workspace import Workspace

    workspace = Workspace(project.resolve(), competition)
    (*_, experiment) = experiments.read_all(workspace)
    store = Store(workspace.store)
    kept = {key: store.manifest(key) for key in list(store.keys())}
    of_test = {each.part_of: each.seconds for key, each in kept.items() if key.kind == "test"}
    stages, models, rows = {}, [], 0
    for name in experiment.nodes:
        node, key = Node.named(name), experiment.key(name)
        if node.stage in ORDER:
            stages[node.stage] = kept[key].seconds
        trained = store.get(key, Trained) if node.stage == "train" else None
        if trained is not None and trained.fits:
            rows, settings = trained.oof.shape[1], trained.member.settings
            fits = [Key(*fit.key.split("/")) for fit in trained.fits]
            total = sum(kept[key].seconds + of_test.get(key.hash, 0.0) for key in fits)
            folds = len({fit.fold for fit in trained.fits})
            counts = folds, trained.repeats, trained.trials, int(settings.get("n_models", 1))
            models.append(Model(node.member, total / len(fits), *counts))
    return Costs(rows, stages, tuple(models))


def read(file: Path) -> Costs:
    found = json.loads(file.read_text())
    models = tuple(Model(**each) for each in found["models"])
    return Costs(found["rows"], found["stages"], models)


# -- printing --------------------------------------------------------------------------------------


def show(costs: Costs, counts: Sequence[int], plans: Sequence[Plan] = PLANS) -> None:
    """A line a plan: minutes until the submission is there, and without end of workers."""
    print(f"\n{costs.rows:,} rows, minutes until the submission")
    head = " ".join(f"{count:>8}" for count in counts)
    print(f"{'workers':<32} {head} {'any':>8}  fits")
    for plan in plans:
        made = tasks(costs, plan)
        fits = sum(task.where == WORKERS for task in made)
        found = [schedule(made, count) for count in (*counts, fits)]
        row = " ".join(f"{each.seconds / 60:8.1f}" for each in found)
        print(f"{plan.name:<32} {row}  {fits}")
        alone = found[-1].alone()
        total = sum(alone.values())
        named = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in alone.items())
        share = total / found[-1].seconds
        print(f"    of the last, {share:.0%} without a fit: {named}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", nargs=2, metavar=("PROJECT", "COMPETITION"))
    parser.add_argument("--costs", type=Path, help="JSON that --record writes, or that is read")
    parser.add_argument("--stages", nargs="+", default=[], metavar="NAME=SECONDS")
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME=SECONDS", help="of a fit")
    parser.add_argument("--of-rows", type=int, default=700_000, help="that they were measured on")
    for name in ("folds", "repeats"):
        parser.add_argument(f"--{name}", type=int, help="of every model; left out: as recorded")
    for name in ("trials", "seeds"):
        parser.add_argument(f"--{name}", type=int, help=f"of {', '.join(BOOSTING)}")
    parser.add_argument("--rows", type=int, nargs="+", default=[700_000, 10_000_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 64, 256])
    return parser.parse_args()


def given(options: argparse.Namespace) -> Costs:
    """From the command line or a file."""
    if options.models:
        pairs = [[each.split("=") for each in of] for of in (options.stages, options.models)]
        stages = {name: float(seconds) for name, seconds in pairs[0]}
        models = tuple(Model(name, float(seconds)) for name, seconds in pairs[1])
        costs = Costs(options.of_rows, stages, models)
    else:
        costs = read(options.costs)
    return replace(costs, models=tuple(changed(each, options) for each in costs.models))


def changed(model: Model, options: argparse.Namespace) -> Model:
    """With the numbers that are named; one of several seeds takes as long as it did."""
    seeds = options.seeds if options.seeds and model.name in BOOSTING else model.seeds
    return replace(
        model,
        seconds=model.seconds * (SEARCHED + seeds) / (SEARCHED + model.seeds),
        seeds=seeds,
        folds=options.folds or model.folds,
        repeats=options.repeats or model.repeats,
        trials=options.trials if options.trials and model.name in BOOSTING else model.trials,
    )


def main() -> None:
    options = parse()
    if options.record:
        project, competition = options.record
        found = asdict(recorded(Path(project), competition))
        options.costs.write_text(json.dumps(found, indent=1))
    costs = given(options)
    for rows in options.rows:
        show(costs.at(rows), options.workers)


if __name__ == "__main__":
    main()
