"""How the gold part is drawn from the hold-out."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.datasets.gold import choose_gold, gold_digest

contents = st.lists(
    st.tuples(st.text(max_size=5), st.text("abc", max_size=4)), unique=True, min_size=1, max_size=40
)


@given(contents, st.integers(0, 40), st.integers(0, 40), st.integers(0, 9), st.randoms(use_true_random=False))
def test_a_larger_draw_holds_the_smaller_one_in_whatever_order_the_images_come(
    found: list, first: int, second: int, seed: int, random: object
) -> None:
    rows = [(number, *content) for number, content in enumerate(found)]
    small, large = (choose_gold(rows, size=size, seed=seed) for size in sorted((first, second)))
    assert set(small) <= set(large)
    assert len(large) == min(max(first, second), len(rows))
    random.shuffle(rows)  # type: ignore[attr-defined]
    assert choose_gold(rows, size=len(large), seed=seed) == large


def test_every_image_is_as_likely_to_be_drawn() -> None:
    rows = [(number, f"valid/{number}.png", f"{number:064}") for number in range(50)]
    drawn = Counter(sample for seed in range(400) for sample in choose_gold(rows, size=10, seed=seed))
    assert all(
        40 < drawn[number] < 125 for number in range(50)
    )  # 80 each, five standard deviations to either side


@given(contents, st.randoms(use_true_random=False))
def test_the_digest_of_the_members_does_not_know_their_order_and_changes_with_each_of_them(
    members: list[tuple[str, str]], random: object
) -> None:
    shuffled = list(members)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert gold_digest(shuffled) == gold_digest(members)
    for place in range(len(members)):
        path, sha256 = members[place]
        changed = [*members[:place], (path, f"{sha256}d"), *members[place + 1 :]]
        assert gold_digest(changed) != gold_digest(members)
        assert gold_digest(members[:place] + members[place + 1 :]) != gold_digest(members)
