import io

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pipeline.competitions.airline_survey import (
    DIGITAL,
    QUESTIONS,
    SERVICE,
    cut_points,
    simulate,
    survey,
)

# the first line of the organiser's train.csv, and the types that pandas reads below it
HEADER = (
    "id,Gender,Customer Type,Age,Type of Travel,Class,Flight Distance,Seat comfort,"
    "Departure/Arrival time convenient,Food and drink,Gate location,Inflight wifi service,"
    "Inflight entertainment,Online support,Ease of Online booking,On-board service,"
    "Leg room service,Baggage handling,Checkin service,Cleanliness,Online boarding,"
    "Departure Delay in Minutes,Arrival Delay in Minutes,target"
)
WORDS = {
    "Gender": {"Female", "Male"},
    "Customer Type": {"Loyal Customer", "disloyal Customer"},
    "Type of Travel": {"Business travel", "Personal Travel"},
    "Class": {"Business", "Eco", "Eco Plus"},
}


@pytest.fixture(scope="module")
def many():
    return simulate(20_000, np.random.default_rng(0))


def test_columns_order_and_types_are_the_organisers(many):
    assert ",".join(many.columns) == HEADER
    for name, dtype in many.dtypes.items():
        expected = "str" if name in WORDS else "float64" if "Arrival Delay" in name else "int64"
        assert dtype == expected, name


def test_csv_and_back_is_the_same_frame(many):
    assert_frame_equal(pd.read_csv(io.StringIO(many.to_csv(index=False))), many)


def test_values_are_within_the_organisers_ranges(many):
    assert not many.isna().any().any()
    assert {name: set(many[name]) for name in WORDS} == WORDS
    assert many["id"].tolist() == list(range(1, len(many) + 1))
    assert many["Age"].between(7, 80).all()
    assert many["Flight Distance"].between(50, 6950).all()
    assert many[list(QUESTIONS)].isin(range(6)).all(axis=None)
    delays = many[["Departure Delay in Minutes", "Arrival Delay in Minutes"]]
    assert (delays >= 0).all(axis=None) and (delays % 1 == 0).all(axis=None)


def test_rates_are_near_the_organisers(many):
    """Shares counted in the organiser's train.csv, to two digits."""
    assert many["target"].mean() == pytest.approx(0.56, abs=0.03)
    assert (many["Class"] == "Business").mean() == pytest.approx(0.48, abs=0.02)
    assert (many["Type of Travel"] == "Personal Travel").mean() == pytest.approx(0.32, abs=0.02)
    assert (many["Customer Type"] == "Loyal Customer").mean() == pytest.approx(0.83, abs=0.02)
    assert (many["Departure Delay in Minutes"] == 0).mean() == pytest.approx(0.57, abs=0.02)
    assert (many["Seat comfort"] == 0).mean() == pytest.approx(0.035, abs=0.01)
    assert (many["Inflight entertainment"] == 0).mean() == pytest.approx(0.024, abs=0.01)
    assert (many["Cleanliness"] == 0).mean() == 0


def test_questions_of_one_factor_correlate(many):
    correlation = many[list(QUESTIONS)].corr()
    within = correlation.loc[DIGITAL, DIGITAL].to_numpy()[np.triu_indices(4, 1)]
    across = correlation.loc[[name for name in DIGITAL if "Ease" not in name], SERVICE]
    assert within.min() > 0.4 > 0.25 > across.to_numpy().max()


def test_arrival_is_departure_plus_noise_and_skewed(many):
    departure, arrival = many["Departure Delay in Minutes"], many["Arrival Delay in Minutes"]
    assert 0.9 < departure.corr(arrival) < 1
    assert departure.mean() > 2 * departure[departure > 0].quantile(0.1) > departure.median() == 0


def test_cut_points_give_the_shares():
    # quartiles of the standard normal distribution: -0.6745, 0, 0.6745
    assert cut_points((25, 25, 25, 25)) == pytest.approx([-0.674490, 0, 0.674490], abs=1e-6)


def test_same_seed_same_frame():
    one, two, other = (simulate(500, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert_frame_equal(one, two)
    assert not one.equals(other)


@pytest.mark.parametrize("rows", [1, 2, 17])
def test_any_number_of_rows(rows):
    assert simulate(rows, np.random.default_rng(rows)).shape == (rows, 24)


def test_no_rows_is_an_error():
    with pytest.raises(ValueError, match="found 0"):
        simulate(0, np.random.default_rng(0))


def test_survey_is_what_the_organiser_serves():
    tables = survey(np.random.default_rng(0), train_rows=30, test_rows=20)

    train, test, sample = tables["train"], tables["test"], tables["sample"]
    assert ",".join(train.columns) == HEADER
    assert ",".join(test.columns) + ",target" == HEADER
    assert train["id"].tolist() == list(range(1, 31))
    assert test["id"].tolist() == sample["id"].tolist() == list(range(1, 21))
    assert list(sample.columns) == ["id", "target"] and (sample["target"] == 0).all()
    assert [frame.index.tolist() for frame in (train, test)] == [list(range(30)), list(range(20))]
    assert pd.concat([train, test]).drop(columns=["id", "target"]).duplicated().sum() == 0


def test_trees_beat_a_linear_model_by_several_points(many):
    """LightGBM's defaults against logistic regression on one-hot marks, 3,000 rows each."""
    from lightgbm import LGBMClassifier
    from sklearn.linear_model import LogisticRegression

    columns = many.drop(columns=["id", "target"])
    tree = columns.apply(lambda c: c.astype("category").cat.codes if c.name in WORDS else c)
    dense = pd.get_dummies(columns, columns=[*WORDS, *QUESTIONS], dtype=float)
    dense = (dense - dense.mean()) / dense.std()

    def accuracy(model, matrix):
        fitted = model.fit(matrix[:3000], many["target"][:3000])
        return (fitted.predict(matrix[3000:]) == many["target"][3000:]).mean()

    trees = accuracy(LGBMClassifier(n_jobs=1, verbose=-1), tree.to_numpy(float))
    linear = accuracy(LogisticRegression(max_iter=1000, C=0.1), dense.to_numpy())
    assert 0.925 < trees < 0.955
    assert linear < trees - 0.04
