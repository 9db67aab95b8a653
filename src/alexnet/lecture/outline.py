"""The lecture in its order: sections, and what of each can be tested, counted or drawn. To add a section, add a row to SECTIONS.

The texts are `messages/lecture.toml`: `section-NAME`, `short-NAME` and `text-NAME`. Independent of studies and of pages: claims and
drawings are names, and a claim that a version cannot study is not shown.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class LectureSection:
    """A section of the lecture.

    claims: names of studies, whose results belong here. slides: names of checked slides (lecture.slides). drawings: names of drawings,
    drawn when the page is made. commands: lines to run it yourself, besides those of the claims. sources: keys of SOURCES.
    """

    name: str
    claims: tuple[str, ...] = ()
    slides: tuple[str, ...] = ()
    drawings: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


SECTIONS: tuple[LectureSection, ...] = (
    LectureSection(
        name="kernels",
        drawings=("kernel-matrix",),
        commands=("alexnet train photos --model raw-svm",),
        sources=("cortes-1995", "scholkopf-2002"),
    ),
    LectureSection(
        name="features",
        drawings=("systems",),
        commands=("alexnet compare photos --models raw-svm,hog-svm,sift-bow-svm,fisher-svm --budget 30m",),
        sources=("lowe-2004", "dalal-2005", "bay-2006", "perronnin-2010"),
    ),
    LectureSection(
        name="hardware",
        claims=("initialisation", "momentum", "batch-norm"),
        drawings=("decades", "memory"),
        commands=(
            "alexnet summary alexnet",
            "torchrun --nproc-per-node 2 -m alexnet train photos --model alexnet --layout towers --out runs/towers",
        ),
        sources=("krizhevsky-2012", "d2l"),
    ),
    LectureSection(
        name="data",
        claims=("data",),
        drawings=("data-sets",),
        commands=("alexnet compare photos --fractions 0.1,0.3,1 --budget 30m",),
        sources=("deng-2009", "russakovsky-2015", "lecun-1998"),
    ),
    LectureSection(
        name="idea",
        claims=("convolution", "probes", "lenet", "transfer"),
        drawings=("winners",),
        commands=("alexnet compare photos --models fisher-svm,alexnet,alexnet+svm --budget 30m",),
        sources=("krizhevsky-2012", "russakovsky-2015"),
    ),
    LectureSection(
        name="layers",
        claims=("first-layer", "width"),
        slides=("kernels", "strides"),
        drawings=("shapes",),
        commands=("alexnet summary lenet alexnet", "alexnet summary --variants"),
        sources=("krizhevsky-2012", "lecun-1998"),
    ),
    LectureSection(
        name="pooling",
        claims=("pooling", "pooling-gradients", "overlap", "shifts", "pool-position"),
        slides=("shifts",),
        drawings=("pooling-windows",),
        sources=("zhang-2019",),
    ),
    LectureSection(
        name="convolutions",
        claims=("depth",),
        drawings=("receptive-fields",),
        sources=("zeiler-2013",),
    ),
    LectureSection(
        name="fully-connected",
        claims=("fully-connected", "towers"),
        slides=("memory",),
        drawings=("shares",),
        sources=("zeiler-2013", "krizhevsky-2014"),
    ),
    LectureSection(
        name="activation",
        claims=("activation", "activation-cost", "activation-gradients"),
        slides=("gradient",),
        drawings=("slopes",),
        sources=("krizhevsky-2012", "glorot-2010"),
    ),
    LectureSection(
        name="dropout",
        claims=("dropout", "weight-decay"),
        drawings=("dropout-units",),
        sources=("srivastava-2014",),
    ),
    LectureSection(
        name="augmentation",
        claims=("augmentation", "colour", "random-labels"),
        drawings=("crops",),
        sources=("krizhevsky-2012", "zhang-2017"),
    ),
    LectureSection(
        name="complexity",
        slides=("parameters", "audience", "computation", "flop"),
        drawings=("parameters-by-layer", "macs-by-layer"),
        commands=("alexnet summary --lecture",),
    ),
    LectureSection(name="summary", commands=("alexnet study photos --budget 1h --out runs/study", "alexnet lecture runs/study")),
)

SOURCES: dict[str, str] = {
    "bay-2006": "Bay, Tuytelaars, Van Gool: SURF, ECCV 2006",
    "beyer-2020": "Beyer et al.: Are we done with ImageNet?, arXiv 2006.07159",
    "chm-program": "the authors' source of 2012 as the Computer History Museum released it",
    "cheng-2016": "Cheng et al.: Wide & deep learning for recommender systems, 2016",
    "cortes-1995": "Cortes, Vapnik: Support-vector networks, Machine Learning 20, 1995",
    "dalal-2005": "Dalal, Triggs: Histograms of oriented gradients, CVPR 2005",
    "deng-2009": "Deng et al.: ImageNet, CVPR 2009",
    "devlin-2019": "Devlin et al.: BERT, arXiv 1810.04805",
    "dosovitskiy-2021": "Dosovitskiy et al.: An image is worth 16x16 words, arXiv 2010.11929",
    "d2l": "Zhang, Lipton, Li, Smola: Dive into Deep Learning",
    "glorot-2010": "Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010",
    "guo-2017": "Guo et al.: DeepFM, arXiv 1703.04247",
    "he-2016": "He, Zhang, Ren, Sun: Deep residual learning, CVPR 2016",
    "ioffe-2015": "Ioffe, Szegedy: Batch normalization, arXiv 1502.03167",
    "kim-2014": "Kim: Convolutional neural networks for sentence classification, arXiv 1408.5882",
    "krizhevsky-2012": "Krizhevsky, Sutskever, Hinton: ImageNet classification with deep convolutional neural networks, 2012",
    "krizhevsky-2014": "Krizhevsky: One weird trick for parallelizing convolutional neural networks, arXiv 1404.5997",
    "lecun-1998": "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, 1998",
    "li-2018": "Li, Chen, Hu, Yang: Understanding the disharmony between dropout and batch normalization, arXiv 1801.05134",
    "lowe-2004": "Lowe: Distinctive image features from scale-invariant keypoints, IJCV 2004",
    "mishkin-2017": "Mishkin, Sergievskiy, Matas: Systematic evaluation of CNN advances on the ImageNet, CVIU 2017",
    "northcutt-2021": "Northcutt, Athalye, Mueller: Pervasive label errors in test sets, arXiv 2103.14749",
    "perronnin-2010": "Perronnin, Sanchez, Mensink: Improving the Fisher kernel for large-scale image classification, ECCV 2010",
    "radford-2021": "Radford et al.: CLIP, arXiv 2103.00020",
    "recht-2019": "Recht, Roelofs, Schmidt, Shankar: Do ImageNet classifiers generalize to ImageNet?, arXiv 1902.10811",
    "russakovsky-2015": "Russakovsky et al.: ImageNet large scale visual recognition challenge, IJCV 2015",
    "scholkopf-2002": "Schölkopf, Smola: Learning with kernels, 2002",
    "simonyan-2015": "Simonyan, Zisserman: Very deep convolutional networks, arXiv 1409.1556",
    "srivastava-2014": "Srivastava et al.: Dropout, JMLR 15, 2014",
    "tolstikhin-2021": "Tolstikhin et al.: MLP-Mixer, arXiv 2105.01601",
    "vaswani-2017": "Vaswani et al.: Attention is all you need, arXiv 1706.03762",
    "zeiler-2013": "Zeiler, Fergus: Visualizing and understanding convolutional networks, arXiv 1311.2901",
    "zhang-2017": "Zhang, Bengio, Hardt, Recht, Vinyals: Understanding deep learning requires rethinking generalization, arXiv 1611.03530",
    "zhang-2019": "Zhang: Making convolutional networks shift-invariant again, arXiv 1904.11486",
}
