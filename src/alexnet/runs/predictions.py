"""predictions.csv: a model's prediction for every test image. Earlier versions called the file answers.csv."""

import csv
from pathlib import Path

from alexnet.data.dataset import Dataset
from alexnet.errors import BadRun
from alexnet.evaluation.evaluate import Evaluation
from alexnet.storage.spreadsheets import csv_text, rows_of

FORMER_NAME = "answers.csv"


def predictions_csv(dataset: Dataset, evaluation: Evaluation) -> str:
    """The text of predictions.csv: the predicted class and its probability for every evaluated image."""
    rows = [("file", "class", "predicted", "probability")]
    best, confidence = evaluation.probabilities.argmax(1), evaluation.probabilities.max(1)
    for index, label, predicted, probability in zip(evaluation.indices, evaluation.labels, best, confidence, strict=True):
        name = dataset.items[index].name
        rows.append((name, evaluation.classes[label], evaluation.classes[predicted], f"{probability:.6f}"))
    return csv_text(rows)


def read_predictions(path: Path) -> dict[str, bool]:
    """The images of a `predictions.csv` in its order, and whether each was misclassified; raises BadRun if it is missing or damaged."""
    path = path if path.exists() or not path.with_name(FORMER_NAME).exists() else path.with_name(FORMER_NAME)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            wrong = {row["file"]: row["class"] != row["predicted"] for row in rows_of(file)}
    except (OSError, UnicodeDecodeError, KeyError, csv.Error) as error:
        reason = f"it lacks the column {error}" if isinstance(error, KeyError) else str(error)
        raise BadRun(f"{path} is missing or damaged ({reason}). Delete {path.parent} and rerun the same command.") from None
    if not wrong:
        raise BadRun(f"{path} is empty. Delete {path.parent} and rerun the same command.")
    return wrong
