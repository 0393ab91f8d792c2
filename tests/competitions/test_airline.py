import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pipeline.competitions.airline import COMFORT, RATINGS, features
from pipeline.competitions.airline_survey import simulate
from pipeline.errors import DataError


@pytest.fixture
def frame():
    return simulate(300, np.random.default_rng(0))


def passenger(**marks) -> pd.DataFrame:
    """A man on personal travel who gave 3 to everything but these."""
    who = {"Gender": "Male", "Customer Type": "Loyal Customer", "Type of Travel": "Personal Travel"}
    return pd.DataFrame([who | dict.fromkeys(RATINGS, 3) | marks])


def test_a_row_worked_by_hand():
    row = passenger(**{"Seat comfort": 0, "Gate location": 2, "Inflight entertainment": 4})

    added = features(row).iloc[0, row.shape[1] :].to_dict()

    assert added == {
        "Passenger segment": "Male, Loyal Customer, Personal Travel",
        "Entertainment for segment": "Loyal Customer, Personal Travel, 4",
        "Lowest comfort rating": 2,  # the 0 of a question that did not apply is no rating
        "Highest rating": 4,
    }


def test_no_comfort_question_applied():
    assert features(passenger(**dict.fromkeys(COMFORT, 0)))["Lowest comfort rating"][0] == 0


def test_each_row_depends_on_itself_alone(frame):
    order = np.random.default_rng(1).permutation(len(frame))[:30]
    alone = pd.concat([features(frame.iloc[[row]]) for row in order])
    assert_frame_equal(features(frame).iloc[order], alone)


def test_the_columns_that_were_there_stay_as_they_were(frame):
    before = frame.copy(deep=True)

    added = features(frame)

    assert_frame_equal(frame, before)
    assert_frame_equal(added[frame.columns], before)


def test_a_gap_elsewhere_changes_no_category(frame):
    """One missing mark makes floats of a column: '4' must not become '4.0'."""
    with_gap = frame.astype({"Inflight entertainment": "float64"})
    with_gap.loc[0, "Inflight entertainment"] = np.nan

    name = "Entertainment for segment"
    assert features(with_gap)[name][1:].tolist() == features(frame)[name][1:].tolist()
    assert pd.isna(features(with_gap)[name][0])


@pytest.mark.parametrize("name", ["Gender", "Cleanliness", "Seat comfort"])
def test_a_missing_column_is_named(frame, name):
    with pytest.raises(DataError, match=f"'{name}' is missing"):
        features(frame.drop(columns=name))


def test_men_on_personal_travel_become_one_column_to_a_linear_model(frame):
    """The cell is the product of its columns, which no sum of them is."""
    cell = features(frame)["Passenger segment"] == "Male, Loyal Customer, Personal Travel"
    by_hand = (frame["Gender"] == "Male") & (frame["Type of Travel"] == "Personal Travel")
    assert cell.tolist() == by_hand.tolist() and cell.any()
