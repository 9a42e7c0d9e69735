"""File names in an exported image folder: changed only where they collide."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from app.export.as_imagefolder import unique_names

A, B = "a" * 64, "b" * 64


def test_names_that_do_not_collide_stay() -> None:
    assert unique_names([("train/cat", "1.png", A), ("train/dog", "1.png", A)]) == [
        "train/cat/1.png",
        "train/dog/1.png",
    ]


def test_names_that_collide_get_a_piece_of_their_hash() -> None:
    files = [("train/cat", "1.png", A), ("train/cat", "1.png", B), ("train/cat", "2.png", B)]
    assert unique_names(files) == [
        "train/cat/1__aaaaaaaa.png",
        "train/cat/1__bbbbbbbb.png",
        "train/cat/2.png",
    ]


def test_copies_under_one_name_are_numbered() -> None:
    assert unique_names([("c", "1.png", A)] * 3) == [
        "c/1__aaaaaaaa.png",
        "c/1__aaaaaaaa_2.png",
        "c/1__aaaaaaaa_3.png",
    ]


def test_names_that_differ_in_case_or_accents_only_collide() -> None:
    assert unique_names([("c", "X.png", A), ("c", "x.PNG", B)]) == ["c/X__aaaaaaaa.png", "c/x__bbbbbbbb.PNG"]
    assert (
        unique_names([("c", "é.png", A), ("c", unicodedata.normalize("NFD", "é.png"), B)])[0]
        == "c/é__aaaaaaaa.png"
    )


def test_a_file_without_suffix_gets_none() -> None:
    assert unique_names([("c.d", "x", A), ("c.d", "x", B)]) == ["c.d/x__aaaaaaaa", "c.d/x__bbbbbbbb"]


def test_a_dot_in_front_of_a_name_begins_no_suffix() -> None:
    assert unique_names([("c", ".png", A), ("c", ".png", B)]) == ["c/.png__aaaaaaaa", "c/.png__bbbbbbbb"]
    assert unique_names([("c", ".x.png", A), ("c", ".x.png", B)])[0] == "c/.x__aaaaaaaa.png"


names = st.sampled_from(
    ["1.png", "1.PNG", "1__aaaaaaaa.png", "1__aaaaaaaa_2.png", "1__bbbbbbbb.png", "2", "ß.png", "SS.png"]
)


@given(st.lists(st.tuples(st.sampled_from(["c", "C", "d"]), names, st.sampled_from([A, B]))))
@example([("c", "1.png", A), ("c", "1.png", A), ("c", "1__aaaaaaaa.png", B)])
def test_names_are_unique_on_every_disk_and_keep_folder_and_suffix(files: list[tuple[str, str, str]]) -> None:
    found = unique_names(files)
    assert len({name.casefold() for name in found}) == len(files)
    for name, (folder, wanted, _) in zip(found, files, strict=True):
        assert name.startswith(folder + "/")
        assert name.endswith(wanted.rpartition(".")[2]) or "." not in wanted
