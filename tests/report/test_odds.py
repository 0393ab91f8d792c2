"""The odds of logistic regression: parts that add up to the model, factors that are the data's."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.encoded import Encoded, Tables
from pipeline.encoding.columns import code_table
from pipeline.fitting import Objective, fit
from pipeline.folds import Folds, folds_of
from pipeline.problem import Feature
from pipeline.report.odds import (
    Contrast,
    Odds,
    column_logits,
    compute,
    conclusion,
    ratios,
    render,
    table,
)
from tests.report.values import evidence, trained

FEATURES = tuple(
    Feature(name, kind)
    for name, kind in (
        ("mark", "number"),
        ("word", "category"),
        ("weight", "number"),
        ("note", "text"),
        ("code", "category"),
    )
)
N = 2000


def rows(rng) -> pd.DataFrame:
    frame = pd.DataFrame({"mark": rng.integers(0, 5, N).astype(float)})
    frame["word"] = rng.choice(["Bern", "Linz", "Ulm"], N)
    frame["weight"] = rng.normal(size=N)
    frame["note"] = rng.choice(["a fine day", "no luck"], N)
    frame["code"] = [f"c{place:02d}" for place in rng.integers(0, 20, N)]
    return frame.mask(rng.random(frame.shape) < 0.05)


class FittedHere:
    """Fits that no store keeps; `spoil` changes a fold's model state."""

    def __init__(self, tables, y, outputs):
        self.tables, self.y = tables, y
        self.objective = Objective("binary" if outputs == 2 else "multiclass", outputs, "log_loss")
        self.spoilt = {}

    def fitted(self, member, fold):
        table = self.tables.train.take(fold.train)
        found = fit(member, self.objective, FEATURES, table, self.y[fold.train], fold)
        if fold.number not in self.spoilt:
            return found
        state = self.spoilt[fold.number](found.model.state())
        return SimpleNamespace(encoder=found.encoder, model=SimpleNamespace(state=lambda: state))


@pytest.fixture(params=[2, 3], ids=["binary", "multiclass"])
def found(request):
    """Logistic regression, under a name of its own, on the three folds of one repeat."""
    rng, classes = np.random.default_rng(7), request.param
    frame = rows(rng)
    value = (frame["word"] == "Ulm") * 2.0 + frame["weight"].fillna(0) + rng.logistic(size=N)
    y = np.digitize(value, [0.5, 2.0][: classes - 1])
    coded = code_table(frame, FEATURES)
    tables = Tables(coded, coded.take(np.arange(9)), FEATURES, {}, {})
    split = Folds(N, tuple(folds_of(0, np.arange(N) % 3)), "plain")
    member = trained("logistic", np.full((1, N, classes), 1 / classes), split, l2=1e-4)
    made = evidence("binary" if classes == 2 else "multiclass")
    return replace(
        made,
        load=replace(made.load, train=frame, y=y),
        split=split,
        encode=Encoded({"": tables}),
        train={"plain": member},
        fits=FittedHere(tables, y, classes),
    )


def test_the_columns_parts_and_the_intercept_are_the_models_logits(found):
    table = found.encode.tables[""].train
    fitted = found.fits.fitted(found.train["plain"].member, found.split.folds[0])
    coef = fitted.model.state()["model"]["coef_"]
    dense = fitted.encoder.transform(table, "dense")

    parts = column_logits(fitted.encoder, table, coef)

    assert any("target mean" in name for name in fitted.encoder.names("dense"))
    columns = fitted.encoder.columns(table)
    total = sum(part[columns[name].codes] for name, part in parts.items())
    np.testing.assert_allclose(total, dense @ coef.T, atol=1e-4)


