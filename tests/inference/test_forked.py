"""A model loaded in a parent answers in a forked child: the parent's threads do not exist there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from alexnet.errors import AlexNetError
from alexnet.inference.classifier import load

PREDICTS_IN_A_CHILD = """
import os, sys
import torch
import alexnet
torch.set_num_threads(2)
classifier, images = alexnet.load(sys.argv[1]), sys.argv[2:]
torch.randn(512, 512) @ torch.randn(512, 512)
here = [answer.top for answer in classifier.predict(images)]
child = os.fork()
if child == 0:
    there = [answer.top for answer in classifier.predict(images)]
    torch.randn(512, 512) @ torch.randn(512, 512)
    again = alexnet.load(sys.argv[1]).predict(images)
    os._exit(0 if [[name for name, _ in top] for top in there] == [[name for name, _ in top] for top in here] else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
def test_predict_after_a_fork(digits_run: Path, digits_folder: Path) -> None:
    images = [str(path) for path in sorted(digits_folder.rglob("*.png"))[:4]]
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", PREDICTS_IN_A_CHILD, str(digits_run), *images],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=True,
    )
    assert done.stdout.split() == ["0"]


def test_a_gpus_model_is_refused_in_a_fork(digits_run: Path) -> None:
    classifier = load(digits_run, device="cpu")
    classifier.process, classifier.device = -1, torch.device("cuda")
    with pytest.raises(AlexNetError, match=r'only that one can use\. Load the model in this process.*get_context\("spawn"\)'):
        classifier.scores(torch.zeros(1, 3, 40, 40, dtype=torch.uint8))
    with pytest.raises(AlexNetError, match="forked"):
        classifier.predict([torch.zeros(3, 8, 8, dtype=torch.uint8)])
