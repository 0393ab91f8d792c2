"""Read the organiser's files, find out what they hold, and refuse what cannot be learnt from."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline import scratch
from pipeline.errors import DataError
from pipeline.own_functions import own_function
from pipeline.problem import ExtraRows, Feature, File, Form, Loaded, Problem
from pipeline.progress import Progress
from pipeline.reading import (
    archives,
    contract,
    extra_rows,
    finding,
    joins,
    kinds,
    labels,
    own_tables,
    schema,
)
from pipeline.reading.contract import ColumnRule
from pipeline.reading.csv_files import TextTable
from pipeline.reading.kinds import Described
from pipeline.reading.schema import RawTables, Roles
from pipeline.reading.tables import read_table
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.stage_settings import LoadStage

SIDES = ("train", "test")
SURVEY = "survey(rng, train_rows, test_rows)"


def load(settings: "LoadStage", raw: Path, progress: Progress) -> Loaded:
    """The tables in the folder `raw` with typed features, the target as y, and the problem.

    Where there are no files, the simulated survey that the TOML names takes their place. Raises
    DataError or SettingsError for what cannot be learnt from.
    """
    simulated = settings.simulator is not None and _is_bare(raw, settings)
    own = _own if settings.read else _organisers
    origin = (_simulated if simulated else own)(settings, raw)
    progress.say(origin.message)
    tables = schema.of_one_target(origin.tables, settings)
    roles = schema.find_roles(tables, settings)
    form, form_note = schema.find_form(tables, roles, settings.aggregate)
    if settings.read and not simulated:
        own_tables.refuse_multiplied(settings.read, tables, roles, form)
    tables, target_notes = _known(tables, roles)
    columns = _features(tables, settings, roles, form)
    _check(tables, settings, roles, columns)
    train, test = (kinds.typed(table, columns, side) for side, table in _sides(tables))
    features = tuple(column.feature for column in columns)
    names = [feature.name for feature in features]
    extra, extra_notes = _extra(tables, roles, features, (train, test))
    notes = (
        *(*origin.notes, *roles.notes.values(), form_note, *target_notes, _counted(columns)),
        *extra_notes,
        *kinds.notes(columns),
        *kinds.infinite_numbers({"train": train[names], "test": test[names]}),
    )
    for note in notes:
        progress.say(note)
    for alarm in schema.alike_messages(roles):
        progress.advise(f"ALARM: {alarm}")
    problem = Problem(
        roles.target, roles.id, roles.task, roles.classes, roles.positive, form, features
    )
    sample = _sample(tables, roles, form)
    y = _target(tables.train[roles.target], roles)
    about = (problem, origin.files, simulated, notes)
    return Loaded(train, test, sample, y, *about, origin.tables.sides, extra)


def _extra(
    tables: RawTables,
    roles: Roles,
    features: Sequence[Feature],
    typed: "tuple[pd.DataFrame, pd.DataFrame]",
) -> tuple[ExtraRows | None, list[str]]:
    """The rows of [load] extra, if it names a file, and notes on them."""
    if tables.extra is None:
        return None, []
    return extra_rows.read_extra(tables.extra, tables, roles, features, typed)


def _sides(tables: RawTables) -> "Iterator[tuple[str, pd.DataFrame]]":
    return zip(SIDES, (tables.train, tables.test), strict=True)


# -- where the tables come from --------------------------------------------------------------------


@dataclass(frozen=True)
class _Origin:
    """The tables, the files that they come from by role, a message on both, notes on choices."""

    tables: RawTables
    files: Mapping[str, File]
    message: str
    notes: Sequence[str] = ()


def _is_bare(raw: Path, settings: "LoadStage") -> bool:
    """No file at all, and none asked for: a file that is no table is a mistake to report."""
    if settings.train or settings.test or settings.sample or settings.labels:
        return False
    return not raw.is_dir() or all(path.name.startswith(".") for path in raw.iterdir())


def _own(settings: "LoadStage", raw: Path) -> _Origin:
    """What the competition's own read(raw) gives, and the side tables joined to it."""
    assert settings.read is not None
    frames = own_tables.read_own(settings.read, raw)
    tables = RawTables.of({"test": frames["train"].iloc[:0], **frames})
    files = {
        role: File(f"{role} of {settings.read}.read", _content_hash(frame), len(frame))
        for role, frame in frames.items()
    }
    sides = {joins.role(name): join.file for name, join in settings.join.items()}
    sides |= {extra_rows.ROLE: settings.extra} if settings.extra else {}
    read = {role: read_table(finding.named_file(raw, role, file)) for role, file in sides.items()}
    tables, notes = joins.join_side_tables(tables, read, settings.join)
    tables = _with_extra(tables, read, settings)
    message = f"from {raw}, by read of pipeline/competitions/{settings.read}.py"
    return _Origin(tables, files, message, notes)


