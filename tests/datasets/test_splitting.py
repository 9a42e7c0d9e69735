"""The validation part that is made where a source brings none."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.datasets.splitting import choose_valid, falls_in_valid

contents = st.integers(0, 200).map(lambda i: f"{i:064x}")
samples = st.lists(st.tuples(contents, st.integers(0, 4)))


@given(samples, st.integers(0, 3))
def test_the_order_of_the_samples_does_not_matter(rows: list[tuple[str, int]], seed: int) -> None:
    assert choose_valid(rows, seed=seed) == choose_valid(rows[::-1], seed=seed)


@given(samples)
def test_no_class_gets_more_than_its_share(rows: list[tuple[str, int]]) -> None:
    chosen = choose_valid(rows, seed=0)
    sizes, valid = (
        Counter(label for _, label in rows),
        Counter(label for sha256, label in rows if sha256 in chosen),
    )
    assert all(valid[label] <= max(1, round(0.2 * size)) for label, size in sizes.items())
    assert all(valid[label] < size for label, size in sizes.items())


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_without_copies_every_class_gets_exactly_its_share(labels: list[int]) -> None:
    rows = [(f"{i:064x}", label) for i, label in enumerate(labels)]
    valid = Counter(label for sha256, label in rows if sha256 in choose_valid(rows, seed=1))
    for label, size in Counter(labels).items():
        assert valid[label] == (max(1, round(0.2 * size)) if size > 1 else 0)


def test_another_seed_chooses_others() -> None:
    rows = [(f"{i:064x}", 0) for i in range(100)]
    assert choose_valid(rows, seed=0) != choose_valid(rows, seed=1)


def test_the_split_of_a_seed_stays_what_it_was() -> None:
    rows = [(f"{i:064x}", i % 2) for i in range(20)]
    assert sorted(int(sha256, 16) for sha256 in choose_valid(rows, seed=0)) == [6, 10, 11, 19]
    assert [i for i in range(20) if falls_in_valid(f"{i:064x}", seed=0)] == [10, 11, 19]


def test_a_fifth_of_what_comes_later_falls_in_valid() -> None:
    assert 150 < sum(falls_in_valid(f"{i:064x}", seed=0) for i in range(1000)) < 250
