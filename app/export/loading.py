"""The lines of Python that load each format, by reader.

The page and the documentation show them, and tests run them.
The lines run in the folder of the downloaded file; a zip is unpacked as `labels` first.
"""

LOADING: dict[str, dict[str, str]] = {
    "parquet": {
        "pandas": """import pandas as pd

frame = pd.read_parquet("labels.parquet")
""",
        "polars": """import polars as pl

frame = pl.read_parquet("labels.parquet")
""",
        "datasets": """from datasets import load_dataset

rows = load_dataset("parquet", data_files="labels.parquet", split="train")
""",
    },
    "csv": {
        "pandas": """import pandas as pd

frame = pd.read_csv("labels.csv", dtype=str, keep_default_na=False)
""",
        "polars": """import polars as pl

frame = pl.read_csv("labels.csv", infer_schema=False, empty_string_is_null=False)
""",
        "datasets": """import csv
from datasets import Features, Value, load_dataset

with open("labels.csv", encoding="utf-8", newline="") as file:
    text = Features({column: Value("string") for column in next(csv.reader(file))})
rows = load_dataset("csv", data_files="labels.csv", split="train", features=text, keep_default_na=False)
""",
    },
    "csv-excel": {
        "pandas": """import pandas as pd

frame = pd.read_csv("labels-excel.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig")
frame = frame.replace("^'('*[=+\\\\-@\\t\\r])", r"\\1", regex=True)  # the guard of spreadsheets
""",
    },
    "jsonl": {
        "pandas": """import pandas as pd

frame = pd.read_json("labels.jsonl", lines=True, dtype=False, convert_dates=False)
""",
        "polars": """import polars as pl

frame = pl.read_ndjson("labels.jsonl", infer_schema_length=None)
""",
        "datasets": """from datasets import load_dataset

rows = load_dataset("json", data_files="labels.jsonl", split="train")
""",
    },
    "fastai": {
        "fastai": """import pandas as pd
from fastai.vision.all import CategoryBlock, ImageDataLoaders, Resize

frame = pd.read_csv("labels-fastai.csv", dtype={"name": str, "label": str}, keep_default_na=False)
loaders = ImageDataLoaders.from_df(
    frame,
    path="images",  # the folder that was imported
    fn_col="name",
    label_col="label",
    valid_col="is_valid",
    y_block=CategoryBlock(vocab=sorted(frame["label"].unique())),
    item_tfms=Resize(224),
)
""",
    },
    "imagefolder": {
        "torchvision": """from torchvision.datasets import ImageFolder
from torchvision.transforms import Compose, Resize, ToTensor

size = Compose([Resize((224, 224)), ToTensor()])
train = ImageFolder("labels/train", transform=size, allow_empty=True)
valid = ImageFolder("labels/valid", transform=size, allow_empty=True)
""",
        "fastai": """from pathlib import Path
from fastai.vision.all import ImageDataLoaders, Resize

classes = Path("labels/classes.txt").read_text(encoding="utf-8").splitlines()
loaders = ImageDataLoaders.from_folder("labels", valid="valid", vocab=classes, item_tfms=Resize(224))
""",
        "datasets": """from datasets import load_dataset

parts = load_dataset("imagefolder", data_dir="labels", drop_labels=False)
""",
    },
    "huggingface": {
        "datasets": """from datasets import load_dataset

parts = load_dataset("labels")  # train, validation and test, as far as there are images
""",
    },
    "label-studio": {
        "label-studio-sdk": """import json
from pathlib import Path
from label_studio_sdk.label_interface import LabelInterface

config = Path("labels/label-config.xml").read_text(encoding="utf-8")
tasks = json.loads(Path("labels/tasks.json").read_text(encoding="utf-8"))
interface = LabelInterface(config)
""",
    },
    "fiftyone": {
        "fiftyone": """from fiftyone.utils.data import FiftyOneImageClassificationDatasetImporter

train = FiftyOneImageClassificationDatasetImporter("labels/train")
valid = FiftyOneImageClassificationDatasetImporter("labels/valid")
# where FiftyOne has its database: fiftyone.Dataset.from_importer(train)
""",
    },
    "cleanlab": {
        "cleanlab": """import numpy as np
from cleanlab.filter import find_label_issues

labels = np.load("labels/labels.npy")
issues = find_label_issues(labels, np.load("labels/pred_probs.npy"))
""",
    },
    "croissant": {
        "mlcroissant": """import mlcroissant as mlc

rows = mlc.Dataset("labels/metadata.json").records("samples")
""",
    },
    "events": {
        "pandas": """import pandas as pd

frame = pd.read_csv("labels-events.csv", dtype=str, keep_default_na=False)
""",
    },
}
