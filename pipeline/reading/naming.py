"""What a file's name implies: the train, the test or the sample table, or train's labels alone.

A name is cut into words: at capitals, digits, signs, and where a script ends. Words written
together (trainset, 학습데이터) are taken apart. Each word belongs to one kind, or is left over.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.reading.archives import COMPRESSED, PLAIN, TEXT, is_text

WORD_KINDS: Mapping[str, tuple[str, ...]] = {
    "train": (
        *("train", "training", "trn", "labeled", "labelled"),
        *("학습", "훈련", "트레인", "트레이닝"),
    ),
    "test": (
        *("test", "testing", "tst", "eval", "evaluation", "evaluate", "unlabeled", "unlabelled"),
        *("평가", "시험", "테스트"),
    ),
    "labels": ("label", "labels", "target", "targets", "y", "라벨", "레이블", "타깃", "타겟"),
    "test labels": ("answer", "answers", "solution", "solutions", "정답"),
    "submission": ("submission", "submissions", "submit", "sub", "제출", "답안"),
    "example": (
        *("sample", "samples", "example", "examples", "format", "template"),
        *("샘플", "양식", "예시", "예제", "서식", "견본"),
    ),
    "out-of-fold": ("oof", "oofs"),
    "predictions": ("pred", "preds", "prediction", "predictions", "예측", "예측값"),
    "second": ("old", "backup", "bak", "copy", "small", "mini", "subset", "복사본", "이전"),
    "neutral": (
        *("data", "dataset", "set", "file", "table", "df", "csv", "x", "features", "feature"),
        *("values", "final", "raw"),
        *("데이터셋", "데이터", "파일", "자료", "피처", "특성", "용", "셋"),
    ),
}
KIND = {word: kind for kind, words in WORD_KINDS.items() for word in words}
SUFFIXES = (*PLAIN, *TEXT, *COMPRESSED, ".zip")
KNOWN = "|".join(sorted(KIND, key=len, reverse=True))
TOGETHER = re.compile(f"(?:{KNOWN})+")  # trainset, samplesubmission
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[가-힣]+|[^\W\d_]+")
EXACT, PLAINLY, WITH_OTHERS, SECOND, BY_FOLDER = range(5)  # how well a name fits, best first
NO_WORD = "no word for train, test or sample in its name"


@dataclass(frozen=True)
class FileRole:
    """The role that a name has (None: none), how well it fits (0 is best), why, and its words."""

    role: str | None
    rank: int
    why: str
    words: tuple[str, ...] = ()


def classify(name: str, folder: str = "") -> FileRole:
    """name: the last part of a path; folder: where it lies, which counts if the name has no role.

    Roles are "train", "test", "sample", "labels" (train's) and "test labels".
    """
    found = words(name)
    by_kind = {kind: [word for word in found if KIND.get(word) == kind] for kind in WORD_KINDS}
    role, kinds = _role(by_kind)
    if role is None and by_kind["out-of-fold"]:
        return FileRole(None, BY_FOLDER, "out-of-fold predictions, by its name")
    if role is None and by_kind["train"]:
        return FileRole(None, BY_FOLDER, "both train and test in its name")
    if role is None:
        outer = classify(folder).role if folder else None
        if outer in ("train", "test"):
            return FileRole(outer, BY_FOLDER, f"lies in the folder {folder!r}")
        return FileRole(None, BY_FOLDER, NO_WORD)
    others = [word for word in found if KIND.get(word) not in (*kinds, "neutral")]
    named = " and ".join(dict.fromkeys(repr(word) for word in found if KIND.get(word) in kinds))
    why = f"{named} in its name" if len(found) > 1 else f"named {named}"
    if others:
        why += ", beside " + ", ".join(dict.fromkeys(map(repr, others)))
    if role == "sample" and not by_kind["example"]:
        why += ", and no word for an example: perhaps a submission of your own"
    if is_text(name):
        why += "; a text file"
    rank = _rank(role, found, others, by_kind)
    if {*words(folder)} & {*WORD_KINDS["second"]}:
        rank, why = max(rank, SECOND), f"{why}, in the folder {folder!r}"
    return FileRole(role, rank, why, tuple(found))


def words(name: str) -> list[str]:
    """'X_trainSet (1).csv.gz' -> ['x', 'train', 'set', '1']."""
    name = unicodedata.normalize("NFC", name)  # a Mac takes Korean syllables apart
    return [part for word in WORD.findall(stem(name)) for part in _parts(word.lower())]


def stem(name: str) -> str:
    """The name without what shows its format: 'b.2024.csv.gz' -> 'b.2024'."""
    while name.lower().endswith(SUFFIXES):
        name = name[: name.rindex(".")]
    return name


def _parts(word: str) -> list[str]:
    """A word, or the known words that it is put together of; Korean may hold others beside them."""
    if TOGETHER.fullmatch(word):
        return re.findall(KNOWN, word)
    if re.match("[가-힣]", word):
        return [part for part in re.split(f"({KNOWN})", word) if part]
    return [word]


def _role(by_kind: Mapping[str, Sequence[str]]) -> tuple[str | None, tuple[str, ...]]:
    """The role, and the kinds of word that make it."""
    train, test, example = by_kind["train"], by_kind["test"], by_kind["example"]
    if by_kind["out-of-fold"]:
        return None, ()
    if by_kind["submission"]:
        return "sample", ("submission", "example")
    if (by_kind["labels"] or by_kind["test labels"]) and not example:
        if train or not (test or by_kind["test labels"]):
            return "labels", ("train", "labels", "test labels")
        return "test labels", ("test", "labels", "test labels")
    if train or test:
        role = None if train and test else "train" if train else "test"
        return role, (role,) if role else ()
    return ("sample", ("example",)) if example else (None, ())


def _rank(
    role: str, found: Sequence[str], others: Sequence[str], by_kind: Mapping[str, Sequence[str]]
) -> int:
    if list(found) in (["train"], ["test"]):
        return EXACT
    if role == "sample":
        return SECOND if by_kind["second"] or not by_kind["example"] else PLAINLY
    # train_sample, test_example, test_preds
    if by_kind["second"] or by_kind["example"] or by_kind["predictions"]:
        return SECOND
    return WITH_OTHERS if others or (role == "labels" and not by_kind["train"]) else PLAINLY
