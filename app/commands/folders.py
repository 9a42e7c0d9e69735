"""How `toploss import` shows what a source's folders mean, and asks if this is not clear."""

import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import typer

from app.datasets.layout_choice import HOW, LABELS, NONE, SKIP, StatedLayout, as_text, check_parts
from app.datasets.layout_outline import DRAWN, Outline
from app.datasets.layout_reading import LEFT_OUT, OPEN, Reading
from app.datasets.split_words import PARTS
from app.datasets.surveying import Survey, choice_of, decide
from app.errors import AmbiguousLayout

CLASSES_SHOWN = 50


def chooser(
    folders: StatedLayout | None, *, yes: bool, before: Callable[[], None]
) -> Callable[[Survey, Reading | None], Reading]:
    """Choose how an import reads the folders: by options, the clear reading, or an answer at the terminal.

    `before` is called before anything is printed. Without a terminal `yes` takes the most likely reading, and
    without `yes` the import is refused.
    """

    def choose(found: Survey, stored: Reading | None) -> Reading:
        before()
        if folders is not None:
            reading = found.reading_of(folders)
        else:
            try:
                reading = decide(found, stored=stored)
            except AmbiguousLayout:
                reading = _unclear(found, yes=yes)
        made = found.outline(reading)
        if made.classes:
            _show(made) if stored is None else _show_again(made, stored)
        return reading

    return choose


def _unclear(found: Survey, *, yes: bool) -> Reading:
    doubt, choices = found.guess().doubt, found.outlines()
    if yes:
        check_parts(choices[0].reading.folders, how=f" {HOW}.")
        return choices[0].reading
    if sys.stdin.isatty() and sys.stdout.isatty():
        return _ask(doubt, choices)
    options = [f"{_option(each)} for {_classes(each)}" for each in choices if each.is_use]
    more = "; --yes takes the first" if not choices[0].reading.open else ""
    message = f"{doubt} Say which it is: {', or '.join(options)}{more}."
    raise AmbiguousLayout(message, choices=[choice_of(each) for each in choices])


def _ask(doubt: str, choices: list[Outline]) -> Reading:
    typer.echo(doubt)
    for number, each in enumerate(choices, start=1):
        typer.echo(f"  {number}  {_classes(each)}: {each.words()[0]}")
    numbers = [str(number) for number in range(1, len(choices) + 1)]
    number = int(typer.prompt("Which is right?", value_proc=_one_of(numbers), default="1"))
    reading = choices[number - 1].reading
    folders = dict(reading.folders)
    for folder in reading.open:
        part = typer.prompt(
            f"Which part is {folder}? train, valid, test or skip", value_proc=_one_of([*PARTS, SKIP])
        )
        folders[folder] = LEFT_OUT if part == SKIP else part
    check_parts(folders)
    return replace(reading, folders=folders)


def _one_of(answers: list[str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in answers:
            raise typer.BadParameter(f"Answer with one of {', '.join(answers)}.")
        return text

    return check


def _option(made: Outline) -> str:
    text = as_text(made.reading)
    if text == NONE:
        return "--no-split-folders"
    if text.startswith(LABELS):
        return f"--labels {_quoted(text.removeprefix(LABELS))}"
    free = (part for part in PARTS if part not in made.reading.folders.values())
    for _ in range(text.count(f"{OPEN}=")):  # an example of what can be said
        text = text.replace(f"{OPEN}=", f"{next(free, 'test')}=", 1)
    return f"--split-folders {_quoted(text)}"


def _quoted(text: str) -> str:
    return f"'{text}'" if any(character in text for character in " *&;()'\"") else text


def _classes(made: Outline) -> str:
    names = [each.name for each in made.classes]
    shown = names if len(names) <= 6 else [*names[:5], f"{len(names) - 5:,} more"]  # noqa: PLR2004
    return f"the classes {', '.join(shown)}"


def _show_again(made: Outline, stored: Reading) -> None:
    """Print how folders are read in a repeated import: as before, perhaps with new parts."""
    if made.reading == stored:
        typer.echo(
            "The folders are read as when the data set was imported before; only what is new is added."
        )
        return
    for sentence in made.words():
        if sentence != DRAWN:
            typer.echo(sentence)


def _show(made: Outline) -> None:
    for sentence in made.words():
        typer.echo(sentence)
    width = max(8, *(len(each.name) for each in made.classes[:CLASSES_SHOWN]))
    typer.echo(f"  {'class':<{width}}{''.join(f'{part:>9}' for part in made.parts)}")
    for each, number in zip(made.classes, count(1), strict=False):
        if number > CLASSES_SHOWN:
            typer.echo(f"  … and {len(made.classes) - CLASSES_SHOWN:,} classes more")
            break
        cells = "".join(f"{each.counts.get(part, 0):>9,}" for part in made.parts)
        typer.echo(f"  {each.name:<{width}}{cells}")
