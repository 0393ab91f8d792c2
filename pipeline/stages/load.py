"""Read the organiser's files, find out what they hold, and refuse what cannot be learnt from."""

import hashlib
import importlib.util
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import archives, contract, finding, reading, schema
from pipeline.artifacts import Folder
from pipeline.config import LoadStage
from pipeline.errors import DataError, SettingsError
from pipeline.progress import Progress

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
    tables, files = _simulated(settings, simulated) if simulated else _organisers(settings, raw)
    progress.say(_origin(raw, files, simulated))
    roles = schema.find_roles(tables, settings)
    form, form_found = schema.find_form(tables, roles)
    tables, answers_found = _without_answers(tables, roles.target)
    _check(tables, settings, roles)
    columns = _features(tables, settings, roles)
    typed = {
        side: _typed(table, columns, side)
        for side, table in (("train", tables.train), ("test", tables.test))
    }
    found = [*roles.found, form_found, *answers_found, _counted(columns), *_odd(typed, columns)]
    for sentence in found:
        progress.say(sentence)
    for side, table in typed.items():
        out.write_table(side, table)
    out.write_table("sample", _sample(tables, roles, form))
    out.write_array("y", _answers(tables.train[roles.target], roles))
    origin = {"competition": competition, "simulated": simulated is not None, "files": files}
    out.write_json("schema", _to_json(roles, form, columns) | origin | {"found": found})


# -- where the tables come from --------------------------------------------------------------------


def _is_bare(raw: Path, settings: LoadStage) -> bool:
    """No file at all, and none asked for: a file that is no table is a mistake to tell of."""
    if settings.train or settings.test or settings.sample:
        return False
    return not raw.is_dir() or all(path.name.startswith(".") for path in raw.iterdir())


def _organisers(settings: LoadStage, raw: Path) -> tuple[schema.Tables, dict[str, dict[str, Any]]]:
    names = {"train": settings.train, "test": settings.test, "sample": settings.sample}
    sources = finding.find_files(raw, names)
    frames = {role: reading.read_table(source) for role, source in sources.items()}
    sums = {path: archives.checksum(path) for path in {s.path for s in sources.values()}}
    files = {
        role: {
            "name": "/".join((str(source.path.relative_to(raw)), *source.members)),
            "sha256": sums[source.path],
            "rows": len(frames[role]),
        }
        for role, source in sources.items()
    }
    return schema.Tables(frames["train"], frames["test"], frames.get("sample")), files


def _simulated(
    settings: LoadStage, simulator: str
) -> tuple[schema.Tables, dict[str, dict[str, Any]]]:
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
    return schema.Tables(frames["train"], frames["test"], frames.get("sample")), files


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


def _without_answers(tables: schema.Tables, target: str) -> tuple[schema.Tables, list[str]]:
    """A test table that comes with the target loses it: no stage may see it."""
    if target not in tables.test:
        return tables, []
    known = int(tables.test[target].notna().sum())
    test = tables.test.drop(columns=target)
    sentence = f"test has the target too ({known:,} values): left out, no stage sees it"
    return schema.Tables(tables.train, test, tables.sample), [sentence]


def _check(tables: schema.Tables, settings: LoadStage, roles: schema.Roles) -> None:
    """Refuse what breaks the contract of the TOML, and train and test that do not fit together."""
    sides = {"train": tables.train, "test": tables.test}
    for side, table in sides.items():
        other = {roles.target, roles.id} - set(table.columns)
        declared = {name: c for name, c in settings.columns.items() if name not in other}
        contract.check(table, declared, side)
        if roles.id is not None and roles.id in table:
            contract.check_ids(table, roles.id, side)
    train, test = (
        table.drop(columns=list(settings.drop), errors="ignore") for table in sides.values()
    )
    contract.compare(train, test, roles.target, roles.id)


def _features(
    tables: schema.Tables, settings: LoadStage, roles: schema.Roles
) -> list[dict[str, str]]:
    """The columns that models may see, in the file's order."""
    others = {roles.target, roles.id, *settings.drop}
    names = [name for name in schema.column_names(tables.train) if name not in others]
    if not names:
        raise DataError(
            f"train: there is no column beside {', '.join(sorted(filter(None, others)))}; at least "
            "one to learn from is needed. Correct the file, or [load] drop in the TOML."
        )
    return [
        schema.describe_column(
            name, tables.train[name], tables.test[name], settings.columns.get(name)
        )
        for name in names
    ]


def _counted(columns: Sequence[Mapping[str, str]]) -> str:
    counts = Counter(column["kind"] for column in columns)
    named = {
        kind: [column["name"] for column in columns if column["kind"] == kind]
        for kind in ("text", "date")
        if kind in counts
    }
    listed = [
        f"{count} {kind}" + (f" ({', '.join(named[kind])})" if kind in named else "")
        for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    noun = "feature" if len(columns) == 1 else "features"
    return f"{len(columns)} {noun}: {', '.join(listed)}"


def _odd(typed: Mapping[str, "pd.DataFrame"], columns: Sequence[Mapping[str, str]]) -> list[str]:
    """What a person would want to know of the features, though nothing is refused."""
    names = [column["name"] for column in columns]
    features = {side: table[names] for side, table in typed.items()}
    commas = schema.numbers_with_commas(features["train"], columns)
    return [*schema.infinite_numbers(features), *commas]


# -- what is written -------------------------------------------------------------------------------


def _typed(
    table: "pd.DataFrame", columns: Sequence[Mapping[str, str]], where: str
) -> "pd.DataFrame":
    """Every column of the file, the features with their types."""
    whole, typed = table.copy(), schema.conform(table, columns, where)
    for name in schema.column_names(typed):
        whole[name] = typed[name]
    return whole


def _sample(tables: schema.Tables, roles: schema.Roles, form: schema.Form) -> "pd.DataFrame":
    """The organiser's sample; made up, it has the id and a value such as train has."""
    if tables.sample is not None:
        return tables.sample
    first = tables.train[roles.target].iloc[:1].repeat(len(tables.test)).reset_index(drop=True)
    made_up = first.to_frame(roles.target)
    if roles.id is not None:
        made_up.insert(0, roles.id, tables.test[roles.id])
    return made_up[list(form.columns)]


def _answers(target: "pd.Series", roles: schema.Roles) -> np.ndarray:
    """(n,): class codes int64 in the order of the classes, or values float64."""
    if roles.classes is None:
        return target.to_numpy().astype("float64")
    codes = {label: code for code, label in enumerate(roles.classes)}
    return target.map(codes).to_numpy(dtype="int64")


def _to_json(
    roles: schema.Roles, form: schema.Form, columns: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    return {
        "target": roles.target,
        "id": roles.id,
        "task": roles.task,
        "classes": None if roles.classes is None else list(roles.classes),
        "sample": form.to_json(),
        "columns": list(columns),
    }
