"""The parts of an explanation, in the page's order. To add one: a file here, a row in PARTS, a template, and its title in the messages."""

from alexnet.explanations.part import Part
from alexnet.explanations.parts import cells, concepts, filters, images, layers, mistakes, neighbours, unlike

PARTS = (
    Part("images", images.make),
    Part("cells", cells.make),
    Part("mistakes", mistakes.make),
    Part("neighbours", neighbours.make),
    Part("unlike", unlike.make),
    Part("filters", filters.make),
    Part("layers", layers.make),
    Part("concepts", concepts.make),
)
