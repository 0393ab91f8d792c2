"""The usual names of files in competitions, English and Korean, have the roles that people see."""

import unicodedata

import pytest

from pipeline.reading.naming import classify

NAMES = {
    "train": (
        *(
            "train.csv",
            "Train.CSV",
            "TRAIN.txt",
            "titanic_train.csv",
            "train-2.csv",
            "trainData.tsv",
        ),
        *("training_set_features.csv", "X_train.csv", "xtrain.csv", "trainset.csv", "trn.csv"),
        *("train.csv.gz", "train.zst", "train.csv.zip", "train_labeled.csv", "train_sample.csv"),
        *(
            "학습데이터.csv",
            "훈련용_데이터.csv",
            "트레인.csv",
            "고객_학습.csv",
            "항공사학습데이터.csv",
        ),
    ),
    "test": (
        *("test.csv", "titanic_test.csv", "X_test.csv", "test_set_values.csv", "testdata.tab"),
        *("tst.csv", "evaluation.csv", "unlabeled.csv", "test (1).csv", "TestData.parquet"),
        *("평가데이터.csv", "시험.csv", "테스트셋.csv", "test_평가용.csv"),
    ),
    "sample": (
        *("sample_submission.csv", "sampleSubmission.csv", "SubmissionFormat.csv", "submit.csv"),
        *("gender_submission.csv", "samplesubmission.csv", "sample.csv", "example.csv"),
        *(
            "submission_test.csv",
            "제출양식.csv",
            "제출_샘플.csv",
            "답안양식.csv",
            "정답제출양식.csv",
        ),
    ),
    "labels": (
        *("y_train.csv", "train_labels.csv", "training_set_labels.csv", "trainLabels.csv"),
        *("ytrain.csv", "labels.csv", "train_answers.csv", "학습데이터_정답.csv", "라벨.csv"),
    ),
    "test labels": ("y_test.csv", "test_labels.csv", "solution.csv", "평가데이터_정답.csv"),
    None: (
        *("data.csv", "contest.csv", "latest.csv", "constraints.csv", "subway.csv", "README.txt"),
        *("data_description.txt", "train_test.csv", "strain.csv", "고객정보.csv", ""),
    ),
}


@pytest.mark.parametrize(
    ("name", "role"), [(name, role) for role, names in NAMES.items() for name in names]
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])  # NFD: as a Mac writes Korean names
def test_names_have_the_role_that_people_see(name, role, form):
    judged = classify(unicodedata.normalize(form, name))
    assert judged.role == role and judged.why


@pytest.mark.parametrize(
    "better_first",
    [
        ("train.csv", "train_data.csv", "train_transactions.csv", "train_old.csv"),
        ("test.csv", "X_test.csv", "test_transactions.csv", "test_sample.csv"),
        ("sample_submission.csv", "submission_v1.csv"),
        ("gender_sample_submission.csv", "gender_submission.csv"),
        ("train_labels.csv", "labels.csv"),
    ],
)
def test_the_plainer_name_fits_better(better_first):
    ranks = [classify(name).rank for name in better_first]
    assert ranks == sorted({*ranks})


def test_a_folder_speaks_for_a_name_that_says_nothing():
    assert classify("data.csv", "train").role == "train"
    assert classify("data.csv", "train").rank > classify("train_old.csv").rank
    assert classify("test.csv", "train").role == "test"
    assert classify("data.csv", "samples").role is None
    assert classify("train.csv", "backup").rank > classify("train_b.csv", "data").rank
