"""The open airline survey (OpenML 46920, CC0) in the form of the organiser's three files.

For people who have no account with the organiser. The full survey has about 130,000 passengers;
3,000 and 2,000 of them are cut from it, so that the task is as small as the organiser's. The split
is another one than theirs: scores on it are not scores on their leaderboard.
"""

import contextlib
import http.client
import socket
import warnings
from collections.abc import Iterator, Mapping
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
TARGET_NAMES = ("satisfaction", "satisfaction_v2", TARGET)
TARGET_WORDS = {"satisfied": 1, "1": 1} | dict.fromkeys(
    ("dissatisfied", "neutral or dissatisfied", "unsatisfied", "0"), 0
)


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

    Passengers with a gap are left out (a few arrival delays are not known): the organiser's files
    have none.
    """
    import numpy as np

    from pipeline.competitions.airline_survey import simulate

    example = simulate(1000, np.random.default_rng(0)).drop(columns="id")
    survey = wanted_columns(frame, list(example.columns)).dropna()
    for name in example.select_dtypes("number").columns.drop(TARGET):
        survey[name] = whole_numbers(survey[name])
    for name in example.select_dtypes("str").columns:
        survey[name] = translated(survey[name], {word: word for word in example[name].unique()})
    survey[TARGET] = translated(survey[TARGET], TARGET_WORDS)
    return survey.astype(example.dtypes.to_dict())


def wanted_columns(frame: "pd.DataFrame", wanted: list[str]) -> "pd.DataFrame":
    """These columns, however the data set spells them; the target has several names."""
    places = {letters(str(name)): name for name in frame.columns}
    spelled = {name: letters(name) for name in wanted}
    targets = [letters(name) for name in TARGET_NAMES]
    spelled[TARGET] = next((name for name in targets if name in places), targets[0])
    missing = [name for name, spelling in spelled.items() if spelling not in places]
    if missing:
        names = ", ".join(TARGET_NAMES[0] if name == TARGET else name for name in missing)
        found = ", ".join(map(str, frame.columns))
        raise another_data_set(f"there is no column for {names} in {found}")
    return frame[[places[spelling] for spelling in spelled.values()]].set_axis(wanted, axis=1)


def another_data_set(problem: str) -> DataError:
    return DataError(
        f"OpenML data set {DATA_SET}: {problem}; the data set has changed, so download the "
        "organiser's files instead."
    )


def letters(name: str) -> str:
    """Letters and digits alone, in lower case: 'Check-in_service' and 'Checkin service' are one."""
    return "".join(sign for sign in name.lower() if sign.isalnum())


def translated(column: "pd.Series", words: Mapping[str, object]) -> "pd.Series":
    """Each entry replaced by its meaning; DataError where that is not known."""
    known = {letters(word): meaning for word, meaning in words.items()}
    meant = column.astype(str).map(letters).map(known)
    refuse_entries(column[meant.isna()], ", ".join(words))
    return meant


def whole_numbers(column: "pd.Series") -> "pd.Series":
    """Whether they come as numbers, as text or as categories; DataError where one is not whole."""
    import pandas as pd

    parsed = pd.to_numeric(column.astype(str), errors="coerce")
    refuse_entries(column[parsed % 1 != 0], "whole numbers")
    return parsed


def refuse_entries(wrong: "pd.Series", allowed: str) -> None:
    if len(wrong):
        raise another_data_set(
            f"column '{wrong.name}': found '{wrong.iloc[0]}', allowed are {allowed}"
        )


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
