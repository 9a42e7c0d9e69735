from app.training.models import FIRST_LOOK, Run
from app.web.pages.training.run_figures import facts_of, note_of

FIGURES = {
    "used": True,
    "images": 12_000,
    "loss_of_backbone": 1.236,
    "loss_of_patches": 1.468,
    "loss_of_both": 1.172,
    "weights": [0.75, 0.43],
}


def words(**of_run: object) -> str | None:
    run = Run(kind=FIRST_LOOK, weights="efficientnet-lite0", seed=0, **{"facts": {}, **of_run})
    return dict(facts_of(run, version=0, digest="abc")).get("Images described by")


def test_a_first_look_says_what_described_the_images_and_why():
    both = {"name": FIRST_LOOK, "features": "backbone and patches"}
    assert words(recipe=both, facts={"patches": FIGURES}) == (
        "backbone and patches with the weights 0.75 and 0.43. Loss out of fold on 12,000 images: "
        "backbone 1.236, patches 1.468, both 1.172"
    )
    one = {"name": FIRST_LOOK, "features": "backbone"}
    assert words(recipe=one, facts={"patches": FIGURES | {"used": False, "images": 2000}}) == (
        "backbone. Loss out of fold on 2,000 images: backbone 1.236, patches 1.468, both 1.172"
    )
    assert words(recipe=one) == "backbone (patches are tried on small images only)"
    assert words(recipe={"name": FIRST_LOOK}) is None  # one that an older version has done


def test_a_first_look_says_how_many_copies_it_has_found_and_where_it_stopped() -> None:
    def words(**copies: int) -> str | None:
        run = Run(kind=FIRST_LOOK, recipe={"name": FIRST_LOOK}, facts={"copies": copies} if copies else {})
        return dict(facts_of(run, version=0, digest="abc")).get("Mirrored and cropped copies")

    assert words() is None
    assert words(candidates=1, compared=1, found=0) == "0 found; 1 pair of similar images compared"
    found = words(candidates=3000, compared=1200, found=7)
    assert found == "7 found; 1,200 pairs of similar images compared, the most similar of 3,000"


def test_where_a_network_starts_is_a_fact_and_no_note() -> None:
    starts = "The network's body starts from the ImageNet weights of EfficientNet-Lite0."
    run = Run(note=f"{starts} Two images are gone.", facts={}, weights="imagenet", recipe={})
    assert note_of(run) == "Two images are gone."