def test_a_category_that_changes_the_log_odds_by_two_is_found(found):
    classes = len(found.classes)
    odds = compute(found).models["plain"]
    by_name = {each.called: each for each in odds}
    sizes = [abs(each.mean) for each in odds]
    assert sizes == sorted(sizes, reverse=True)
    assert not any(each.contrast.column == "note" for each in odds)
    ulm, linz = by_name["word = Ulm"], by_name["word = Linz"]
    assert all(each.lowest <= each.mean <= each.highest for each in odds)
    assert ulm.is_clear
    quartiles = next(each for each in odds if each.contrast.column == "weight")
    assert quartiles.contrast.value.startswith("from −0.")
    if classes == 2:
        words = [each for each in odds if each.contrast.column == "word"]
        assert sum(each.contrast.rows for each in words) == N
        assert sum(each.contrast.rows * each.mean for each in words) / N == pytest.approx(0)
        # the rows were made with 2 more log-odds at Ulm, and 1 a unit of weight
        assert ulm.mean - linz.mean == pytest.approx(2.0, abs=0.3)
        assert quartiles.mean == pytest.approx(1.35, abs=0.25)
        assert {each.code for each in odds} == {1}
    else:
        assert ulm.code in (0, 2)
        assert (ulm.mean > 0) == (ulm.code == 2)


def lacking_a_class(state):
    return {**state, "model": {**state["model"], "classes_": state["model"]["classes_"][:-1]}}


@pytest.mark.parametrize("spoil", [lacking_a_class, lambda state: {"constant": 1, "model": None}])
def test_a_fold_with_another_model_is_left_out(found, spoil):
    fits = found.train["plain"].fits
    two = replace(found, train={"plain": replace(found.train["plain"], fits=fits[1:])})
    before = compute(two).models
    found.fits.spoilt[0] = spoil
    assert compute(found).models == before


def test_only_folds_that_were_fitted_are_asked_for(found):
    """The budget may end before the second repeat."""
    split = Folds(N, (*found.split.folds, *folds_of(1, np.arange(N) % 2)), "plain")
    cut_short = compute(replace(found, split=split))
    assert cut_short == compute(found)
    assert cut_short.folds == {"plain": 3}


def test_every_logistic_regression_has_a_table_under_its_name(found):
    two = replace(found, train=dict.fromkeys(("plain", "other"), found.train["plain"]))
    odds = compute(two)
    assert odds.models["plain"] == odds.models["other"]
    headings = [getattr(block, "text", "") for block in render(odds, two, {})]
    assert {"plain (logistic)", "other (logistic)"} < set(headings)


def test_without_logistic_regression_there_is_nothing_to_report():
    assert compute(evidence("binary")) is None


def odds(mean, low, high, column="answer", value="= 5", code=1):
    return Odds(Contrast(column, value, 30, 1, None), code, mean, low, high)


def test_odds_are_written_as_factors_with_their_range():
    assert odds(np.log(3.2), np.log(2.8), np.log(3.7)).ratios == ["3.2", "2.8", "3.7"]
    assert ratios([np.log(0.3), np.log(0.27), np.log(0.34)]) == ["0.30", "0.27", "0.34"]
    assert ratios([20, 0, -20]) == ["> 1,000", "1", "< 0.001"]
    up, down = odds(1.0, 0.5, 1.5), odds(-2.0, -3.0, -1.0, value="= 1")
    words = conclusion([down, up], ["no", "yes"], "mood")
    assert (
        "Largest increase: answer = 5 multiplies the odds of mood = yes by 2.7 (1.6 to 4.5" in words
    )
    assert "Largest decrease: answer = 1" in words
    unclear = conclusion([odds(0.1, -0.1, 0.3)], ["no", "yes"], "mood")
    assert unclear.startswith("There is no value on whose effect")


def test_the_table_names_the_class_where_there_are_several():
    two, three = (table([odds(1.0, 0.5, 1.5)], list("abc")[:k], "mood", 3) for k in (2, 3))
    assert "odds of mood = b" in two.caption
    assert len(two.rows[0]) == len(two.columns) == 5
    assert three.rows[0][2] == "mood = b"
    disagreeing = table([odds(0.1, -0.2, 0.3)], ["a", "b"], "m", 3)
    assert disagreeing.rows[0][-1].text == "the folds disagree"
