"""Tables of predictions: CSV and Parquet."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.ranking.prediction_files import GOOD, PATHS, as_parquet, read, refusal, text


def test_a_column_beside_the_classes_that_toploss_writes_itself_is_no_class(tmp_path: Path) -> None:
    head = "rank,path,split,label,loss,p_cat,p_dog,p_owl\n"
    rows = "".join(
        f"{place},{path},train,cat,0.5,{','.join(map(str, row))}\n"
        for place, (path, row) in enumerate(zip(PATHS, GOOD, strict=True))
    )
    values, _ = read(text(tmp_path / "predictions.csv", head + rows))
    assert values == pytest.approx(GOOD.astype(np.float32))


def test_without_pyarrow_a_parquet_file_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = as_parquet(tmp_path / "p.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "`pip install pyarrow`" in refusal(path)
