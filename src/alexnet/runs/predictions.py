"""predictions.csv: what a model said of every image that it was tested on. Earlier versions called the file answers.csv."""

import csv
import io
from pathlib import Path

from alexnet.data.dataset import Dataset
from alexnet.errors import BadRun
from alexnet.evaluation.evaluate import Evaluation

FORMER_NAME = "answers.csv"


def predictions_csv(dataset: Dataset, evaluation: Evaluation) -> str:
    """predictions.csv: what the model said of every image that it was tested on."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(("file", "class", "predicted", "probability"))
    best, sure = evaluation.probabilities.argmax(1), evaluation.probabilities.max(1)
    for index, label, predicted, probability in zip(evaluation.indices, evaluation.labels, best, sure, strict=True):
        name = dataset.items[index].name
        writer.writerow((name, evaluation.classes[label], evaluation.classes[predicted], f"{probability:.6f}"))
    return out.getvalue()


def read_predictions(path: Path) -> dict[str, bool]:
    """The images of an `predictions.csv` in its order, and whether each was named wrongly; raises BadRun when it is missing or damaged."""
    path = path if path.exists() or not path.with_name(FORMER_NAME).exists() else path.with_name(FORMER_NAME)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            wrong = {row["file"]: row["class"] != row["predicted"] for row in csv.DictReader(file, strict=True)}
    except (OSError, UnicodeDecodeError, KeyError, csv.Error) as error:
        reason = f"it lacks the column {error}" if isinstance(error, KeyError) else str(error)
        raise BadRun(f"{path} is missing or damaged ({reason}); delete {path.parent} and start the same command again.") from None
    if not wrong:
        raise BadRun(f"{path} is empty; delete {path.parent} and start the same command again.")
    return wrong
