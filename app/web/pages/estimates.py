"""How many errors are left, as a sentence and a picture, and what a look at random images takes. Pure."""

from dataclasses import dataclass

from app.remaining.audits import LEAST, AuditState
from app.remaining.estimate import Between
from app.remaining.report import Report
from app.review.orders import ExpectedErrors
from app.web.pages.intervals import Given, IntervalChart, interval_chart
from app.web.rendering import about, count, percent, plural

LOOK = 100  # images that a look at random images is proposed with


@dataclass(frozen=True)
class Look:
    """A look at random images that may begin now."""

    size: int  # images, as the form sends it
    words: str  # of the button


def answer_in_words(at: Report, audit: AuditState | None) -> str:
    """What is known of the remaining errors, in a sentence."""
    if audit and not audit.is_done:
        return f"{count(audit.decided)} of {plural(audit.size, 'random image')} are looked at."
    if at.left is None:
        if at.reviewed == at.samples:
            return "Every label is reviewed."
        return "How many errors are left is not known yet."
    if at.left.high == 0:
        return "No error is left where the random images came from."
    errors = "error is" if at.left.low == at.left.high == 1 else "errors are"
    return f"{span_in_words(at.left)} {errors} left, with 95\u00a0% confidence."


def look_in_words(at: Report, *, seconds: float | None, is_first: bool) -> Look | None:
    """The look that is proposed, and how long it takes; None where every label is reviewed."""
    undecided = at.samples - at.reviewed
    if not undecided:
        return None
    images = min(LOOK, undecided)
    more = "" if is_first else " more"
    return Look(
        max(LEAST, images), f"Look at {count(images)}{more} random images{time_in_words(images, seconds)}"
    )


def time_in_words(images: int, seconds: float | None) -> str:
    """How long so many images take at `seconds` each, after a comma; nothing where this is not known."""
    return "" if seconds is None else f", {about(images * seconds)}"


def errors_chart(at: Report) -> IntervalChart | None:
    """The ranges that are known: by random images, and what the answers let expect of suspicious labels."""
    rows = []
    if at.left:
        low, high = (percent(end / at.samples) for end in (at.left.low, at.left.high))
        share = high if low == high else f"{low.removesuffix(' %')} to {high}"
        rows.append(
            Given(
                "In all labels",
                at.left.low,
                at.left.high,
                span_in_words(at.left),
                f"{share} of all labels",
                kind="new",
            )
        )
    if (rest := at.open_issues) and rest.cards:
        rows.append(_forecast(f"In {plural(rest.cards, 'suspicious label')}", rest))
    if (ahead := at.next_cards) and ahead.cards and (not rest or ahead.cards < rest.cards):
        rows.append(_forecast(f"In the next {count(ahead.cards)}", ahead))
    return interval_chart("Errors left", rows, share=False, most=at.samples) if rows else None


def span_in_words(between: Between) -> str:
    """12 to 40; one number where both ends are the same."""
    if between.low == between.high:
        return count(between.low)
    return f"{count(between.low)} to {count(between.high)}"


def _forecast(name: str, expected: ExpectedErrors) -> Given:
    words = span_in_words(Between(expected.low, expected.high))
    return Given(name, expected.low, expected.high, words, "expected")
