"""How long a network is worth training: on few images, more passes than this improve nothing."""

from alexnet.recipes.resolve import recipe_of
from alexnet.recipes.scale_budget import estimated_seconds_per_image
from alexnet.search.state import SearchState

MOST_EPOCHS = 60
MOST_EPOCHS_TUNED = 20  # from trained weights
AROUND_SECONDS = 6.0  # reading, and each epoch's validation
AROUND_SHARE = 0.15


def enough_seconds(state: SearchState, model: str) -> float:
    """The time for MOST_EPOCHS passes over the training images at the network's own size, measured on a few steps."""
    recipe, _ = recipe_of(state.request.of(model), state.dataset)
    per_image = estimated_seconds_per_image(recipe, state.images, len(state.dataset.classes), state.device)
    epochs = MOST_EPOCHS_TUNED if recipe.weights else MOST_EPOCHS
    return AROUND_SECONDS + (1 + AROUND_SHARE) * epochs * state.images * per_image
