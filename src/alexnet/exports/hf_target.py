"""The target `hf`: a folder as model hubs expect it: weights in safetensors, a config, a model page written from the run's own scores."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from alexnet.exports.check import Check, check, exact_probabilities
from alexnet.exports.request import CHECKED, Job
from alexnet.inference.classifier import load
from alexnet.inference.exported import ExportRecord, input_sentence
from alexnet.storage.files import write_atomically, writing

MOST_NAMED = 100  # classes


def write_hf(job: Job, path: Path) -> Check:
    """Write the folder, which `alexnet.load` reads too: that is how it is checked."""
    with writing(path):
        path.mkdir()
    record = job.record()
    job.classifier.save(path)  # model.safetensors and model.json
    write_atomically(path / "config.json", json.dumps(config(record), indent=1, ensure_ascii=False))
    write_atomically(path / "README.md", model_page(record))
    again = load(path, device="cpu")

    def reread(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return exact_probabilities(again, torch.from_numpy(images))

    return check(job.classifier, reread, job.images("validation", CHECKED))


def config(record: ExportRecord) -> dict[str, object]:
    """config.json: the hubs' names for classes and image size, and our own record."""
    return {
        "model_type": "alexnet",
        "architectures": [record.model],
        "id2label": {str(number): name for number, name in enumerate(record.classes)},
        "label2id": {name: number for number, name in enumerate(record.classes)},
        "image_size": record.image_size,
        "num_channels": record.channels,
        "alexnet": {key: value for key, value in asdict(record).items() if key != "classes"},
    }


def model_page(record: ExportRecord) -> str:
    """README.md: what the model is, what it was measured at, on which data, and how to use it; nothing that the run does not know."""
    data, seed = record.provenance.get("data", "unknown"), record.provenance.get("seed", "unknown")
    head = ["---", "library_name: alexnet", "pipeline_tag: image-classification", "tags: [image-classification, alexnet]", "---"]
    what = f"{record.model}, trained by alexnet {record.versions.get('alexnet', '')} to tell {len(record.classes):,} classes apart."
    scores = ["| measure | value |", "|---|---|", *(f"| {_cell(name)} | {_cell(_shown(value))} |" for name, value in record.scores.items())]
    classes = ", ".join(_cell(name) for name in record.classes[:MOST_NAMED])
    more = f" and {len(record.classes) - MOST_NAMED:,} more (config.json)" if len(record.classes) > MOST_NAMED else ""
    use = [
        "```python",
        "import alexnet",
        "",
        'print(alexnet.load("THIS FOLDER").predict(["photo.jpg"]))',
        "```",
    ]
    parts = [
        *head,
        "",
        f"# {record.model}",
        "",
        what,
        "",
        "## Scores",
        "",
        *scores,
        "",
        "## Data",
        "",
        f"Data set: {_cell(str(data))}, seed {seed}. The model has not been measured on other data.",
        "",
        "## Input",
        "",
        input_sentence(record),
        "",
        "## Classes",
        "",
        classes + more,
        "",
        "## Use",
        "",
        *use,
        "",
    ]
    return "\n".join(parts)


def _cell(text: str) -> str:
    """Text that stays in its cell: names of classes and data come from folders."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return " to ".join(map(_shown, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