def _with_extra(
    tables: RawTables, read: Mapping[str, TextTable], settings: "LoadStage"
) -> RawTables:
    """Extra rows are named like train's where neither file has a line of names."""
    if extra_rows.ROLE not in read:
        return tables
    words = read[extra_rows.ROLE].words
    if not settings.header:
        words = labels.named_by_place(words, [str(name) for name in tables.train.columns])
    return replace(tables, extra=words)


def _organisers(settings: "LoadStage", raw: Path) -> _Origin:
    named = {role: getattr(settings, role) for role in finding.ROLES}
    sides = {joins.role(name): join.file for name, join in settings.join.items()}
    sides |= {extra_rows.ROLE: settings.extra} if settings.extra else {}
    chosen = finding.find_files(raw, named | sides, without=settings.predictions)
    read = labels.read_files(chosen.sources, settings)
    files = {
        role: File(
            "/".join((str(source.path.relative_to(raw)), *source.members)),
            archives.checksum(source.path),
            len(read[role].words),
        )
        for role, source in ((role, chosen.sources.get(role)) for role in (*named, *sides))
        if source is not None
    }
    tables, notes = labels.joined_tables(read, settings)
    tables, joined = joins.join_side_tables(tables, read, settings.join)
    tables = _with_extra(tables, read, settings)
    message = f"from {raw}: {', '.join(file.name for file in files.values())}"
    return _Origin(tables, files, message, [*chosen.notes, *notes, *joined])


def _simulated(settings: "LoadStage", raw: Path) -> _Origin:
    simulator = settings.simulator
    assert simulator is not None
    survey = own_function(simulator, SURVEY, "[load] simulator")
    rng = np.random.default_rng(settings.seed)
    frames = survey(rng, settings.simulated_train_rows, settings.simulated_test_rows)
    files = {
        role: File(f"{role} of {simulator}, seed {settings.seed}", _content_hash(frame), len(frame))
        for role, frame in frames.items()
    }
    sizes = " + ".join(f"{files[role].rows:,}" for role in SIDES)
    message = (
        f"no files in {raw}: taking the SIMULATED data of {simulator} ({sizes} rows). "
        "Put the organiser's files there to use them instead."
    )
    return _Origin(RawTables.of(frames), files, message)


def _content_hash(frame: "pd.DataFrame") -> str:
    """SHA-256 of the rows' hashes: what was simulated has no file."""
    import pandas as pd

    rows = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return hashlib.sha256(rows.tobytes()).hexdigest()


# -- what they hold --------------------------------------------------------------------------------


def _known(tables: RawTables, roles: Roles) -> tuple[RawTables, list[str]]:
    """Train without the rows that have no target, where the TOML allows them; test without targets:
    no stage may see them."""
    notes = []
    known = roles.values.notna()
    if not known.all():
        train = _rows(tables.train, known.to_numpy())
        missing = len(tables.train) - len(train)
        notes.append(f"{count(missing, 'row')} of train without a target left out")
        tables = replace(tables, train=train)
    if roles.target in tables.test:
        labelled = int(tables.test[roles.target].notna().sum())
        if len(tables.test):
            notes.append(
                f"test has the target too ({labelled:,} values): left out, no stage sees it"
            )
        tables = replace(tables, test=tables.test.drop(columns=roles.target))
    return tables, notes


