"""Why a label is doubted, in words."""

from hypothesis import given
from hypothesis import strategies as st

from app.deck.reasons import MOST, Copy, Known, Predicted, further_reasons

names = st.sampled_from(["cat", "dog", "owl"])
kinds = st.sampled_from(["training", "first look", "own model"])
knowns = st.builds(
    Known,
    given_label=names,
    copies=st.lists(st.builds(Copy, names, st.booleans()), max_size=4),
    verified=st.lists(names, max_size=5),
    nearest=st.lists(names, max_size=10),
    runs=st.lists(
        st.builds(Predicted, st.sampled_from(["training", "first look", "own model"]), names), max_size=4
    ),
    class_noise=st.floats(0, 1),
    doubted_unseen=st.booleans(),
)


@given(knowns)
def test_reasons_are_few_sentences_and_say_only_what_is_known(known: Known) -> None:
    reasons = further_reasons(known)
    assert len(reasons) <= MOST
    assert all(reason.endswith(".") for reason in reasons)
    words = " ".join(reasons)
    assert ("verified" in words) <= bool(known.verified)
    assert ("labelled" in words) <= bool(known.copies or known.verified or known.nearest)
    assert ("runs" in words) <= (len(known.runs) > 1)


def test_nothing_known_is_nothing_said() -> None:
    assert further_reasons(Known("cat")) == ()


def test_the_labels_of_the_nearest_images_add_up() -> None:
    def said(others: str) -> str:
        return further_reasons(Known("cat", nearest=[*others, "cat", "cat"]))[0].partition(": ")[2]

    assert said("aaabbccd") == "3 a, 2 b, 2 c, 1 d."
    assert said("aaabbcde") == "3 a, 2 b, 1 c and 2 others."
    assert said("aaabbbcc") == "3 a, 3 b, 2 c."


def test_a_copy_with_another_label_weighs_most() -> None:
    reasons = further_reasons(
        Known("cat", copies=[Copy("dog", identical=True)], verified=["dog"] * 5, class_noise=0.9)
    )
    assert reasons[0] == "An identical image is labelled dog."
    assert reasons[1] == "5 of the 5 nearest verified images have another label: 5 dog."


def test_what_people_verified_comes_before_what_was_given() -> None:
    [reason] = further_reasons(Known("cat", verified=["cat", "cat", "dog"], nearest=["dog"] * 10))
    assert reason == "2 of the 3 nearest verified images are labelled cat too."


def test_independent_opinions_that_agree_against_the_label_weigh_more_than_runs() -> None:
    nearest = ["dog"] * 8 + ["cat"] * 2
    both = [Predicted("first look", "dog"), Predicted("training", "dog")]
    reasons = further_reasons(Known("cat", runs=both, nearest=nearest))
    assert reasons[0] == "Both opinions (first look, training) predict dog."
    many = further_reasons(Known("cat", runs=[*both, Predicted("own model", "owl")]))
    assert many == ("All 3 opinions (first look, training, your own model) predict another class.",)


def test_an_own_model_and_a_training_are_not_called_a_first_look() -> None:
    both = [Predicted("own model", "dog"), Predicted("training", "dog")]
    assert further_reasons(Known("cat", runs=both)) == (
        "Both opinions (your own model, training) predict dog.",
    )


def test_runs_that_disagree_with_the_label_are_counted() -> None:
    def said(*labels: str) -> tuple[str, ...]:
        return further_reasons(Known("cat", runs=[Predicted("training", label) for label in labels]))

    assert said("dog", "dog") == ("Both models predict dog.",)
    assert said("dog", "cat", "owl") == ("2 of 3 models predict another class.",)
    assert said("dog") == ()
