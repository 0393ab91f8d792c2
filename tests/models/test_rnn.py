"""Which columns of the dense view are a step: by the names that the encoder gives them."""

import numpy as np
import pandas as pd
import pytest

from pipeline import models
from pipeline.config import load_configuration
from pipeline.encoding.columns import code_table
from pipeline.encoding.views import FoldEncoder
from pipeline.errors import SettingsError
from pipeline.models import ModelProblem
from pipeline.models.rnn import Settings, build, steps
from pipeline.problem import Feature
from pipeline.settings import Encode
from pipeline.workspace import COMPETITIONS


def encoded(frame: pd.DataFrame) -> tuple[np.ndarray, ModelProblem]:
    """The dense view of these rows, and what a model has to know of it."""
    is_number = pd.api.types.is_numeric_dtype
    features = [Feature(n, "number" if is_number(frame[n]) else "category") for n in frame]
    encoder, table = FoldEncoder(Encode(rare=1), features, 2), code_table(frame, features)
    y, rng = np.arange(len(frame)) % 2, np.random.default_rng(0)
    X = encoder.fit_transform(table, y, rng, "dense")
    names, parts = encoder.names("dense"), encoder.parts("dense")
    return X, ModelProblem("binary", 2, "log_loss", names, parts=parts)


@pytest.fixture
def frame() -> pd.DataFrame:
    """Names that are each other's beginnings, levels with signs in them, gaps."""
    return pd.DataFrame(
        {
            "Seat": [1, 2, 3, 4, 5, 1, 2, 3] * 5,
            "Age": np.linspace(18.5, 80.25, 40),
            "Seat comfort": [1, 2, np.nan, 4, 5, 5, 4, 3] * 5,
            "Class": ["Eco", "Eco=Plus", None, "Business"] * 10,
            "Class of the seat": ["window", "aisle"] * 20,
            "Seat=left": [0, 1, 2, 1] * 10,
        }
    )


def test_a_step_has_exactly_the_columns_that_the_raw_column_was_encoded_to(frame) -> None:
    """Encoded alone, a column has the same names."""
    _, problem = encoded(frame)
    sequence = ["Class", "Seat comfort", "Seat", "Age", "Seat=left", "Class of the seat"]
    found = [[problem.columns[place] for place in step] for step in steps(sequence, problem)]
    assert found == [list(encoded(frame[[name]])[1].columns) for name in sequence]


def test_left_out_the_steps_are_ratings_that_stand_side_by_side(frame) -> None:
    rating = frame["Seat"]
    survey = frame[["Age", "Class"]].assign(Crew=rating, Food=6 - rating, Gate=rating, Wifi=rating)
    _, problem = encoded(survey)
    assert steps([], problem) == steps(["Crew", "Food", "Gate", "Wifi"], problem)


def test_left_out_the_steps_are_columns_whose_names_end_in_ascending_numbers(frame) -> None:
    amounts = {f"Bill {month}": frame["Age"] * month for month in (2, 1, 3, 10)}
    _, problem = encoded(frame.assign(**amounts))
    assert steps([], problem) == steps(["Bill 1", "Bill 2", "Bill 3", "Bill 10"], problem)


def test_a_column_of_one_value_is_passed_over_and_refused_alone(frame) -> None:
    _, problem = encoded(frame.assign(Constant=1))
    assert steps(["Seat", "Constant", "Age"], problem) == steps(["Seat", "Age"], problem)
    with pytest.raises(SettingsError, match="no column 'Constant'"):
        steps(["Constant"], problem)


def test_without_an_order_one_message_names_the_setting(frame) -> None:
    _, problem = encoded(frame)
    with pytest.raises(SettingsError, match=r"\[models.rnn\] sequence: it is left out, and the co"):
        build(Settings(), problem)


@pytest.mark.parametrize(
    "name", ["", "Sea", "Seat comfort ", "Comfort", "Seat=9", "Age is missing"]
)
def test_a_name_that_is_not_there_is_refused_with_those_that_are(frame, name) -> None:
    frame = frame.drop(columns="Seat=left")
    _, problem = encoded(frame)
    allowed = r"'Seat', 'Age', 'Seat comfort', 'Class', 'Class of the seat'\."
    with pytest.raises(SettingsError, match=rf"\[models.rnn\] sequence: .*'{name}'.*{allowed}"):
        build(Settings(sequence=("Seat", name)), problem)


@pytest.mark.parametrize("competition", ["airline", "passenger"])
def test_the_sequence_is_fourteen_ratings_each_once(competition) -> None:
    settings = load_configuration(competition).models["rnn"]
    assert len(settings.sequence) == len(set(settings.sequence)) == 14
    others = ("Age", "Class", "Flight Distance", "Gender", "Customer Type", "Type of Travel")
    assert not set(settings.sequence) & set(others)


def test_the_airlines_sequence_is_made_of_columns_that_its_contract_names() -> None:
    experiment = load_configuration("airline", folder=COMPETITIONS)
    ratings = {name for name, column in experiment.load.columns.items() if column.max == 5}
    assert set(experiment.models["rnn"].sequence) == ratings


def test_what_is_read_in_sequence_and_what_is_read_at_once_are_both_learned_from(frame) -> None:
    """The target is a product of a column of either."""
    rng = np.random.default_rng(1)
    rows = frame.loc[rng.integers(40, size=800)].reset_index(drop=True)
    y = ((rows["Seat"] > 2) ^ (rows["Class of the seat"] == "aisle")).to_numpy().astype(int)
    X, problem = encoded(rows)
    settings = {"sequence": ("Seat", "Seat comfort"), "n_networks": 1, "epochs": 10}
    model = models.build_bare("rnn", settings, problem).fit(X[:600], y[:600])
    assert (model.predict(X[600:]).argmax(axis=1) == y[600:]).mean() > 0.98
