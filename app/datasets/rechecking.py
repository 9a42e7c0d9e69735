"""A repeated import checks whether every imported file still exists and is unchanged."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from app.datasets.missing import Lost, RecordedFile, files_of, in_a_sentence, look, mark
from app.db.engine import Database
from app.errors import Invalid
from app.storage import UNKNOWN_SIZE, FolderSource, ImageSource, JoinedSource

THREADS = 4
AT_ONCE = 256  # files between two reports
STAGE = "Checking the imported files"


def recheck(
    database: Database,
    *,
    dataset_id: int,
    source: ImageSource,
    sizes: Mapping[str, int],
    on_progress: Callable[[str, int, int], None],
    stop_if_asked: Callable[[], None],
) -> list[Lost]:
    """Update the list of missing and changed files of the data set.

    `sizes` are the bytes of the source's files now, by path. The files of a folder are read; those of a
    stored zip or a bucket only if they are in the list. `stop_if_asked` raises when the import has to stop.
    """
    with database.read() as session:
        files = files_of(session, dataset_id=dataset_id)
        before = {file.sample_id for file in files_of(session, dataset_id=dataset_id, only_lost=True)}
    main = source.main if isinstance(source, JoinedSource) else source
    in_folder = isinstance(main, FolderSource)

    def seen(file: RecordedFile) -> Lost | None:
        size = sizes.get(file.path)
        if size not in (None, UNKNOWN_SIZE, file.bytes):
            return Lost(file.sample_id, file.path, "changed")
        if size is not None and not in_folder and file.sample_id not in before:
            return None
        try:
            return look(source, file, content=in_folder or file.sample_id in before)
        except Invalid:  # the whole source cannot be read
            return Lost(file.sample_id, file.path, "unreadable")

    lost: list[Lost] = []
    with ThreadPoolExecutor(THREADS, "recheck") as pool:
        for start in range(0, len(files), AT_ONCE):
            stop_if_asked()
            on_progress(STAGE, start, len(files))
            lost += filter(None, pool.map(seen, files[start : start + AT_ONCE]))
    gone = {each.sample_id for each in lost}
    with database.write() as session:
        found = [file.sample_id for file in files if file.sample_id not in gone]
        mark(session, dataset_id=dataset_id, lost=lost, found=found)
    return lost


def in_words(lost: list[Lost]) -> list[str]:
    """A sentence about the lost files; empty if there are none."""
    if not lost:
        return []
    few = "1 image is left out of training and review, because its file is not as it was"
    many = (
        f"{len(lost):,} images are left out of training and review, because their files are not as they were"
    )
    return [f"{few if len(lost) == 1 else many}: {in_a_sentence(lost)}."]
