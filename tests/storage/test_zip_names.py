"""The names in a zip are those that its maker saw, whatever system and program it was made with."""

import zipfile
from pathlib import Path

import pytest

from app.errors import Invalid
from app.storage import Origin, open_source
from app.storage.zip_names import check_encoding, decode_names
from tests.zips import stored, unicode_path

# Class names as people give them, in the code page of the computer that zips them.
NAMES = [
    ("gbk", "gb18030", ["猫图", "狗图"]),
    ("gbk", "gb18030", ["高兴", "悲伤", "愤怒", "惊讶"]),
    ("gbk", "gb18030", ["合格", "不合格"]),
    ("gbk", "gb18030", ["训练集", "测试集", "玫瑰", "向日葵"]),
    ("big5", "cp950", ["貓", "狗", "鳥"]),
    ("big5", "cp950", ["蘋果", "香蕉", "橘子"]),
    ("cp932", "cp932", ["猫", "犬", "鳥"]),
    ("cp932", "cp932", ["ネコ", "イヌ"]),
    ("cp932", "cp932", ["ソース", "表示", "予定"]),  # a backslash is the second half of ソ, 表 and 予
    ("cp932", "cp932", ["良品", "不良品"]),
    ("euc_jp", "euc_jp", ["笑顔", "怒り", "悲しみ"]),
    ("cp949", "cp949", ["고양이", "강아지"]),
    ("cp949", "cp949", ["정상", "불량"]),
    ("cp866", "cp866", ["кошка", "собака"]),
    ("cp866", "cp866", ["Новая папка", "брак"]),
    ("cp1251", "cp1251", ["яблоко", "банан"]),
    ("cp850", "cp850", ["Größe", "Länge"]),
    ("cp850", "cp850", ["Äpfel", "Birnen", "Kürbis"]),
    ("cp1252", "cp1252", ["Bäume", "Häuser", "Straßen"]),
    ("cp437", "cp850", ["fröhlich", "traurig", "wütend"]),  # both write these letters alike
    ("cp852", "cp852", ["kočka", "pes", "pták"]),
    ("utf-8", "utf-8", ["猫", "Größe", "кошка"]),  # macOS writes it and does not say so
]


@pytest.mark.parametrize(("written", "found", "classes"), NAMES)
@pytest.mark.parametrize("file", ["{}.png", "IMG_20{} (2).JPG"])
def test_names_of_every_system_are_read_as_they_were_written(
    tmp_path: Path, written: str, found: str, classes: list[str], file: str
) -> None:
    paths = [f"photos/{name}/{file.format(10 + i)}" for name in classes for i in range(3)]
    path = stored(tmp_path / "a.zip", [each.encode(written) for each in paths])
    with zipfile.ZipFile(path) as archive:
        names = decode_names(archive.infolist())
    assert names.paths == tuple(paths)
    assert names.encoding == found
    assert set(names.examples) <= set(classes)
    source = open_source(str(path))
    assert [source.read(entry.path) for entry in source.walk()] == [each.encode(written) for each in paths]


def test_a_code_page_that_is_told_is_taken(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.zip", ["肺炎/1.png".encode("gbk"), b"dog/1.png"])
    told = open_source(Origin(str(path), zip_encoding="gbk"))
    assert [entry.path for entry in told.walk()] == ["肺炎/1.png", "dog/1.png"]
    with pytest.raises(Invalid, match="not in the code page ascii"):
        list(open_source(Origin(str(path), zip_encoding="ascii")).walk())


def test_a_code_page_is_checked_and_written_in_one_way() -> None:
    assert [check_encoding(name) for name in ("GBK", " Shift_JIS ", "CP850", "utf8")] == [
        "gbk",
        "shift_jis",
        "cp850",
        "utf-8",
    ]
    for name in ("klingon", "", "base64", "rot13", "idna\0"):
        with pytest.raises(Invalid, match="is no code page"):
            check_encoding(name)


def test_the_unicode_path_field_is_believed_if_it_is_of_the_stored_name(tmp_path: Path) -> None:
    raw = [b"AAAA/1.png", b"BBBB/1.png", b"CCCC/1.png", b"DDDD/1.png"]
    extra = [
        unicode_path("猫/1.png", of=raw[0]),
        unicode_path("狗/1.png", of=b"renamed since"),
        unicode_path("鸟/1.png", of=raw[2], version=2),
        b"\x75\x70\xff",  # cut off
    ]
    source = open_source(str(stored(tmp_path / "a.zip", raw[:3], extra=extra[:3])))
    assert [entry.path for entry in source.walk()] == ["猫/1.png", "BBBB/1.png", "CCCC/1.png"]
    assert source.read("猫/1.png") == raw[0]
    assert source.names.encoding is None  # type: ignore[attr-defined]


def test_backslashes_are_separators(tmp_path: Path) -> None:
    names = [b"photos\\", b"photos\\cat\\1.png", b"photos/dog\\1.png", b"photos\\..\\..\\etc\\passwd"]
    source = open_source(str(stored(tmp_path / "a.zip", names)))
    paths = [entry.path for entry in source.walk()]
    assert paths == ["photos/cat/1.png", "photos/dog/1.png", "photos/../../etc/passwd"]
    assert source.read("photos/cat/1.png") == names[1]


def test_two_names_that_mean_one_file_are_told(tmp_path: Path) -> None:
    source = open_source(str(stored(tmp_path / "a.zip", [b"cat\\1.png", b"cat/1.png"])))
    assert [bool(entry.problem) for entry in source.walk()] == [True, False]
    assert source.read("cat/1.png") == b"cat/1.png"


def test_what_was_imported_when_names_were_not_decoded_is_still_read(tmp_path: Path) -> None:
    name = "猫/1.png".encode("gbk")
    source = open_source(str(stored(tmp_path / "a.zip", [name])))
    assert source.read(name.decode("cp437")) == name


def test_a_name_that_is_marked_as_utf_8_and_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("猫/1.png", b"x")
    path.write_bytes(path.read_bytes().replace("猫".encode(), "猫图".encode("gbk")[:3]))
    with pytest.raises(Invalid, match="marks its file names as UTF-8, but they are not"):
        list(open_source(Origin(str(path), name="photos.zip")).walk())


@pytest.mark.parametrize(
    ("stored_name", "path"),
    [
        ("./cat/0.png", "cat/0.png"),
        ("top//cat/./0.png", "top/cat/0.png"),
        (".\\cat\\0.png", "cat/0.png"),
        ("./", "/"),
        ("cat/", "cat/"),
        ("/cat/0.png", "/cat/0.png"),
        ("//server/0.png", "//server/0.png"),
        ("./../0.png", "../0.png"),
        ("./C:/0.png", "C:/0.png"),
    ],
)
def test_parts_of_a_name_that_lead_nowhere_are_dropped_and_nothing_unsafe_is_hidden(
    stored_name: str, path: str
) -> None:
    entry = zipfile.ZipInfo("x")
    entry.orig_filename = stored_name
    assert decode_names([entry]).paths == (path,)
