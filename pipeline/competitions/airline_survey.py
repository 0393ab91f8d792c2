"""A simulated airline survey: what a rating is worth depends on the segment of the passenger.

It has the columns, types and ranges of the airline competition, for people who do not have the
organiser's files, and for benchmarks that need many rows. No row is anybody's.

1. *Trip.* Three segments: loyal and on business, not loyal and on business, on personal travel. The
   segment decides how class and age are drawn; the class decides how the distance is drawn.
2. *Delays.* Most flights leave on time; the late ones are late by a log-normal number of minutes.
   Arrival is departure plus noise: a flight can make up time in the air, or lose some.
3. *Factors.* Three independent standard normal numbers a passenger, one each for comfort, digital
   and service, shifted a little by gender, segment and class.
4. *Ratings.* Rating j is a sum of the factors, with the loadings of its line in `QUESTIONS`, and of
   noise of its own; the sum, of variance 1, is cut where the normal distribution gives the shares
   of ratings 1 to 5 in that line (an ordered probit model, McKelvey and Zavoina 1975). A few
   questions do not apply: those who sleep through the flight skip the questions about the cabin. A
   skipped question is stored as 0.
5. *Label.* `satisfied = (utility + logistic noise > 0)` (a random utility model, McFadden 1974).
   Each segment has a utility of its own: loyal passengers on business want entertainment and
   boarding, the others on business want the digital steps to work, and on personal travel women
   want one thing and men another. Thresholds (a rating of 4 or more, a delay of more than 30
   minutes) and counts stand in the place of slopes. That is why trees do better here than a
   model that adds up columns.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd

LONGEST_FLIGHT = 6950  # miles
LONGEST_DELAY = 1580  # minutes
NOISE = 0.6  # scale of the logistic noise; the utilities are sums of small whole numbers


class Question(NamedTuple):
    """How a rating is drawn: loadings on the factors, shares of ratings 1 to 5, shares of zeros."""

    comfort: float
    digital: float
    service: float
    shares: tuple[int, int, int, int, int]  # of ratings 1 to 5, in percent
    skipped: float = 0.0  # share of zeros among those awake
    asleep: float = 0.0  # share of zeros among those asleep


QUESTIONS = {
    "Seat comfort": Question(0.80, 0.10, 0.10, (16, 23, 24, 22, 15), 0.002, 0.95),
    "Departure/Arrival time convenient": Question(0.65, 0.0, 0.05, (16, 19, 20, 23, 22), 0.04, 0.4),
    "Food and drink": Question(0.85, 0.0, 0.05, (17, 21, 24, 22, 16), 0.012, 0.9),
    "Gate location": Question(0.60, 0.0, 0.0, (16, 19, 27, 23, 15)),
    "Inflight wifi service": Question(0.05, 0.75, 0.05, (11, 22, 20, 25, 22), 0.001),
    "Inflight entertainment": Question(0.35, 0.40, 0.15, (10, 15, 19, 33, 23), 0.006, 0.55),
    "Online support": Question(0.05, 0.80, 0.10, (12, 12, 17, 33, 26)),
    "Ease of Online booking": Question(0.05, 0.75, 0.40, (10, 15, 17, 32, 26), 0.0004),
    "On-board service": Question(0.05, 0.10, 0.70, (11, 12, 19, 32, 26)),
    "Leg room service": Question(0.10, 0.10, 0.55, (9, 17, 17, 30, 27), 0.004, 0.02),
    "Baggage handling": Question(0.05, 0.05, 0.75, (6, 10, 18, 37, 29)),
    "Checkin service": Question(0.0, 0.15, 0.40, (11, 12, 27, 28, 22)),
    "Cleanliness": Question(0.05, 0.05, 0.75, (6, 10, 17, 38, 29)),
    "Online boarding": Question(0.05, 0.85, 0.05, (12, 14, 24, 28, 22), 0.0004),
}
DIGITAL = ("Inflight wifi service", "Online support", "Ease of Online booking", "Online boarding")
SERVICE = (
    *("On-board service", "Leg room service", "Baggage handling", "Checkin service"),
    "Cleanliness",
)

Columns = dict[str, np.ndarray]


def simulate(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """`rows` passengers with their labels, in the columns and types of the organiser's train file.

    The same state of `rng` gives the same frame with the same version of NumPy.
    """
    if rows < 1:
        raise ValueError(f"rows: found {rows}, allowed are whole numbers from 1.")
    trip = draw_trip(rows, rng)
    delays = draw_delays(rows, rng)
    ratings = draw_ratings(trip, rng)
    satisfied = utility(trip, delays, ratings) + rng.logistic(0, NOISE, rows) > 0
    return pd.DataFrame(
        {
            "id": np.arange(1, rows + 1),
            "Gender": words(trip["male"], "Female", "Male"),
            "Customer Type": words(trip["disloyal"], "Loyal Customer", "disloyal Customer"),
            "Age": trip["age"],
            "Type of Travel": words(trip["personal"], "Business travel", "Personal Travel"),
            "Class": words(trip["class"], "Business", "Eco", "Eco Plus"),
            "Flight Distance": trip["distance"],
            **ratings,
            "Departure Delay in Minutes": delays["departure"],
            "Arrival Delay in Minutes": delays["arrival"].astype(np.float64),
            "target": satisfied.astype(np.int64),
        },
        copy=False,
    )


def survey(
    rng: np.random.Generator, train_rows: int = 3000, test_rows: int = 2000
) -> dict[str, pd.DataFrame]:
    """The organiser's three tables: train, test (no target) and sample (target 0), ids from 1."""
    drawn = simulate(train_rows + test_rows, rng)
    train = drawn.iloc[:train_rows].reset_index(drop=True)
    test = drawn.iloc[train_rows:].drop(columns="target").reset_index(drop=True)
    test["id"] = np.arange(1, test_rows + 1)
    return {"train": train, "test": test, "sample": test[["id"]].assign(target=0)}


