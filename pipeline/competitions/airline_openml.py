"""The open airline survey (OpenML 46920, CC0) in the form of the organiser's three files.

For people who have no account with the organiser. The full survey has about 130,000 passengers;
3,000 and 2,000 of them are cut from it, so that the task is as small as the organiser's. The split
is another one than theirs: scores on it are not scores on their leaderboard.
"""

import contextlib
import http.client
import socket
import warnings
from collections.abc import Iterator
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
TARGET_WORDS = {"satisfied": 1, "dissatisfied": 0}


def fetch_airline(folder: Path, seed: int) -> None:
    """Download the survey, cut a stratified 3,000 / 2,000 split, write the three CSV files.

    Raises DataError where the folder has files already, where there is no network, and where the
    data set is not the survey; then nothing is written.
    """
    refuse_files(folder)
    tables = cut(organisers_form(download(folder)), seed)
    refuse_files(folder)  # a download takes long enough for files to arrive
    try:
        for name, table in tables.items():
            write_atomically(folder / name, table.to_csv(index=False, lineterminator="\n"))
    except BaseException:
        for name in tables:
            (folder / name).unlink(missing_ok=True)
        raise


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

    error: Exception
    try:
        with TemporaryDirectory() as cache, socket_timeout(TIMEOUT), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of every retry; the error is raised once
            frame: pd.DataFrame = fetch_openml(
                data_id=DATA_SET, data_home=cache, as_frame=True, parser="pandas", n_retries=1
            ).frame
        return frame
    except (OSError, EOFError, http.client.HTTPException) as caught:
        error, problem = caught, "could not be downloaded"
        remedy = "connect to the network and fetch again"
    except (ValueError, LookupError) as caught:
        error, problem, remedy = caught, "arrived, but could not be read", "fetch again later"
    reason = " ".join(str(getattr(error, "reason", None) or error).split()) or type(error).__name__
    raise DataError(
        f"OpenML data set {DATA_SET} {problem} ({reason}): {remedy}, or put the organiser's files "
        f"into {folder}."
    )


@contextlib.contextmanager
def socket_timeout(seconds: float) -> Iterator[None]:
    """A limit for new connections: scikit-learn sets none of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def organisers_form(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The columns, words and types of the simulated survey, which are the organiser's.

    The data set writes names without blanks and signs ('Legroomservice'), and calls the target
    satisfaction. Passengers with a gap are left out (a few arrival delays are not known): the
    organiser's files have none.
    """
    import numpy as np
    import pandas as pd

    from pipeline.competitions.airline_survey import simulate

    example = simulate(1000, np.random.default_rng(0)).drop(columns="id")
    names = {letters(name): name for name in example.columns} | {"satisfaction": TARGET}
    survey = frame.rename(columns=lambda name: names.get(letters(name), name))
    if absent := [name for name in example.columns if name not in survey]:
        raise another_data_set(f"there is no column for {', '.join(absent)}")
    survey = survey[list(example.columns)].dropna()
    for name in survey.columns:
        entries, known = survey[name].astype(str), example[name]
        if name == TARGET:
            survey[name] = entries.map(TARGET_WORDS)
        elif pd.api.types.is_numeric_dtype(known):
            survey[name] = pd.to_numeric(entries, errors="coerce")
        else:
            survey[name] = entries.map(letters).map({letters(word): word for word in known})
    if survey.isna().any(axis=None):
        raise another_data_set(
            f"unknown entries in {', '.join(survey.columns[survey.isna().any()])}"
        )
    return survey.astype(example.dtypes.to_dict())


def another_data_set(problem: str) -> DataError:
    return DataError(
        f"OpenML data set {DATA_SET}: {problem}; the data set has changed, so download the "
        "organiser's files instead."
    )


def letters(name: str) -> str:
    """Letters and digits alone, in lower case: 'Check-in_service' and 'Checkin service' are one."""
    return "".join(sign for sign in name.lower() if sign.isalnum())


def cut(survey: "pd.DataFrame", seed: int) -> "dict[str, pd.DataFrame]":
    """File name -> table: no row in two files, the same balance in both, ids from 1 in each."""
    from sklearn.model_selection import train_test_split

    needed = TRAIN_ROWS + TEST_ROWS
    if len(survey) < needed or survey[TARGET].value_counts().reindex([0, 1]).fillna(0).min() < 2:
        raise another_data_set(
            f"found {len(survey)} complete rows, needed are {needed} of both classes"
        )
    parts = train_test_split(
        survey,
        train_size=TRAIN_ROWS,
        test_size=TEST_ROWS,
        stratify=survey[TARGET],
        random_state=seed,
    )
    train, test = (part.reset_index(drop=True) for part in parts)
    for part in (train, test):
        part.insert(0, "id", part.index + 1)
    return {
        "train.csv": train,
        "test.csv": test.drop(columns=TARGET),
        "sample_submission.csv": test[["id"]].assign(**{TARGET: 0}),
    }
