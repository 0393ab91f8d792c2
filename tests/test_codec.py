"""The codec: every value comes back as it was, equal values are equal bytes, nothing is pickled."""

import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import codec
from pipeline.codec import Damaged, decode, encode
from pipeline.settings import EncoderSettings
from pipeline.store import MEASURED
from tests.values import contents


def through(kind: Any, value: Any, folder: Path) -> Any:
    folder.mkdir(exist_ok=True)
    encode(value, lambda name: (folder / name).open("wb"))
    return decode(kind, folder)


@dataclass(frozen=True)
class Inner:
    name: str
    weights: np.ndarray


@dataclass(frozen=True)
class Outer:
    kind: Literal["a", "b"]
    inner: Inner
    several: tuple[Inner, ...]
    by_name: Mapping[str, Inner]
    pair: tuple[int, str]
    maybe: Inner | None
    number: float
    score: float | None
    settings: EncoderSettings
    state: Mapping[str, Any]
    seconds: float = field(default=0.0, metadata=MEASURED)


def outer(**changed: Any) -> Outer:
    inner = Inner("x", np.array([1.0, np.nan]))
    made: dict[str, Any] = {
        "kind": "a",
        "inner": inner,
        "several": (inner, Inner("y", np.zeros((2, 0), np.float32))),
        "by_name": {"b": inner, "a name with / and ..": inner},
        "pair": (1, "z"),
        "maybe": None,
        "number": 2.0,
        "score": float("nan"),
        "settings": EncoderSettings(columns=("p",)),
        "state": {"trees": "x" * 20_000, "w": np.arange(3), "deep": {"n": [1, 2.5, None, "t"]}},
    }
    return Outer(**{**made, **changed})


def test_a_value_of_every_kind_of_field_comes_back(tmp_path):
    found = through(Outer, outer(), tmp_path)
    assert found.kind == "a" and found.pair == (1, "z") and found.maybe is None
    assert np.isnan(found.score) and isinstance(found.number, float)
    assert found.settings == EncoderSettings(columns=("p",))
    assert list(found.by_name) == ["b", "a name with / and .."]  # in its order
    np.testing.assert_array_equal(found.several[0].weights, [1.0, np.nan])
    assert found.several[1].weights.dtype == np.float32
    assert found.several[1].weights.shape == (2, 0)
    assert found.state["trees"] == "x" * 20_000
    assert found.state["deep"] == {"n": [1, 2.5, None, "t"]}
    np.testing.assert_array_equal(found.state["w"], [0, 1, 2])


def test_equal_values_are_equal_bytes():
    assert contents(outer()) == contents(outer())


def test_no_file_of_a_value_is_in_memory_as_a_whole(tmp_path):
    array = np.full(2**23, 1.0)
    tracemalloc.start()
    encode([array], lambda name: (tmp_path / name).open("wb"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < array.nbytes / 2


def test_measured_fields_stand_apart(tmp_path):
    one, other = contents(outer(seconds=1.0)), contents(outer(seconds=2.0))
    assert {name for name in one if one[name] != other[name]} == {"measured.json"}
    assert through(Outer, outer(seconds=1.5), tmp_path).seconds == 1.5


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.to_datetime(["2020-01-01", None])}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": pd.Categorical(["u", "v"])}),
        pd.DataFrame({"a": []}),
        pd.DataFrame(index=range(3)),
    ],
    ids=["usual", "nullable", "no rows", "no columns"],
)
def test_data_frames_come_back(tmp_path, frame):
    pd.testing.assert_frame_equal(through(pd.DataFrame, frame, tmp_path), frame)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_of_two_probabilities_in_single_precision_one_is_kept(tmp_path, dtype):
    p = np.random.default_rng(0).random((3, 100_000)).astype(dtype)
    p[0, :5] = np.nan
    value = Inner("x", np.stack([1 - p, p], axis=-1))
    assert through(Inner, value, tmp_path).weights.tobytes() == value.weights.tobytes()
    size = (tmp_path / "weights.npy").stat().st_size
    assert size == pytest.approx(p.nbytes * (1 if dtype == np.float32 else 2), rel=0.01)


def test_a_long_text_takes_a_fraction_of_its_letters_and_one_kept_before_is_read(tmp_path):
    text = "".join(f"split_feature={i} ü\n" for i in range(1000))
    assert through(str, text, tmp_path) == text
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < len(text) / 4
    (tmp_path / "before.txt").write_text(text)
    (tmp_path / codec.VALUE).write_text('{"$": "file", "at": "before.txt"}')
    assert decode(str, tmp_path) == text


@pytest.mark.parametrize("size", [0, 3, 10**9])
def test_a_text_of_another_length_than_was_kept_is_damage(tmp_path, size):
    through(str, "x" * 20_000, tmp_path)
    value = (tmp_path / codec.VALUE).read_text()
    (tmp_path / codec.VALUE).write_text(value.replace("20000", str(size)))
    with pytest.raises(Damaged):
        decode(str, tmp_path)


def test_arrays_of_texts_come_back(tmp_path):
    texts = np.array(["a", "", "ü", "a\x00b"], dtype=object)
    found = through(np.ndarray, texts, tmp_path)
    assert found.dtype == object and found.tolist() == texts.tolist()


json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(value=json_like)
def test_plain_values_come_back(tmp_path_factory, value):
    found = through(Any, value, tmp_path_factory.mktemp("plain"))
    assert repr(found) == repr(value)


@pytest.mark.parametrize(
    "value",
    [object(), {1: 2}, np.array([object()]), {1, 2}],
    ids=["object", "number as key", "array of objects", "set"],
)
def test_what_no_file_can_hold_is_refused(value):
    with pytest.raises(TypeError):
        contents({"x": value})


def test_a_packed_archive_is_refused(tmp_path):
    through(np.ndarray, np.arange(3), tmp_path)
    np.savez_compressed(tmp_path / codec.ARRAYS, np.arange(3))
    with pytest.raises(Damaged, match="compressed"):
        decode(np.ndarray, tmp_path)


def test_pickled_arrays_are_refused(tmp_path):
    through(np.ndarray, np.arange(3), tmp_path)
    with (tmp_path / codec.ARRAYS).open("wb") as file:
        np.savez(file, **{"": np.array([{"a": 1}])}, allow_pickle=True)
    with pytest.raises(Damaged):
        decode(np.ndarray, tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"1", b'{"kind": "a"}', b'{"$": "file"}'])
def test_foreign_json_is_damage(tmp_path, content):
    through(Outer, outer(), tmp_path)
    (tmp_path / codec.VALUE).write_bytes(content)
    with pytest.raises(Damaged):
        decode(Outer, tmp_path)


@dataclass(frozen=True)
class Before:
    name: str


@dataclass(frozen=True)
class Now:
    name: str
    added: bool = False


def test_what_was_kept_before_a_field_was_added_has_its_default(tmp_path):
    encode(Before("a"), lambda name: (tmp_path / name).open("wb"))
    assert decode(Now, tmp_path) == Now("a")
    with pytest.raises(Damaged):  # one without a default is another value
        decode(Inner, tmp_path)
