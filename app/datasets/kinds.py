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
    b"qoif": "QOI",
    b"\x01\xda\0": "SGI",
    b"\x01\xda\1": "SGI",
    b"icns": "an icon",
    b"BLP1": "BLP",
    b"BLP2": "BLP",
    b"DanM": "Microsoft Paint (MSP)",
    b"LinS": "Microsoft Paint (MSP)",
    b"\x59\xa6\x6a\x95": "Sun raster",
    b"farbfeld": "farbfeld",
    b"FLIF": "FLIF",
    b"\xabKTX ": "KTX",
    b"Image type:": "IM",
    b"/* XPM */": "XPM",
    b"\xd7\xcd\xc6\x9a": "WMF",
    b"PF\n": "PFM",
    b"Pf\n": "PFM",
    b"NRRD0": "NRRD",
    b"\x97JB2\r\n\x1a\n": "JBIG2",
}
ARCHIVES = {  # first bytes of the content
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!": "RAR",
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"LZIP": "lzip",
    b"\x5d\0\0\x80\0": "LZMA",
    b"\x04\x22\x4d\x18": "LZ4",
    b"MSCF": "CAB",
    b"xar!": "xar",
}
_OTHERS = {
    b"PK\3\4": f"zip, {UNPACK}",
    **{beginning: f"{kind}, {UNPACK}" for beginning, kind in ARCHIVES.items()},
    b"\x93NUMPY": "an array of NumPy, not an image; save it as PNG",
    b"\x89HDF": "HDF5, not an image; save its images as PNG",
    b"MATLAB ": "an array of MATLAB, not an image; save it as PNG",
    b"\x1aE\xdf\xa3": "a video, not an image; save its frames as images",
    b"version https://git-lfs": "a pointer of Git LFS, not the image; run “git lfs pull”",
    b"/annex/objects/": "a pointer of git-annex, not the image; run “git annex get”",
    b"ID3": "sound, not an image",
    b"OggS": "sound or a video, not an image",
    b"fLaC": "sound, not an image",
    b"SQLite format 3": "a database, not an image",
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
    f"TGA, {CONVERT}": ".tga .icb .vda .vst",
    f"PCX, {CONVERT}": ".pcx",
    f"SGI, {CONVERT}": ".sgi .rgb .rgba .bw",
    f"QOI, {CONVERT}": ".qoi",
    f"XBM, {CONVERT}": ".xbm",
    f"XPM, {CONVERT}": ".xpm",
    f"PFM, {CONVERT}": ".pfm",
    f"Sun raster, {CONVERT}": ".ras",
    f"WMF, {CONVERT}": ".wmf",
    f"EMF, {CONVERT}": ".emf",
    f"NIfTI, {CONVERT}": ".nii",
    f"NRRD, {CONVERT}": ".nrrd",
    f"DICOM, {CONVERT}": ".dcm .dicom",
    _VIDEO: ".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .wmv .3gp",
    UNPACK: ".zip .7z .rar .gz .tgz .tar .xz .txz .bz2 .tbz2 .zst .cab",
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
    if is_tar(head):
        return f"tar, {UNPACK}"
    is_video = head[4:8] == b"ftyp" and not _brands(head) & (_AVIF | _HEIC)
    if is_video or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return _VIDEO
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page, not an image; download the image again"
    return ""


def is_tar(head: bytes) -> bool:
    """Whether it is a tar archive that is not compressed."""
    return head[257:262] == b"ustar"


def damage_of(content: bytes) -> str:
    """The problem of a file that no decoder opens, if it is empty or begins like a supported image."""
    if not content.strip(b"\0"):
        return "truncated or damaged (nothing but zeros); copy or download it again"
    kind = image_kind(content[:HEAD])
    return f"truncated or damaged (it begins as {kind})" if kind else ""


def image_kind(head: bytes) -> str:
    """The kind of a supported image, from the first bytes of a file; empty for other files."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp" and len(head) >= 12 and _brands(head) & _AVIF:  # noqa: PLR2004 - size, ftyp, brand
        return "AVIF"
    if head[4:8] == b"ftyp" and len(head) >= 12 and _brands(head) & _HEIC:  # noqa: PLR2004
        return "HEIC"
    return next((kind for beginning, kind in _READ.items() if head.startswith(beginning)), "")


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
    if b"<svg" in head and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "SVG"
    return _by_header(head)


def _by_header(head: bytes) -> str:
    """The kind of a picture whose first bytes are only numbers that have to fit together."""
    if len(head) < 18:  # noqa: PLR2004 - the header of a TGA
        return ""
    if head[0] == 10 and head[1] in (0, 2, 3, 4, 5) and head[2] < 2 and head[3] in (1, 2, 4, 8):  # noqa: PLR2004
        return "PCX"
    if head[:4] == b"\0\0\2\0" and head[4] and not head[5] and not head[9]:
        return "an icon"  # a mouse pointer
    if head.startswith(b"#define ") and b"_width " in head[:200]:
        return "XBM"
    if head.startswith(b"\1\0\0\0") and head[40:44] == b" EMF":
        return "EMF"
    has_map, kind, width, height, depth = head[1], head[2], *struct.unpack_from("<HHB", head, 12)
    of_map = head[3:8]  # its first entry, length and bits per entry
    fits = (of_map[4] in (15, 16, 24, 32) and any(of_map[2:4])) if has_map else not any(of_map)
    is_known = has_map < 2 and kind in (1, 2, 3, 9, 10, 11) and (has_map == 1 or kind not in (1, 9))  # noqa: PLR2004
    is_whole = width > 0 and height > 0 and depth in (1, 8, 15, 16, 24, 32) and head[17] < 64  # noqa: PLR2004
    return "TGA" if is_known and fits and is_whole else ""


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
    return "AVIF" if brands & _AVIF and not features.check("avif") else ""


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
