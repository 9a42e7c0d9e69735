"""The colours and the choices that demo faces are put together from."""

from app.datasets.demo.canvas import Colour

SKINS: tuple[Colour, ...] = (
    (255, 226, 205), (250, 213, 189), (246, 203, 172), (240, 190, 158), (232, 178, 140), (222, 164, 122),
    (206, 146, 104), (188, 126, 88), (166, 107, 73), (145, 91, 62), (124, 77, 54), (104, 65, 48),
)  # fmt: skip
FANCY_SKINS: tuple[Colour, ...] = ((196, 184, 236), (168, 212, 200), (164, 198, 234), (244, 184, 198), (190, 214, 148))

HAIRS: tuple[Colour, ...] = (
    (38, 30, 34), (58, 41, 36), (88, 58, 42), (122, 78, 48), (158, 100, 56), (214, 168, 96),
    (236, 202, 138), (178, 78, 42), (206, 98, 54), (140, 138, 144), (216, 214, 216), (74, 28, 32),
)  # fmt: skip
HAIR_WEIGHTS = (4, 4, 3.5, 3, 2, 2.2, 1.8, 1, 0.7, 1, 1, 1)
DARK_SKIN = 100  # below this blue value
DARK_HAIRS: tuple[Colour, ...] = ((34, 27, 32), (26, 22, 30), (52, 37, 34), (70, 44, 38), (120, 118, 126))
FANCY_HAIRS: tuple[Colour, ...] = ((226, 106, 142), (84, 150, 196), (122, 92, 178), (72, 164, 142))

STYLES = (
    "bald", "receding", "buzz", "parted", "quiff", "spiky", "curly", "afro", "bob", "long", "wavy", "bun",
    "ponytail", "pigtails", "mohawk", "pixie",
)  # fmt: skip
STYLE_WEIGHTS = (1.1, 0.9, 1.5, 2.4, 2.2, 1.4, 1.7, 1.2, 1.5, 1.6, 1.5, 1.1, 1.1, 0.6, 0.4, 1.6)
LONG_STYLES = ("bob", "long", "wavy", "bun", "ponytail", "pigtails")
TALL_STYLES = ("afro", "bun", "mohawk", "quiff", "spiky", "pigtails")  # no hat fits on these
HATS = ("beanie", "cap", "scarf", "beret", "headband")
GLASSES = ("round", "square", "thin")
BEARDS = ("full", "goatee", "moustache", "stubble", "stubble")
COLLARS = ("round", "vee", "shirt", "turtle", "hood", "stripes")
NOSES = ("curve", "button", "bridge")

IRISES: tuple[Colour, ...] = ((92, 60, 38), (68, 44, 32), (124, 84, 46), (70, 112, 92), (64, 108, 158), (104, 124, 140))
LIPSTICKS: tuple[Colour, ...] = ((196, 62, 76), (206, 96, 104), (168, 54, 88), (222, 110, 98))

CLOTHES: tuple[Colour, ...] = (
    (54, 84, 130), (214, 90, 74), (240, 178, 74), (76, 142, 122), (120, 90, 160), (44, 52, 70), (232, 232, 228),
    (160, 62, 84), (110, 160, 200), (228, 138, 150), (92, 110, 72), (196, 170, 140),
)  # fmt: skip

BACKGROUNDS: tuple[tuple[Colour, Colour], ...] = (
    ((255, 214, 165), (250, 160, 132)), ((190, 224, 236), (120, 178, 214)), ((206, 232, 200), (132, 190, 160)),
    ((232, 212, 244), (176, 148, 216)), ((255, 228, 228), (242, 170, 178)), ((250, 236, 190), (236, 196, 110)),
    ((214, 220, 232), (150, 164, 190)), ((96, 120, 160), (48, 62, 100)), ((84, 136, 132), (40, 80, 88)),
    ((240, 232, 220), (206, 190, 170)), ((164, 210, 220), (250, 206, 176)), ((255, 196, 150), (200, 130, 170)),
    ((178, 190, 240), (110, 122, 206)), ((226, 240, 210), (250, 220, 150)), ((120, 96, 140), (62, 46, 84)),
    ((236, 128, 108), (186, 70, 84)),
)  # fmt: skip
PATTERNS = (None, "disc", "rays", "dots", "hills", "blobs")
PATTERN_WEIGHTS = (3, 2, 0.7, 1, 1, 1.5)
