"""The tree of folders that contain images (pure)."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Folder:
    """A folder: relative POSIX path (empty for the root), subfolders by name, number of images."""

    path: str = ""
    folders: dict[str, "Folder"] = field(default_factory=dict)
    direct: int = 0  # images in the folder itself, not in subfolders
    images: int = 0  # images in it and in all its subfolders

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def only(self) -> "Folder | None":
        """Its only subfolder, if it contains no images besides; else None."""
        return next(iter(self.folders.values())) if len(self.folders) == 1 and not self.direct else None

    @property
    def is_flat(self) -> bool:
        """Whether it has no subfolders, except one that repeats its name, as in `test/test/1.png`."""
        only = self.only
        return not self.folders or (only is not None and not only.folders and same_name(only, self))


def same_name(one: Folder, other: Folder) -> bool:
    """Whether two folders have the same name, except for upper and lower case."""
    return one.name.casefold() == other.name.casefold()


def tree_of(paths: Iterable[str]) -> Folder:
    """The folders of relative POSIX paths of images."""
    root = Folder()
    for path in paths:
        here = root
        here.images += 1
        for name in path.split("/")[:-1]:
            inside = here.folders.get(name)
            if inside is None:
                inside = here.folders[name] = Folder(f"{here.path}/{name}" if here.path else name)
            here = inside
            here.images += 1
        here.direct += 1
    return root
