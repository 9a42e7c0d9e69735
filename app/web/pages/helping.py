"""Help: the keys, the words, and how each figure is computed."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.deck.queues import BY_CHANCE
from app.ranking.learning import FEWEST
from app.ranking.models import DOUBTED
from app.training.statistics import DRAWS
from app.web import documentation
from app.web.keys import Key
from app.web.pages.deck import image_map
from app.web.rendering import Page, count, page_context, percent, render

router = APIRouter()


@dataclass(frozen=True)
class Entry:
    """A word or figure, with its anchor on the page."""

    anchor: str
    name: str
    words: str


@dataclass(frozen=True, kw_only=True)
class HelpPage(Page):
    """All help; the keys of the review are listed by its own template."""

    keys: tuple[tuple[str, tuple[Key, ...]], ...]
    words: tuple[Entry, ...]
    figures: tuple[Entry, ...]
    has_documentation: bool


KEYS = (
    (
        "Every page",
        (
            Key("Go to a page, a model or an image", ("Ctrl K",)),
            Key("Show the keys of the page", ("?",)),
        ),
    ),
    (
        "Images",
        (
            Key("Go from image to image", ("←", "→", "↑", "↓")),
            Key("Mark from the last marked image to this one", ("Shift click",)),
            Key("Mark all that match", ("Ctrl A",)),
            Key("Unmark all", ("Esc",)),
            Key("Keep, accept, delete", ("Q", "W", "E")),
            Key("Undo the last verdict for many", ("Z",)),
            Key("Review one by one", ("G",)),
        ),
    ),
    ("Map", image_map.KEYS),
)
WORDS = (
    Entry("image", "Image", "A picture of the data set. In REST and files it is called sample."),
    Entry(
        "label",
        "Label",
        "The class of an image. The given label came with it; the label now follows decisions.",
    ),
    Entry(
        "model",
        "Model",
        "A network after one training on one version. In REST and the shell it is called run.",
    ),
    Entry(
        "first-look",
        "First look",
        "A ranking after the import, by a network that knows everyday photographs.",
    ),
    Entry("recipe", "Recipe", "The numbers of a training: image size, epochs, learning rate and more."),
    Entry("epoch", "Epoch", "One pass of a training over all its images."),
    Entry(
        "start-weights",
        "Start weights",
        "What a network knows before a training: nothing (random weights), everyday photographs (ImageNet), "
        "or what a model of yours has learnt.",
    ),
    Entry(
        "seed",
        "Seed",
        "The number that fixes what is random. Two models that differ in it alone show how much is chance.",
    ),
    Entry(
        "version",
        "Version",
        "The labels of one moment, frozen, with a number. Trainings and exports use one.",
    ),
    Entry(
        "decision",
        "Decision",
        "What a person said of an image: keep, relabel, delete or unsure. It can be undone.",
    ),
    Entry(
        "disputed",
        "Disputed",
        "People gave different answers. The given label holds until a reviewer or an admin decides.",
    ),
    Entry(
        "roles",
        "Roles",
        "A viewer looks and exports, an annotator also decides, a reviewer also settles disputes, an admin "
        "may do everything. An admin changes them on the page People.",
    ),
    Entry(
        "who-sees-it",
        "Who sees a data set",
        "Everybody, or chosen people and admins. For everybody else it does not exist. An admin chooses "
        "under Settings.",
    ),
    Entry("hold-out", "Hold-out images", "Images that no training learns from; errors are counted on them."),
    Entry(
        "test-set",
        "Checked test set",
        "Hold-out images drawn at random and labelled blind. They are never ranked, and stay hidden until "
        "they are "
        "settled. In REST it is called gold.",
    ),
    Entry(
        "similar-images",
        "Similar images",
        "Images that the network sees alike. The map draws them near each other.",
    ),
    Entry("duplicates", "Duplicates", "Copies of an image, also mirrored, cropped or resized ones."),
    Entry(
        "image-problem",
        "Image problem",
        "An image that may be no use whatever its label: dark, blurry, a leak.",
    ),
)
FIGURES = (
    Entry(
        "error",
        "Error",
        "The share of hold-out images whose label the model does not predict. “On the given labels” "
        "counts against the "
        "labels as they came; “cleaner labels” is the same model against the labels of a later version.",
    ),
    Entry(
        "interval",
        "Interval",
        "Written as “12 to 18\u00a0%”: in 95\u00a0% of cases the true share lies inside (Wilson’s interval). "
        "Fewer images make it wider.",
    ),
    Entry(
        "difference",
        "Clear change",
        "Both models predict the same images. The interval of the difference comes from "
        f"{count(DRAWS)} random draws of these images; a change is clear when the interval leaves out zero.",
    ),
    Entry(
        "suspicious",
        "Suspicious label",
        f"The model predicts another class, or the label is wrong with a probability of "
        f"{percent(DOUBTED, 0)} or more.",
    ),
    Entry(
        "error-probability",
        "Probability that a label is wrong",
        "Computed from what all models say that did not learn from the image. "
        f"From {FEWEST} answers on it is corrected by people’s answers.",
    ),
    Entry(
        "expected-errors",
        "Expected errors",
        "The sum of these probabilities over the images in question. The range holds in 95\u00a0% of cases, "
        "if people go on answering as they have so far.",
    ),
    Entry(
        "errors-found",
        "Errors found",
        "Images whose label was changed, or that were deleted, by decisions that hold now.",
    ),
    Entry(
        "errors-left",
        "Errors left",
        "Random images that nobody has decided are looked at. The share of errors among them gives bounds "
        "for all "
        "undecided images (Clopper and Pearson’s exact tests); errors found since are subtracted. The "
        "bounds hold in "
        "95\u00a0% of cases, however often and whenever you look.",
    ),
    Entry(
        "hit-rate",
        "Hit rate",
        "Of the last suspicious labels that were reviewed, the share that was wrong. It says how good the "
        "order is, "
        "not how many errors are left.",
    ),
    Entry(
        "mixed",
        "Mixed order",
        f"Each image of the review is a random one with a chance of {percent(BY_CHANCE, 0)}, else the "
        f"most suspicious.",
    ),
    Entry(
        "agreement",
        "Agreement",
        "Kappa compares two people: 1 is always equal, 0 is what chance would give. Alpha is the same for "
        "any number of "
        "people.",
    ),
    Entry(
        "calibration",
        "Calibration",
        "Whether the model is right as often as it is sure: of predictions with 80 %, 80 % should be right.",
    ),
    Entry(
        "map",
        "Map",
        "The network’s description of each image, laid out by t-SNE. Near means alike; large distances "
        "mean little.",
    ),
)


@router.get("/help")
def show(request: Request) -> Response:
    """The help."""
    page = HelpPage(
        **page_context(request),
        keys=KEYS,
        words=WORDS,
        figures=FIGURES,
        has_documentation=documentation.built() is not None,
    )
    return render("help/page.html", page)
