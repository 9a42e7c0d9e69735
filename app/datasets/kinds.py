"""Recognises the kind of an unsupported file from its content, so that people know what to do (pure)."""

import struct
from collections.abc import Iterator

from PIL import features

CONVERT = "which Toploss cannot read; convert it to JPEG or PNG"
UNPACK = "an archive in the source; unpack it first"
HEAD = 4096  # bytes that are enough to recognise it

# Files that many data sets contain, with names that show what they are.
PLAIN = (
    *(".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".md", ".html", ".htm", ".log"),
    *(
        ".py",
        ".ipynb",
        ".m",
        ".mat",
        ".parquet",
        ".arrow",
        ".pkl",
        ".pt",
        ".pth",
        ".npz",
        ".h5",
        ".zip",
        ".gz",
        ".tar",
    ),
)

_PICTURES = {  # first bytes of the content
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"II\xbc\x01": "JPEG XR",
    b"FUJIFILMCCD-RAW": "a camera's RAW",
    b"IIRO": "a camera's RAW",
    b"IIRS": "a camera's RAW",
    b"MMOR": "a camera's RAW",
    b"IIU\0": "a camera's RAW",
    b"FOVb": "a camera's RAW",
    b"\0MRM": "a camera's RAW",
    b"8BPS": "Photoshop",
    b"gimp xcf": "GIMP",
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"%PDF-": "PDF",
    b"\0\0\1\0": "an icon",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"DDS ": "DDS",
    b"BPG\xfb": "BPG",
    b"SIMPLE  =": "FITS",
}
_OTHERS = {
    b"PK\3\4": f"zip, {UNPACK}",
    b"7z\xbc\xaf\x27\x1c": f"7-Zip, {UNPACK}",
    b"Rar!": f"RAR, {UNPACK}",
    b"\x1f\x8b": f"gzip, {UNPACK}",
    b"\xfd7zXZ\0": f"xz, {UNPACK}",
    b"\x93NUMPY": "an array of NumPy, not an image; save it as PNG",
    b"\x89HDF": "HDF5, not an image; save its images as PNG",
    b"\x1aE\xdf\xa3": "a video, not an image; save its frames as images",
    b"version https://git-lfs": "a pointer of Git LFS, not the image; run “git lfs pull”",
    b"/annex/objects/": "a pointer of git-annex, not the image; run “git annex get”",
}
_READ = {  # first bytes of images that can be read
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF = {b"avif", b"avis"}
_DNG_VERSION, _NEW_SUBFILE_TYPE, _SUB_IFDS = 50706, 254, 330


_VIDEO = "a video, not an image; save its frames as images"
_ENDINGS = {  # of the names of files, by what they are
    f"HEIC, {CONVERT}": ".heic .heif .heics .heifs .hif",
    f"JPEG XL, {CONVERT}": ".jxl",
    f"JPEG XR, {CONVERT}": ".jxr .wdp .hdp",
    f"a camera's RAW, {CONVERT}": (
        ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf "
        ".raw .rw2 .rwl .sr2 .srf .srw .x3f"
    ),
    f"Photoshop, {CONVERT}": ".psd .psb",
    f"GIMP, {CONVERT}": ".xcf",
    f"PostScript, {CONVERT}": ".eps .ps .ai",
    f"PDF, {CONVERT}": ".pdf",
    f"SVG, {CONVERT}": ".svg .svgz",
    f"an icon, {CONVERT}": ".ico .cur .icns",
    f"OpenEXR, {CONVERT}": ".exr",
    f"Radiance HDR, {CONVERT}": ".hdr",
    f"DDS, {CONVERT}": ".dds",
    f"BPG, {CONVERT}": ".bpg",
    f"FITS, {CONVERT}": ".fits .fit .fts",
    f"DICOM, {CONVERT}": ".dcm .dicom",
    _VIDEO: ".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .wmv .3gp",
    UNPACK: ".zip .7z .rar .gz .tgz .tar .xz .bz2",
    "not an image": " ".join(PLAIN),
}
_REASONS: dict[str, str] = {}
for _reason, _endings in _ENDINGS.items():
    for _ending in _endings.split():
        _REASONS.setdefault(_ending, _reason)
_NEEDED = {  # endings of images that a Pillow may have been built without: the feature's name, and ours
    ".avif": ("avif", "AVIF"),
    ".webp": ("webp", "WebP"),
    ".jp2": ("jpg_2000", "JPEG 2000"),
    ".j2k": ("jpg_2000", "JPEG 2000"),
    ".jpx": ("jpg_2000", "JPEG 2000"),
}


def reason_by_name(path: str) -> str:
    """Why a file is rejected by the suffix of its name, in the words of `reason_of`; empty if it is not."""
    name = path.rsplit("/", 1)[-1]
    ending = f".{name.rsplit('.', 1)[-1].casefold()}" if "." in name else ""
    if ending in _NEEDED:
        feature, kind = _NEEDED[ending]
        return "" if features.check(feature) else f"{kind}, {CONVERT}"
    return _REASONS.get(ending, "")


def is_picture(reason: str) -> bool:
    """Whether it is the reason of a picture that only has to be converted."""
    return reason.endswith(CONVERT)


def reason_of(content: bytes) -> str:
    """Why a file that no decoder can read is rejected, and what to do; empty if its kind is unknown."""
    head = content[:HEAD]
    if kind := picture_kind(head):
        return f"{kind}, {CONVERT}"
    for beginning, reason in _OTHERS.items():
        if head.startswith(beginning):
            return reason
    is_video = head[4:8] == b"ftyp" and not _brands(head) & _AVIF
    if is_video or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return _VIDEO
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page, not an image; download the image again"
    return ""


def damage_of(content: bytes) -> str:
    """The problem of a file that no decoder opens, if it is empty or begins like a supported image."""
    if not content.strip(b"\0"):
        return "truncated or damaged (nothing but zeros); copy or download it again"
    head = content[:HEAD]
    kind = next((kind for beginning, kind in _READ.items() if head.startswith(beginning)), "")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        kind = "WebP"
    elif head[4:8] == b"ftyp" and _brands(head) & _AVIF:
        kind = "AVIF"
    return f"truncated or damaged (it begins as {kind})" if kind else ""


def picture_kind(head: bytes) -> str:
    """The kind of an unsupported picture, from the first `HEAD` bytes of a file; empty for other files."""
    for beginning, kind in _PICTURES.items():
        if head.startswith(beginning):
            return kind
    if head[128:132] == b"DICM":
        return "DICOM"
    if head[4:8] == b"ftyp":
        return _by_brands(head)
    if is_raw(head):
        return "a camera's RAW"
    return "SVG" if b"<svg" in head and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") else ""


def is_raw(head: bytes) -> bool:
    """Whether it is a camera's RAW inside a TIFF: Pillow would read its small preview as the image."""
    if head[:4] not in (b"II*\0", b"MM\0*") or len(head) < 10:  # noqa: PLR2004 - the TIFF header
        return False
    tags = dict(_tags(head))
    return (
        head[8:10] == b"CR"
        or _DNG_VERSION in tags
        or (_SUB_IFDS in tags and tags.get(_NEW_SUBFILE_TYPE, 0) & 1 == 1)  # the first picture is a preview
    )


def _by_brands(head: bytes) -> str:
    """The kind of picture in an ISO media file."""
    brands = _brands(head)
    if head[8:12] == b"crx ":
        return "a camera's RAW"
    if brands & _AVIF:
        return "" if features.check("avif") else "AVIF"
    return "HEIC" if brands & _HEIC else ""


def _brands(head: bytes) -> set[bytes]:
    """The names of formats in the head of an ISO media file."""
    [size] = struct.unpack_from(">I", head)
    return {head[8:12], *(head[at : at + 4] for at in range(16, min(size, 256, len(head)), 4))}


def _tags(head: bytes) -> Iterator[tuple[int, int]]:
    """The tags of a TIFF's first picture, each with its first number, if they are within the head."""
    order = "<" if head[:2] == b"II" else ">"
    [place] = struct.unpack_from(f"{order}I", head, 4)
    if place + 2 > len(head):
        return
    [count] = struct.unpack_from(f"{order}H", head, place)
    for at in range(place + 2, min(place + 2 + 12 * count, len(head) - 11), 12):
        tag, kind = struct.unpack_from(f"{order}HH", head, at)
        number = "H" if kind == 3 else "I"  # noqa: PLR2004 - a short
        [value] = struct.unpack_from(f"{order}{number}", head, at + 8)
        yield tag, value