def draw_trip(rows: int, rng: np.random.Generator) -> Columns:
    """Segment, then class and age given the segment, then distance given the class.

    Segments are 0 loyal and on business, 1 not loyal, 2 on personal travel; classes are 0 Business,
    1 Eco, 2 Eco Plus.
    """
    segment = np.searchsorted([0.515, 0.685], rng.random(rows), side="right")
    class_up_to = np.array([[0.75, 0.93], [0.41, 0.96], [0.06, 0.89]])[segment]
    cabin = (rng.random(rows)[:, None] >= class_up_to).sum(axis=1)
    age = 7 + 74 * rng.beta(np.array([4.0, 3.2, 1.4])[segment], np.array([4.2, 6.8, 1.9])[segment])
    distance = 50 + rng.gamma(np.array([2.7, 4.2, 3.8])[cabin], np.array([780, 425, 440])[cabin])
    return {
        "male": rng.integers(0, 2, rows),
        "disloyal": (segment == 1).astype(np.int64),
        "personal": (segment == 2).astype(np.int64),
        "class": cabin,
        "age": np.minimum(age.astype(np.int64), 80),
        "distance": np.minimum(distance.astype(np.int64), LONGEST_FLIGHT),
    }


def draw_delays(rows: int, rng: np.random.Generator) -> Columns:
    """Departure: zero or log-normal minutes. Arrival: departure plus noise, never below zero."""
    late = rng.random(rows) < 0.43
    minutes = np.ceil(rng.lognormal(2.85, 1.2, rows))
    departure = np.where(late, np.minimum(minutes, LONGEST_DELAY), 0)
    held_up = rng.random(rows) < np.where(late, 0.15, 0.2)
    drift = np.where(late, rng.normal(-4, 5, rows), 0) + held_up * rng.exponential(15, rows)
    arrival = np.clip(np.rint(departure + drift), 0, LONGEST_DELAY + 5)
    return {"departure": departure.astype(np.int64), "arrival": arrival.astype(np.int64)}


def draw_ratings(trip: Columns, rng: np.random.Generator) -> Columns:
    """The fourteen ratings: whole numbers 1 to 5, or 0 where the question does not apply."""
    rows = len(trip["male"])
    loyal = 1 - trip["disloyal"] - trip["personal"]
    offset = 0.1 - 0.25 * trip["male"]
    comfort = rng.standard_normal(rows) + offset
    digital = rng.standard_normal(rows) + offset + 0.1 * loyal - 0.2 * trip["disloyal"]
    service = rng.standard_normal(rows) + offset + 0.1 * (trip["class"] == 0)
    asleep = rng.random(rows) < np.where(trip["personal"], 0.05, 0.025)
    ratings = {}
    for name, question in QUESTIONS.items():
        own = np.sqrt(1 - question.comfort**2 - question.digital**2 - question.service**2)
        opinion = own * rng.standard_normal(rows)
        opinion += (
            question.comfort * comfort + question.digital * digital + question.service * service
        )
        rating = 1 + np.searchsorted(cut_points(question.shares), opinion)
        if question.skipped > 0:
            rating[rng.random(rows) < np.where(asleep, question.asleep, question.skipped)] = 0
        ratings[name] = rating
    return ratings


def cut_points(shares: tuple[int, ...]) -> np.ndarray:
    """Where to cut a standard normal number so that the parts have these shares in percent."""
    up_to = np.cumsum(shares[:-1]) / 100
    return np.array([NormalDist().inv_cdf(share) for share in up_to])


def utility(trip: Columns, delays: Columns, ratings: Columns) -> np.ndarray:
    """(rows,): what every passenger wants, plus what those of the segment want."""
    amused, seat = ratings["Inflight entertainment"], ratings["Seat comfort"]
    good = {name: rating >= 4 for name, rating in ratings.items()}
    # a perfect seat (or sleep) outweighs most; then service that is good three times in five; a
    # long delay is forgiven where the entertainment was perfect
    served = np.sum([good[name] for name in SERVICE], axis=0) >= 3
    failed = np.any([ratings[name] == 1 for name in SERVICE], axis=0)
    bored = (delays["arrival"] > 30) & (amused < 5)
    everybody = 7 * ((seat == 5) | (seat == 0)) + 3 * served - failed - 3 * bored
    # on business, loyal: the entertainment decides, then the boarding, then the class
    loyal = -7 + 8 * (amused >= 4) + 3 * good["Online boarding"] + 3 * (trip["class"] == 0)
    # on business, not loyal: three of the four digital steps must be good
    smooth = np.sum([good[name] for name in DIGITAL], axis=0) >= 3
    disloyal = -12 + 8 * smooth + 5 * (amused >= 4)
    # on personal travel women want easy booking and fair entertainment, men the best of it, or good
    # entertainment and good food
    woman = -6 + 5 * (amused >= 3) + 6 * good["Ease of Online booking"]
    man = -10 + 7 * (amused == 5) + 5 * ((amused >= 4) & good["Food and drink"])
    personal = np.where(trip["male"], man, woman)
    segments = [trip["disloyal"] == 1, trip["personal"] == 1]
    return everybody + np.select(segments, [disloyal, personal], default=loyal)


def words(codes: np.ndarray, *names: str) -> pd.Series:
    """Codes 0, 1, ... -> their names, as text."""
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(names))).astype("str")
