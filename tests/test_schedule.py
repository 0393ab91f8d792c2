"""The simulated schedule of fits over workers: hand-worked examples, and the bounds of any."""

import pytest

from benchmarks.schedule import RUN, WORKERS, Costs, Model, Plan, Task, schedule, tasks


def test_a_schedule_worked_by_hand():
    """Two workers; load 1, then fits of 3, 2, 2 and 2 (a chain of two), then a blend of 1.

    At 1 the chain of two (4 in all) and the 3 begin; at 3 and 4 the rest: they end at 5 and 6, and
    the blend at 7. With 0.5 beside each fit: 1.5 + 1, 3.5 -> 3.5, 4.5, then 6, 7, blend 8.
    """
    made = [
        Task("load", 1.0),
        Task("a", 2.0, ("load",), WORKERS),
        Task("b", 2.0, ("a",), WORKERS),
        Task("c", 3.0, ("load",), WORKERS),
        Task("d", 2.0, ("load",), WORKERS),
        Task("blend", 1.0, ("b", "c", "d")),
    ]
    plain = schedule(made, 2, overhead=0.0)
    assert plain.begin == {"load": 0, "a": 1, "c": 1, "b": 3, "d": 4, "blend": 6}
    assert plain.seconds == 7
    assert plain.alone() == {"load": 1, "blend": 1}
    assert schedule(made, 2, overhead=0.5).seconds == 8
    assert schedule(made, 1, overhead=0.0).seconds == 1 + 9 + 1
    assert schedule(made, 9, overhead=0.0).seconds == 1 + 4 + 1


@pytest.mark.parametrize("workers", [1, 3, 64])
@pytest.mark.parametrize("plan", [Plan(), Plan("", True, 4, True, 2, True)])
def test_no_schedule_is_shorter_than_its_work_or_its_longest_chain(plan, workers):
    stages = {"load": 2.0, "explore": 3.0, "blend": 1.0, "evaluate": 5.0, "submit": 0.5}
    models = Model("boosting", 4.0, 5, 2, trials=6, seeds=4), Model("linear", 0.2, 5, 2)
    made = tasks(Costs(1000, stages, models), plan)
    found = schedule(made, workers)
    fits = sum(task.seconds for task in made if task.where == WORKERS)
    endless = schedule(made, len(made)).seconds
    assert {task.name for task in made} == {*found.end}
    assert max(fits / workers, endless) <= found.seconds
    own = sum(task.seconds for task in made if task.where == RUN)
    assert found.seconds <= fits / workers + endless + own  # Graham's bound
    for task in made:
        assert all(found.end[name] <= found.begin[task.name] for name in task.after)
