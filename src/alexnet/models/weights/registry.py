"""The list of forms: adding one is a module and a row here."""

from alexnet.errors import BadModel, did_you_mean
from alexnet.models.registry import ARCHITECTURES
from alexnet.models.weights.base import Form
from alexnet.models.weights.caffe import CAFFE
from alexnet.models.weights.cuda_convnet import PROGRAM_2012
from alexnet.models.weights.dense import DENSE
from alexnet.models.weights.grouped import PUBLISHED
from alexnet.models.weights.torchvision import OWT, TORCHVISION
from alexnet.models.weights.two_towers import TWO_TOWERS

FORMS: dict[str, Form] = {form.name: form for form in (PUBLISHED, TWO_TOWERS, DENSE, CAFFE, PROGRAM_2012, OWT, TORCHVISION)}

FUNCTIONS = {
    "alexnet": "two towers, response normalisation, 96 maps first",
    "alexnet-owt": "one tower, no normalisation, 64 maps first and average pooling before fc6",
    "alexnet-d2l": "one tower, no normalisation, 54 positions where alexnet has 55, and a smaller fc6",
    "alexnet-one-tower": "no groups, and a normalisation across all maps; the alexnet that fits into it is the form 'dense'",
}


def find_forms(source: str, target: str) -> tuple[Form, Form]:
    """Both forms by name; raises BadModel for an unknown name, and with the reason for two that are not the same function."""
    pair = f"'{source}' cannot be converted to '{target}'"
    for name in (source, target):
        if str(name) not in FORMS and str(name) not in ARCHITECTURES:
            raise BadModel(f"No form is called '{name}'. {did_you_mean(name, FORMS)}")
    for name in (source, target):
        if name not in FORMS:
            difference = f": {FUNCTIONS[name]}" if name in FUNCTIONS else ""
            raise BadModel(f"{pair}: {name} is a function of its own{difference}. Forms: {', '.join(FORMS)}.")
    one, other = FORMS[source], FORMS[target]
    if one.function != other.function:
        functions = "; ".join(f"{form.function} has {FUNCTIONS[form.function]}" for form in (one, other))
        same = ", ".join(form.name for form in FORMS.values() if form.function == one.function)
        raise BadModel(f"{pair}: they are not the same function ({functions}). Forms of the same function as '{source}': {same}.")
    return one, other


def form_with_names(names: set[str]) -> str:
    """The sentence that says which form has these tensors, if one has."""
    found = [form.name for form in FORMS.values() if set(form.names) == names]
    return f" These are the names of {' or '.join(repr(name) for name in found)}: give it to --from." if found else ""
