"""For each format and reader, lines that put what was loaded into `answer`: labels by path.

They run behind the lines of the documentation, in the folder of the export.
"""

FRAME = 'answer = dict(zip(frame["path"], frame["label"]))\n'
ROWS = 'answer = dict(zip(rows["path"], rows["label"]))\n'
FOLDERS = """
import csv, json
with open("labels/manifest.csv", encoding="utf-8", newline="") as file:
    paths = {row["file"]: row["path"] for row in csv.DictReader(file)}
with open("labels/classes.json", encoding="utf-8") as file:
    names = json.load(file)
def found(file, folder):
    parts = str(file).replace(os.sep, "/").split("/")
    return paths["/".join(parts[-3:])], names[folder]
import os
answer = {}
"""
ANSWERS = {
    ("parquet", "pandas"): FRAME,
    ("parquet", "polars"): FRAME,
    ("parquet", "datasets"): ROWS,
    ("csv", "pandas"): FRAME,
    ("csv", "polars"): FRAME,
    ("csv", "datasets"): ROWS,
    ("csv-excel", "pandas"): FRAME,
    ("jsonl", "pandas"): FRAME,
    ("jsonl", "polars"): FRAME,
    ("jsonl", "datasets"): ROWS,
    ("fastai", "fastai"): """
answer = {}
for part in (loaders.train_ds, loaders.valid_ds):
    for number in range(len(part)):
        image, label = part[number]
        assert min(image.size) > 0
        answer[part.items.iloc[number]["name"]] = loaders.vocab[int(label)]
""",
    ("imagefolder", "torchvision"): FOLDERS
    + """
assert train.classes == valid.classes == list(names)
for part in (train, valid):
    for number, (file, label) in enumerate(part.samples):
        assert part[number][0].shape == (3, 224, 224)
        path, name = found(file, part.classes[label])
        answer[path] = name
""",
    ("imagefolder", "fastai"): FOLDERS
    + """
for part in (loaders.train_ds, loaders.valid_ds):
    for number in range(len(part)):
        image, label = part[number]
        path, name = found(part.items[number], loaders.vocab[int(label)])
        answer[path] = name
""",
    ("imagefolder", "datasets"): FOLDERS
    + """
from datasets import Image
for part in parts.values():
    for row in part:
        assert min(row["image"].size) > 0
    for row in part.cast_column("image", Image(decode=False)):
        path, name = found(row["image"]["path"], part.features["label"].int2str(row["label"]))
        answer[path] = name
""",
    ("huggingface", "datasets"): """
answer = {}
for part in parts.values():
    for row in part:
        assert min(row["image"].size) > 0
        answer[row["path"]] = part.features["label"].int2str(row["label"])
""",
    ("label-studio", "label-studio-sdk"): """
answer = {}
for task in tasks:
    assert interface.validate_prediction(task["predictions"][0])
    assert 0 <= task["predictions"][0]["score"] <= 1
    annotation = task["annotations"][0]
    assert interface.validate_annotation(annotation), annotation
    answer[task["data"]["path"]] = annotation["result"][0]["value"]["choices"][0]
""",
    ("fiftyone", "fiftyone"): """
import json, os
answer = {}
for name, part in (("train", train), ("valid", valid)):
    with open(f"labels/{name}/labels.json", encoding="utf-8") as file:
        said = json.load(file)["labels"]
    part.setup()
    assert len(part) == len(said)
    for file, _, label in part:
        key = os.path.splitext(os.path.relpath(file, os.path.realpath(f"labels/{name}/data")))[0]
        answer[said[key.replace(os.sep, "/")]["path"]] = label.label
""",
    ("cleanlab", "cleanlab"): """
import csv
assert len(issues) == len(labels)
with open("labels/classes.txt", encoding="utf-8") as file:
    classes = file.read().splitlines()
with open("labels/ids.csv", encoding="utf-8", newline="") as file:
    answer = {row["path"]: classes[label] for row, label in zip(csv.DictReader(file), labels)}
""",
    ("croissant", "mlcroissant"): """
answer = {row["samples/path"].decode(): row["samples/label"].decode() for row in rows}
""",
}
