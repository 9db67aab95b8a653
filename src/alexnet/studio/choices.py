"""What can be chosen for a training or a study, in words. The lists are those of the registries."""

from typing import Any

from alexnet.data.named.registry import NAMED
from alexnet.i18n.translate import Lang, say, table
from alexnet.models.handcrafted.systems import SYSTEMS
from alexnet.models.registry import ARCHITECTURES
from alexnet.recipes.named import RECIPES
from alexnet.studies.registry import STUDIES
from alexnet.studio.datasets import DataSets


def choices(data_sets: DataSets, lang: Lang) -> dict[str, Any]:
    """Names for data sets, models and recipes, and the lecture's questions."""
    ours = data_sets.names()
    return {
        "data": [{"name": name, "n": data_sets.find(name).size()} for name in ours],
        "named": [name for name in NAMED if name not in ours],
        "networks": list(ARCHITECTURES),
        "systems": list(SYSTEMS),
        "recipes": list(RECIPES),
        "claims": [
            {"name": name, "question": say(f"claims.{name}-question", lang)} for name in STUDIES if f"claims.{name}-question" in table()
        ],
    }
