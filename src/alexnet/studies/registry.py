"""The list of studies. To add a claim, add a module in `claims` and a row here."""

from collections.abc import Sequence

from alexnet.errors import BadRecipe, did_you_mean
from alexnet.studies.claim import Study
from alexnet.studies.claims.activation import ACTIVATION
from alexnet.studies.claims.activation_cost import ACTIVATION_COST
from alexnet.studies.claims.activation_gradients import ACTIVATION_GRADIENTS
from alexnet.studies.claims.augmentation import AUGMENTATION
from alexnet.studies.claims.batch_norm import BATCH_NORM
from alexnet.studies.claims.colour import COLOUR
from alexnet.studies.claims.data import DATA
from alexnet.studies.claims.depth import DEPTH
from alexnet.studies.claims.descent import DESCENT
from alexnet.studies.claims.dropout import DROPOUT
from alexnet.studies.claims.first_layer import FIRST_LAYER
from alexnet.studies.claims.fully_connected import FULLY_CONNECTED
from alexnet.studies.claims.gradients import GRADIENTS
from alexnet.studies.claims.initialisation import INITIALISATION
from alexnet.studies.claims.input_size import INPUT_SIZE
from alexnet.studies.claims.lenet import LENET_STEPS
from alexnet.studies.claims.normalization import NORMALIZATION
from alexnet.studies.claims.overlap import OVERLAP
from alexnet.studies.claims.perceptron import PERCEPTRON
from alexnet.studies.claims.pool_position import POOL_POSITION
from alexnet.studies.claims.pooling import POOLING
from alexnet.studies.claims.probes import PROBES
from alexnet.studies.claims.random_labels import RANDOM_LABELS
from alexnet.studies.claims.shifts import SHIFTS
from alexnet.studies.claims.towers import TOWERS
from alexnet.studies.claims.transfer import TRANSFER
from alexnet.studies.claims.weight_decay import WEIGHT_DECAY
from alexnet.studies.claims.width import WIDTH

STUDIES: dict[str, Study] = {
    study.claim: study
    for study in (
        ACTIVATION,
        ACTIVATION_COST,
        ACTIVATION_GRADIENTS,
        POOLING,
        GRADIENTS,
        OVERLAP,
        SHIFTS,
        POOL_POSITION,
        DROPOUT,
        NORMALIZATION,
        BATCH_NORM,
        FULLY_CONNECTED,
        DEPTH,
        WIDTH,
        FIRST_LAYER,
        TOWERS,
        AUGMENTATION,
        COLOUR,
        RANDOM_LABELS,
        WEIGHT_DECAY,
        INITIALISATION,
        DESCENT,
        LENET_STEPS,
        INPUT_SIZE,
        PERCEPTRON,
        PROBES,
        DATA,
        TRANSFER,
    )
}


def find_studies(claims: str | Sequence[str] | None) -> tuple[Study, ...]:
    """The studies with those names (a list, or separated by commas), each once and in the order of STUDIES; all of them for None.

    Raises BadRecipe, with the nearest name, for an unknown claim.
    """
    if claims is None:
        return tuple(STUDIES.values())
    names = [name.strip() for name in (claims.split(",") if isinstance(claims, str) else claims) if name.strip()]
    for name in names:
        if name not in STUDIES:
            raise BadRecipe(f"No study is called '{name}'. {did_you_mean(name, STUDIES)}")
    if not names:
        raise BadRecipe("--claims is empty; list claims separated by commas, such as activation,dropout.")
    return tuple(study for name, study in STUDIES.items() if name in names)
