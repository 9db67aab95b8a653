"""The audience's 19 questions, and what answers each. To add a question, add a row to QUESTIONS.

The texts are `messages/lecture.toml`: `question-NUMBER` and `answer-NUMBER`. Independent of studies and of pages.
"""

from dataclasses import dataclass
from typing import Literal

AnsweredBy = Literal["study", "count", "measurement", "sources"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question of the audience.

    asked: minutes and seconds in the recording of the answers. by: what answers it: a study of this project, a count from the networks, a
    measurement of ours that is no study, or published sources alone, because no experiment of this program can. claims: names of studies,
    the most important first. slides, drawings, commands, sources: as in a LectureSection.
    """

    number: int
    asked: str
    by: AnsweredBy
    claims: tuple[str, ...] = ()
    slides: tuple[str, ...] = ()
    drawings: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """The id of its section."""
        return f"question-{self.number}"


QUESTIONS: tuple[Question, ...] = (
    Question(
        number=1,
        asked="0:03",
        by="sources",
        drawings=("data-sets",),
        commands=("alexnet inspect photos", "alexnet pack imagenet:/data/imagenet imagenet.zip"),
        sources=("deng-2009", "russakovsky-2015", "recht-2019", "northcutt-2021", "beyer-2020"),
    ),
    Question(
        number=2,
        asked="0:52",
        by="study",
        claims=("data", "initialisation", "activation"),
        drawings=("kernel-matrix",),
        commands=("alexnet compare photos --models raw-svm,hog-svm,lenet --fractions 0.1,0.3,1 --budget 30m",),
        sources=("cortes-1995", "lecun-1998"),
    ),
    Question(
        number=3,
        asked="1:12",
        by="sources",
        drawings=("reach",),
        sources=("kim-2014", "vaswani-2017", "devlin-2019", "guo-2017", "dosovitskiy-2021"),
    ),
    Question(
        number=4,
        asked="1:33",
        by="measurement",
        claims=("probes",),
        drawings=("known-causes",),
        commands=("alexnet explain runs/photos new/1.jpg",),
        sources=("zeiler-2013",),
    ),
    Question(number=5, asked="2:44", by="study", claims=("pool-position",)),
    Question(
        number=6,
        asked="3:28",
        by="count",
        drawings=("program-runs",),
        commands=("alexnet summary --variants",),
        sources=("chm-program", "krizhevsky-2014"),
    ),
    Question(number=7, asked="4:32", by="study", claims=("convolution",), sources=("tolstikhin-2021", "dosovitskiy-2021")),
    Question(
        number=8,
        asked="5:03",
        by="study",
        claims=("normalization",),
        drawings=("response-norm",),
        sources=("krizhevsky-2012", "mishkin-2017"),
    ),
    Question(number=9, asked="6:20", by="study", claims=("fully-connected",), sources=("zeiler-2013",)),
    Question(
        number=10,
        asked="6:57",
        by="sources",
        drawings=("neighbours",),
        sources=("cheng-2016", "guo-2017"),
    ),
    Question(
        number=11,
        asked="7:36",
        by="study",
        claims=("colour", "augmentation"),
        drawings=("colour-controls",),
        commands=("alexnet study hues --claims colour", "alexnet study shapes --claims colour"),
    ),
    Question(
        number=12,
        asked="8:21",
        by="count",
        slides=("parameters", "audience"),
        drawings=("parameters-by-layer",),
        commands=("alexnet summary --lecture",),
    ),
    Question(
        number=13,
        asked="9:00",
        by="study",
        claims=("lenet", "activation-gradients"),
        drawings=("layer-counts",),
        commands=("alexnet summary lenet alexnet",),
        sources=("lecun-1998", "simonyan-2015", "he-2016"),
    ),
    Question(
        number=14,
        asked="11:34",
        by="study",
        claims=("batch-norm", "pool-position", "normalization", "dropout"),
        sources=("ioffe-2015", "li-2018", "mishkin-2017"),
    ),
    Question(number=15, asked="11:57", by="study", claims=("dropout",), drawings=("dropout-units",), sources=("srivastava-2014",)),
    Question(
        number=16,
        asked="12:10",
        by="sources",
        drawings=("winners",),
        sources=("russakovsky-2015", "radford-2021", "dosovitskiy-2021"),
    ),
    Question(
        number=17,
        asked="14:02",
        by="study",
        claims=("input-size",),
        commands=("alexnet evaluate runs/photos --views any",),
    ),
    Question(
        number=18,
        asked="15:15",
        by="study",
        claims=("fully-connected",),
        drawings=("shares",),
        commands=("alexnet summary alexnet",),
        sources=("zeiler-2013",),
    ),
    Question(
        number=19,
        asked="15:27",
        by="study",
        claims=("depth",),
        drawings=("receptive-fields",),
        sources=("zeiler-2013", "simonyan-2015"),
    ),
)
