"""Read the organiser's files, find out what they hold, and refuse what cannot be learnt from."""

import hashlib
import importlib.util
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import archives, contract, finding, kinds, labels, reading, schema
from pipeline.artifacts import Folder
from pipeline.config import LoadStage
from pipeline.errors import DataError, SettingsError
from pipeline.progress import Progress
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd


def run(
    settings: LoadStage, *, raw: Path, competition: str, out: Folder, progress: Progress
) -> None:
    """Write train, test and sample, the target as y, and the schema that describes them.

    The files come from `raw`; where there are none, the simulated survey that the TOML names takes
    their place.
    """
    simulated = settings.simulator if _is_bare(raw, settings) else None
    where = _simulated(settings, simulated) if simulated else _organisers(settings, raw)
    tables, files, read = where
    progress.say(_origin(raw, files, simulated))
    roles = schema.find_roles(tables, settings)
    form, form_found = schema.find_form(tables, roles)
    tables, left_out = _known(tables, roles, settings)
    columns = _features(tables, settings, roles, form.by_row)
    _check(tables, settings, roles, columns)
    typed = {
        side: _typed(table, columns, side)
        for side, table in (("train", tables.train), ("test", tables.test))
    }
    odd = [*kinds.notes(columns, tables.train, tables.test), *_infinite(typed, columns)]
    found = [*read, *roles.found, form_found, *left_out, _counted(columns), *odd]
    for sentence in found:
        progress.say(sentence)
    for alarm in schema.alike_told(roles):
        progress.advise(f"ALARM: {alarm}")
    for side, table in typed.items():
        out.write_table(side, table)
    out.write_table("sample", _sample(tables, roles, form))
    out.write_array("y", _answers(tables.train[roles.target], roles, settings))
    origin = {"competition": competition, "simulated": simulated is not None, "files": files}
    out.write_json("schema", _to_json(roles, form, columns) | origin | {"found": found})


# -- where the tables come from --------------------------------------------------------------------


def _is_bare(raw: Path, settings: LoadStage) -> bool:
    """No file at all, and none asked for: a file that is no table is a mistake to tell of."""
    if settings.train or settings.test or settings.sample or settings.labels:
        return False
    return not raw.is_dir() or all(path.name.startswith(".") for path in raw.iterdir())


def _organisers(
    settings: LoadStage, raw: Path
) -> tuple[schema.Tables, dict[str, dict[str, Any]], list[str]]:
    """The tables, what is kept of each file by role, and a sentence on each choice."""
    names = {role: getattr(settings, role) for role in finding.ROLES}
    chosen = finding.find_files(raw, names)
    read = {
        role: reading.read_table(source, labels.header_of(role, settings))
        for role, source in chosen.sources.items()
    }
    sums = {path: archives.checksum(path) for path in {s.path for s in chosen.sources.values()}}
    files = {
        role: {
            "name": "/".join((str(source.path.relative_to(raw)), *source.members)),
            "sha256": sums[source.path],
            "rows": len(read[role].words),
        }
        for role, source in chosen.sources.items()
    }
    tables, joined = labels.tables_of(read, settings)
    return tables, files, [*chosen.notes, *joined]


def _simulated(
    settings: LoadStage, simulator: str
) -> tuple[schema.Tables, dict[str, dict[str, Any]], list[str]]:
    name = f"pipeline.competitions.{simulator}"
    if importlib.util.find_spec(name) is None:
        raise SettingsError(
            f"[load] simulator: there is no pipeline/competitions/{simulator}.py. "
            "Correct the name in the competition's TOML, or remove the line."
        )
    survey = importlib.import_module(name).survey
    rng = np.random.default_rng(settings.seed)
    frames = survey(rng, settings.simulated_train_rows, settings.simulated_test_rows)
    files = {
        role: {
            "name": f"{role} of {simulator}, seed {settings.seed}",
            "sha256": _content_hash(frame),
            "rows": len(frame),
        }
        for role, frame in frames.items()
    }
    return schema.Tables.of(frames), files, []


def _content_hash(frame: "pd.DataFrame") -> str:
    """SHA-256 of the rows' hashes: what was simulated has no file."""
    import pandas as pd

    rows = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return hashlib.sha256(rows.tobytes()).hexdigest()


def _origin(raw: Path, files: Mapping[str, Mapping[str, Any]], simulator: str | None) -> str:
    if simulator is None:
        return f"from {raw}: {', '.join(str(file['name']) for file in files.values())}"
    sizes = " + ".join(f"{files[role]['rows']:,}" for role in ("train", "test"))
    return (
        f"no files in {raw}: taking the SIMULATED data of {simulator} ({sizes} rows). "
        "Put the organiser's files there to use them instead."
    )


# -- what they hold --------------------------------------------------------------------------------


def _known(
    tables: schema.Tables, roles: schema.Roles, settings: LoadStage
) -> tuple[schema.Tables, list[str]]:
    """Train without the rows that have no target, where the TOML says so; test without targets:
    no stage may see them."""
    sentences = []
    values = schema.target_values(tables.train[roles.target], settings)
    if values.isna().any():
        train = tables.train[values.notna()].reset_index(drop=True)
        missing = len(tables.train) - len(train)
        sentences.append(f"{count(missing, 'row')} of train without a target left out")
        tables = replace(tables, train=train)
    if roles.target in tables.test:
        known = int(tables.test[roles.target].notna().sum())
        tables = replace(tables, test=tables.test.drop(columns=roles.target))
        sentences.append(f"test has the target too ({known:,} values): left out, no stage sees it")
    return tables, sentences


