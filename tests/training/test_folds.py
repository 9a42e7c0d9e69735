import hashlib

from hypothesis import given
from hypothesis import strategies as st

from app.training.folds import WHOLE, assign_folds

digests = st.lists(
    st.binary(max_size=8).map(lambda b: hashlib.sha256(b).hexdigest()), min_size=1, max_size=50
)


@given(digests, st.integers(2, 5))
def test_copies_share_a_fold_and_a_fold_does_not_depend_on_the_others(sha256: list[str], folds: int) -> None:
    together = assign_folds(sha256, folds=folds)
    alone = [assign_folds([digest], folds=folds)[0] for digest in sha256]
    assert list(together) == alone
    assert set(together) <= set(range(folds))


def test_without_folds_nothing_is_in_one() -> None:
    assert list(assign_folds(["aa" * 32, "bb" * 32], folds=0)) == [WHOLE, WHOLE]


def test_folds_are_about_equal() -> None:
    sha256 = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(6000)]
    counts = [int((assign_folds(sha256, folds=3) == fold).sum()) for fold in range(3)]
    assert max(counts) - min(counts) < 300
