"""The open airline survey (OpenML 46920, CC0) in the form of the organiser's three files.

For people who have no account with the organiser. The full survey has about 130,000 passengers;
3,000 and 2,000 of them are cut from it, so that the task is as small as the organiser's. The split
is another one than theirs: scores on it are not scores on their leaderboard.
"""

import http.client
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipeline.errors import DataError
from pipeline.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd

DATA_SET = 46920
TRAIN_ROWS, TEST_ROWS = 3000, 2000
TIMEOUT = 10.0  # seconds without a response, after which scikit-learn tries again, up to 7 times

TARGET = "target"
TARGET_NAMES = ("satisfaction", "satisfaction_v2", "target")
TARGET_WORDS = {
    "satisfied": 1,
    "dissatisfied": 0,
    "neutral or dissatisfied": 0,
    "unsatisfied": 0,
    "1": 1,
    "0": 0,
}


def fetch_airline(folder: Path, seed: int) -> None:
    """Download the survey, cut a stratified 3,000 / 2,000 split, write the three CSV files.

    Raises DataError where the folder has files already, where there is no network, and where the
    data set is not the survey; then nothing is written.
    """
    refuse_files(folder)
    survey = organisers_form(download(folder))
    tables = cut(survey, seed)
    refuse_files(folder)  # a download takes long enough for files to arrive
    write_together(
        folder,
        {name: frame.to_csv(index=False, lineterminator="\n") for name, frame in tables.items()},
    )


def refuse_files(folder: Path) -> None:
    """Raise DataError unless the folder is absent or has nothing but hidden files."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: this is a file, not a folder; name a folder to fetch into.")
    found = sorted(path.name for path in folder.glob("[!.]*"))
    if found:
        raise DataError(
            f"{folder}: found {', '.join(found[:5])}, and fetch never overwrites files; "
            "move them away first, or fetch into an empty folder."
        )


def download(folder: Path) -> "pd.DataFrame":
    """The data set as OpenML has it; DataError where it cannot be downloaded or read."""
    from sklearn.datasets import fetch_openml

    try:
        with TemporaryDirectory() as cache, socket_timeout(TIMEOUT), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of every retry; the error is raised once
            frame: pd.DataFrame = fetch_openml(
                data_id=DATA_SET, data_home=cache, as_frame=True, parser="pandas", n_retries=1
            ).frame
    except (OSError, EOFError, http.client.HTTPException) as error:
        raise DataError(
            f"OpenML data set {DATA_SET} could not be downloaded ({one_line(error)}): connect to "
            f"the network and fetch again, or put the organiser's files into {folder}."
        ) from None
    except (ValueError, LookupError) as error:
        raise DataError(
            f"OpenML data set {DATA_SET} arrived, but could not be read ({one_line(error)}): fetch "
            f"again later, or put the organiser's files into {folder}."
        ) from None
    return frame


@contextmanager
def socket_timeout(seconds: float) -> Iterator[None]:
    """A limit for new connections: scikit-learn sets none of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def one_line(error: Exception) -> str:
    """The error's message, or its type's name where it has none, without line breaks."""
    return " ".join(str(getattr(error, "reason", None) or error).split()) or type(error).__name__


def organisers_form(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The columns, words and types of the simulated survey, which are the organiser's.

    Passengers with a gap are left out (a few arrival delays are not known): the organiser's files
    have none.
    """
    import numpy as np

    from pipeline.competitions.airline_survey import simulate

    pattern = simulate(1000, np.random.default_rng(0)).drop(columns="id")
    survey = renamed_columns(frame, list(pattern.columns)).dropna()
    for name, example in pattern.items():
        if name == TARGET:
            survey[name] = translated(survey[name], TARGET_WORDS)
        elif example.dtype == "str":
            survey[name] = translated(survey[name], {word: word for word in example.unique()})
        else:
            survey[name] = numbers(survey[name])
    return survey.astype(pattern.dtypes.to_dict())


def renamed_columns(frame: "pd.DataFrame", wanted: list[str]) -> "pd.DataFrame":
    """The wanted columns under the wanted names, however the data set writes them."""
    places = {bare(str(name)): name for name in frame.columns}
    spellings = {name: TARGET_NAMES if name == TARGET else (name,) for name in wanted}
    found = {
        name: next((places[bare(s)] for s in spellings[name] if bare(s) in places), None)
        for name in wanted
    }
    missing = [spellings[name][0] for name, place in found.items() if place is None]
    if missing:
        found_names = ", ".join(map(str, frame.columns))
        raise another_data_set(f"there is no column for {', '.join(missing)} in {found_names}")
    return frame[list(found.values())].set_axis(wanted, axis=1)


def another_data_set(problem: str) -> DataError:
    return DataError(
        f"OpenML data set {DATA_SET}: {problem}; the data set has changed, so download the "
        "organiser's files instead."
    )


def bare(name: str) -> str:
    """Letters and digits alone, in lower case: 'Check-in_service' and 'Checkin service' are one."""
    return "".join(sign for sign in name.lower() if sign.isalnum())


def translated(column: "pd.Series", words: Mapping[str, object]) -> "pd.Series":
    """Each entry replaced by its meaning; DataError where that is not known."""
    known = {bare(word): meaning for word, meaning in words.items()}
    meant = column.astype(str).map(lambda entry: known.get(bare(entry)))
    if meant.isna().any():
        entry = column[meant.isna()].iloc[0]
        raise another_data_set(
            f"column '{column.name}': found '{entry}', allowed are {', '.join(words)}"
        )
    return meant


def numbers(column: "pd.Series") -> "pd.Series":
    """Whole numbers, whether as numbers, as text or as categories; DataError where one is not."""
    import pandas as pd

    parsed = pd.to_numeric(column.astype(str), errors="coerce")
    wrong = parsed.isna() | (parsed % 1 != 0)
    if wrong.any():
        entry = column[wrong].iloc[0]
        raise another_data_set(
            f"column '{column.name}': found '{entry}', allowed are whole numbers"
        )
    return parsed


def cut(survey: "pd.DataFrame", seed: int) -> "dict[str, pd.DataFrame]":
    """File name -> table: no row in two files, the same balance in both, ids from 1 in each."""
    from sklearn.model_selection import train_test_split

    needed = TRAIN_ROWS + TEST_ROWS
    if len(survey) < needed or survey[TARGET].value_counts().reindex([0, 1]).fillna(0).min() < 2:
        raise another_data_set(
            f"found {len(survey)} complete rows, needed are {needed} of both classes"
        )
    train, test = train_test_split(
        survey,
        train_size=TRAIN_ROWS,
        test_size=TEST_ROWS,
        stratify=survey[TARGET],
        random_state=seed,
    )
    train, test = with_ids(train), with_ids(test.drop(columns=TARGET))
    return {
        "train.csv": train,
        "test.csv": test,
        "sample_submission.csv": test[["id"]].assign(**{TARGET: 0}),
    }


def with_ids(frame: "pd.DataFrame") -> "pd.DataFrame":
    frame = frame.reset_index(drop=True)
    frame.insert(0, "id", frame.index + 1)
    return frame


def write_together(folder: Path, contents: Mapping[str, str]) -> None:
    """All of the files or none of them."""
    try:
        for name, content in contents.items():
            write_atomically(folder / name, content)
    except BaseException:
        for name in contents:
            (folder / name).unlink(missing_ok=True)
        raise