def _check(
    tables: schema.Tables,
    settings: LoadStage,
    roles: schema.Roles,
    columns: Sequence[Mapping[str, Any]],
) -> None:
    """Refuse what breaks the contract of the TOML."""
    import pandas as pd

    described = {column["name"]: column for column in columns}
    for side, table in (("train", tables.train), ("test", tables.test)):
        other = {*settings.drop, *({roles.target, roles.id} - set(table.columns))}
        declared = {name: c for name, c in settings.columns.items() if name not in other}
        words = {
            name: kinds.cleaned(table[name], described.get(name) or _described(table[name], rule))
            for name, rule in declared.items()
            if name in table
        }
        contract.check(pd.DataFrame(words, index=table.index), declared, side)


def _described(values: "pd.Series", rule: contract.Column) -> dict[str, Any]:
    return kinds.describe_column(str(values.name), values, values.iloc[:0], rule)


def _features(
    tables: schema.Tables, settings: LoadStage, roles: schema.Roles, by_row: bool
) -> list[dict[str, Any]]:
    """The columns that models may see, in the file's order, and the id's own date before them.

    Ids, and that train and test have the same columns, are checked before.
    """
    if roles.id is not None and not by_row:
        contract.check_ids(tables.test, roles.id, "test")
    train, test = (
        table.drop(columns=list(settings.drop), errors="ignore")
        for table in (tables.train, tables.test)
    )
    contract.compare(train, test, roles.target, roles.id)
    others = {roles.target, roles.id, *settings.drop}
    names = [name for name in schema.column_names(tables.train) if name not in others]
    dated = _id_dates(tables, settings, roles)
    if not names and not dated:
        raise DataError(
            f"train: there is no column beside {', '.join(sorted(filter(None, others)))}; at least "
            "one to learn from is needed. Correct the file, or [load] drop in the TOML."
        )
    return dated + [
        kinds.describe_column(
            name, tables.train[name], tables.test[name], settings.columns.get(name)
        )
        for name in names
    ]


def _id_dates(
    tables: schema.Tables, settings: LoadStage, roles: schema.Roles
) -> list[dict[str, Any]]:
    """The column that the id gives to the models, if it is a date and not declared otherwise."""
    if roles.id is None:
        return []
    declared = settings.columns.get(roles.id)
    described = kinds.describe_id(roles.id, tables.train, tables.test, declared)
    return [described] if described else []


def _counted(columns: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(column["kind"] for column in columns)
    named = {
        kind: [column["name"] for column in columns if column["kind"] == kind]
        for kind in ("text", "date")
        if kind in counts
    }
    listed = [
        f"{number} {kind}" + (f" ({', '.join(named[kind])})" if kind in named else "")
        for kind, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    noun = "feature" if len(columns) == 1 else "features"
    return f"{len(columns)} {noun}: {', '.join(listed)}"


def _infinite(
    typed: "Mapping[str, pd.DataFrame]", columns: Sequence[Mapping[str, Any]]
) -> list[str]:
    names = [column["name"] for column in columns]
    return kinds.infinite_numbers({side: table[names] for side, table in typed.items()})


# -- what is written -------------------------------------------------------------------------------


def _typed(
    table: "pd.DataFrame", columns: Sequence[Mapping[str, Any]], where: str
) -> "pd.DataFrame":
    """Every column of the file, the features with their types."""
    import pandas as pd

    typed = kinds.conform(table, columns, where)
    # a frame of thousands of columns is built at once: each that is set costs as much as all
    return pd.DataFrame({**dict(table.items()), **dict(typed.items())}, index=table.index)


def _sample(tables: schema.Tables, roles: schema.Roles, form: schema.Form) -> "pd.DataFrame":
    """The organiser's sample; made up, it has the id and a value such as train has."""
    if tables.sample is not None:
        return tables.sample
    first = tables.train[roles.target].iloc[:1].repeat(len(tables.test)).reset_index(drop=True)
    made_up = first.to_frame(roles.target)
    if roles.id is not None:
        made_up.insert(0, roles.id, tables.test[roles.id])
    return made_up[list(form.columns)]


def _answers(target: "pd.Series", roles: schema.Roles, settings: LoadStage) -> np.ndarray:
    """(n,): class codes int64 in the order of the classes, or values float64."""
    if roles.classes is None or roles.labels is None:
        return schema.target_values(target, settings).to_numpy().astype("float64")
    codes = {label: code for code, label in enumerate(roles.classes)}
    return target.map(roles.labels).map(codes).to_numpy(dtype="int64")


def _to_json(
    roles: schema.Roles, form: schema.Form, columns: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        "target": roles.target,
        "id": roles.id,
        "task": roles.task,
        "classes": None if roles.classes is None else list(roles.classes),
        "positive": roles.positive,
        "sample": form.to_json(),
        "columns": [{k: c[k] for k in c if k != "found"} for c in columns],
    }
