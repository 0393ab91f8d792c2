import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.from_scratch.character_network import KOREAN_NAMES, CharacterNetwork


@pytest.fixture(scope="module")
def fitted():
    return CharacterNetwork(epochs=12).fit(KOREAN_NAMES)


def test_what_has_learnt_nothing_is_undecided_among_all_letters() -> None:
    """Seven: a, b, c, d, e, f and the end."""
    model = CharacterNetwork(epochs=1, lr=1e-300).fit(["abc", "def"])
    assert model.letters_ == ["\n", *"abcdef"]
    assert model.perplexity(["fed", "a"]) == pytest.approx(7)
    assert_allclose(model.probabilities("ab"), 1 / 7)


def test_the_perplexity_of_what_cannot_be_foreseen() -> None:
    """Two equally frequent texts differ in one letter of four: exp(log 2 / 4) = 2^(1/4)."""
    model = CharacterNetwork(width=16, epochs=150, lr=0.02).fit(["aba", "aca"] * 8)
    assert model.perplexity(["aba", "aca"]) == pytest.approx(2**0.25, abs=0.01)
    assert model.probabilities("a")[2:] == pytest.approx([0.5, 0.5], abs=0.02)
    drawn = [model.sample(np.random.default_rng(seed)) for seed in range(40)]
    assert drawn.count("aba") > 10 < drawn.count("aca")
    assert drawn.count("aba") + drawn.count("aca") >= 38


def test_it_learns_how_names_are_spelt(fitted, rng) -> None:
    """31 letters; most of what it writes are whole syllables, and not all of it was read."""
    curve = fitted.loss_curve_
    assert len(fitted.letters_) == 31 and np.exp(curve[-1]) < 5 < np.exp(curve[0])
    assert fitted.perplexity(KOREAN_NAMES) == pytest.approx(np.exp(curve[-1]))
    names = [fitted.sample(rng, temperature=0.7) for _ in range(30)]
    whole = [name for name in names if all("가" <= letter <= "힣" for letter in name)]
    assert len(whole) > 20 and not {*whole} <= {*KOREAN_NAMES}


def test_a_low_temperature_writes_what_is_most_probable(fitted) -> None:
    drawn = {fitted.sample(np.random.default_rng(seed), temperature=1e-3) for seed in range(5)}
    assert len(drawn) == 1


def test_unknown_letters_are_named(fitted) -> None:
    with pytest.raises(ValueError, match="Unknown letters: Z, x; known are"):
        fitted.perplexity(["민준", "xZ"])
