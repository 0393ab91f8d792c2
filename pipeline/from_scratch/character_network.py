"""A language model in small: a recurrent network that predicts the next letter, and so writes.

A text is read letter by letter; after each the network gives a probability to every letter that
may follow, and its loss is the cross-entropy of the one that did. To write, draw a letter from the
probabilities, read it, and repeat until the end is drawn. exp(loss) is the perplexity: among how
many equally likely letters the network is as undecided; without learning it is all of them.

Korean syllables are taken apart into their letters (한 is ㅎ, ㅏ, ㄴ; Unicode's form NFD), since a
few dozen letters repeat where thousands of syllables would not, and are put together when written.
"""

import unicodedata
from collections.abc import Sequence
from typing import Self

import numpy as np

from pipeline.from_scratch.activations import softmax
from pipeline.from_scratch.gradient_descent import mini_batches
from pipeline.from_scratch.gru import GRU
from pipeline.from_scratch.initialisation import lecun
from pipeline.from_scratch.layers import Affine, SoftmaxWithLoss
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import Adam, clip_norm
from pipeline.from_scratch.recurrent import StepsAsRows

END = "\n"  # before and after every text

# given names that were often chosen in Korea in recent decades
_NAMES = """
민준 서준 도윤 예준 시우 하준 주원 지호 지후 준우 준서 건우 도현 현우 지훈 우진 선우 서진 유준 연우
은우 민재 현준 시윤 정우 이준 승우 지우 윤우 승현 준혁 수호 지환 승민 시현 진우 민성 준영 재윤 한결
윤호 시후 동현 태윤 민규 재원 민우 재민 은찬 윤재 태민 성민 규민 지안 서연 서윤 지유 서현 하윤 민서
하은 지아 지민 윤서 채원 수아 은서 다은 예은 수빈 소율 예린 지원 소윤 예나 채은 유진 윤아 유나 가은
시은 서영 예서 나은 수민 주아 하린 연서 서아 다인 아린 소은 수현 서하 채윤 나윤 시아 민지 은지 지은
혜원 현서 미나 보람 아름 슬기 영희 정은 미경 은정 경희 현정 지연 수진 혜진 은영 성호 영수 재현 상훈
"""
KOREAN_NAMES = tuple(_NAMES.split())


class CharacterNetwork:
    """A GRU over one-hot letters and a softmax over the next one.

    Learns letters_ (the end first), loss_curve_ (epochs,): the mean loss of a letter, in nats.
    """

    def __init__(
        self,
        *,
        width: int = 48,
        lr: float = 0.01,
        epochs: int = 60,
        batch_size: int = 16,
        seed: int = 0,
    ) -> None:
        self.width, self.lr, self.epochs = width, lr, epochs
        self.batch_size, self.seed = batch_size, seed

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn to continue these texts, each from its beginning."""
        texts = [unicodedata.normalize("NFD", text) for text in texts]
        self.letters_ = [END, *sorted({letter for text in texts for letter in text} - {END})]
        rng, k = np.random.default_rng(self.seed), len(self.letters_)
        Wx, Wh = lecun(rng, k, 3 * self.width), lecun(rng, self.width, 3 * self.width)
        layers = [GRU(Wx, Wh), StepsAsRows(), Affine(np.zeros((self.width, k)))]
        self.network_ = Network(layers, SoftmaxWithLoss())
        x, target, weight = self._encoded(texts)
        optimizer, losses = Adam(self.lr), []
        for _ in range(self.epochs):
            for rows in mini_batches(len(x), self.batch_size, rng):
                share = weight[rows] / weight[rows].mean()  # 0 after the end of a text
                self.network_.loss_and_gradient(x[rows], target[rows].ravel(), share.ravel())
                clip_norm(self.network_.gradient, 5.0)
                optimizer.update(self.network_.theta, self.network_.gradient)
            losses.append(self._mean_loss(x, target, weight))
        self.loss_curve_ = np.array(losses)
        return self

    def perplexity(self, texts: Sequence[str]) -> float:
        """exp of the mean loss of a letter, the end included; all letters must be known."""
        decomposed = [unicodedata.normalize("NFD", text) for text in texts]
        return float(np.exp(self._mean_loss(*self._encoded(decomposed))))

    def probabilities(self, beginning: str) -> np.ndarray:
        """The probability of each of letters_ to follow, (k,)."""
        x, _, _ = self._encoded([unicodedata.normalize("NFD", beginning)])
        return softmax(self.network_.forward(x, training=False)[-1])

    def sample(
        self, rng: np.random.Generator, *, temperature: float = 1.0, longest: int = 30
    ) -> str:
        """A text drawn letter by letter.

        A `temperature` below 1 sharpens the probabilities p to p^(1/temperature), normalised: more
        typical texts, fewer new ones; above 1 it flattens them.
        """
        text = ""
        while len(text) < longest:
            log_p = np.log(self.probabilities(text) + 1e-300)
            letter = self.letters_[rng.choice(len(log_p), p=softmax(log_p / temperature))]
            if letter == END:
                break
            text += letter
        return unicodedata.normalize("NFC", text)

    def _encoded(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One-hot x (n, steps, k), the letters that follow (n, steps), and their weights, 1 or 0.

        The weight is 0 after a text's end, where shorter texts are filled up.
        """
        number = {letter: i for i, letter in enumerate(self.letters_)}
        if unknown := {letter for text in texts for letter in text} - number.keys():
            raise ValueError(
                f"Unknown letters: {', '.join(sorted(unknown))}; known are those of the texts that "
                "it was fitted to."
            )
        codes = np.zeros((len(texts), max(map(len, texts)) + 2), int)
        weight = np.zeros((len(texts), codes.shape[1] - 1))
        for row, text in enumerate(texts):
            codes[row, 1 : len(text) + 1] = [number[letter] for letter in text]
            weight[row, : len(text) + 1] = 1
        return np.eye(len(number))[codes[:, :-1]], codes[:, 1:], weight

    def _mean_loss(self, x: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
        output, share = self.network_.forward(x, training=False), weight / weight.mean()
        return self.network_.loss.forward(output, target.ravel(), share.ravel())