def _rows(table: "pd.DataFrame", which: np.ndarray) -> "pd.DataFrame":
    """Some rows of a table, one column after the other: all at once may be more than memory."""
    import pandas as pd

    found = {}
    for name, words in table.items():
        found[name] = scratch.column(words[which].reset_index(drop=True))
        scratch.release()
    return pd.DataFrame(found, copy=False)


def _features(
    tables: RawTables, settings: "LoadStage", roles: Roles, form: Form
) -> list[Described]:
    """The columns that models may see, in the file's order, and the id's own date before them.

    Ids, and that train and test have the same columns, are checked before.
    """
    if roles.id is not None and not form.by_row and form.aggregate is None:
        contract.check_ids(tables.test, roles.id, "test")
    train, test = (
        table.drop(columns=list(settings.drop), errors="ignore") for _, table in _sides(tables)
    )
    contract.compare(train, test, roles.target, roles.id)
    others = {roles.target, roles.id, *settings.drop}
    names = [name for name in tables.train.columns if name not in others]
    rules = settings.columns
    dated = roles.id and kinds.describe_id(roles.id, tables.train, tables.test, rules.get(roles.id))
    if not names and not dated:
        raise DataError(
            f"train: there is no column beside {', '.join(sorted(filter(None, others)))}; at least "
            "one to learn from is needed. Correct the file, or [load] drop in the TOML."
        )
    return [
        *([dated] if dated else []),
        *(kinds.describe_column(name, train[name], test[name], rules.get(name)) for name in names),
    ]


def _check(
    tables: RawTables, settings: "LoadStage", roles: Roles, columns: Sequence[Described]
) -> None:
    """Refuse what breaks the contract of the TOML."""
    import pandas as pd

    described = {column.feature.name: column for column in columns}
    for side, table in _sides(tables):
        absent = {roles.target, roles.id} - set(table.columns)
        other = {*settings.drop, *settings.others, *absent}
        rules = {name: rule for name, rule in settings.columns.items() if name not in other}
        values = {
            name: _checked(table[name], described.get(name), rule, side)
            for name, rule in rules.items()
            if name in table
        }
        contract.check(pd.DataFrame(values, index=table.index), rules, side, written=table)


def _checked(
    words: "pd.Series", column: Described | None, rule: ColumnRule, side: str
) -> "pd.Series":
    """What the contract is about: plain numbers, or words without what means missing."""
    if column is None:  # the target, or the id
        column = replace(kinds.describe_column(str(words.name), words, words[:0], rule), values={})
    return column.values[side] if side in column.values else kinds.cleaned(words, column.feature)


def _counted(columns: Sequence[Described]) -> str:
    """3 features: 2 number, 1 date (when)."""
    features = [column.feature for column in columns]
    counts = Counter(feature.kind for feature in features)
    listed = []
    for kind, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        names = ", ".join(feature.name for feature in features if feature.kind == kind)
        listed.append(f"{number:,} {kind}" + (f" ({names})" if kind in ("text", "date") else ""))
    return f"{count(len(features), 'feature')}: {', '.join(listed)}"


# -- what later stages get -------------------------------------------------------------------------


def _sample(tables: RawTables, roles: Roles, form: Form) -> "pd.DataFrame":
    """The organiser's sample; made up, it has the id and a value such as train has."""
    if tables.sample is not None:
        return tables.sample
    first = tables.train[roles.target].iloc[:1].repeat(len(tables.test)).reset_index(drop=True)
    made_up = first.to_frame(roles.target)
    if roles.id is not None:
        made_up.insert(0, roles.id, tables.test[roles.id])
    return made_up[list(form.columns)]


def _target(words: "pd.Series", roles: Roles) -> np.ndarray:
    """(n,): class codes int64 in the order of the classes, or values float64."""
    if roles.classes is None or roles.labels is None:
        return roles.values.dropna().to_numpy(dtype="float64")
    import pandas as pd

    places, levels = pd.factorize(words)
    codes = [roles.classes.index(roles.labels[word]) for word in levels]
    return np.array(codes, dtype=np.int64)[places]
