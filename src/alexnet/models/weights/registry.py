"""The list of forms. To add one, write a module and a row here."""

from alexnet.errors import BadModel, did_you_mean
from alexnet.models.registry import ARCHITECTURES
from alexnet.models.weights.caffe import CAFFE
from alexnet.models.weights.cuda_convnet import PROGRAM_2012
from alexnet.models.weights.dense import DENSE
from alexnet.models.weights.form import Form
from alexnet.models.weights.grouped import PUBLISHED
from alexnet.models.weights.torchvision import OWT, TORCHVISION
from alexnet.models.weights.two_towers import TWO_TOWERS

FORMS: dict[str, Form] = {form.name: form for form in (PUBLISHED, TWO_TOWERS, DENSE, CAFFE, PROGRAM_2012, OWT, TORCHVISION)}

FUNCTIONS = {
    "alexnet": "two towers, response normalisation, 96 maps first",
    "alexnet-owt": "one tower, no normalisation, 64 maps first and average pooling before fc6",
    "alexnet-d2l": "one tower, no normalisation, 54 positions where alexnet has 55, and a smaller fc6",
    "alexnet-one-tower": "no groups, and normalisation across all maps; the weights of alexnet fit it in the form 'dense'",
}


def find_forms(source: str, target: str) -> tuple[Form, Form]:
    """Both forms by name; raises BadModel for an unknown name, and for two forms of different functions, with the reason."""
    pair = f"'{source}' cannot be converted to '{target}'"
    for name in (source, target):
        if str(name) not in FORMS and str(name) not in ARCHITECTURES:
            raise BadModel(f"No form is called '{name}'. {did_you_mean(name, FORMS)}")
    for name in (source, target):
        if name not in FORMS:
            difference = f": {FUNCTIONS[name]}" if name in FUNCTIONS else ""
            raise BadModel(f"{pair}: {name} is a different function{difference}. Forms: {', '.join(FORMS)}.")
    one, other = FORMS[source], FORMS[target]
    if one.function != other.function:
        functions = "; ".join(f"{form.function} has {FUNCTIONS[form.function]}" for form in (one, other))
        same = ", ".join(form.name for form in FORMS.values() if form.function == one.function)
        raise BadModel(f"{pair}: they are not the same function ({functions}). Forms of the same function as '{source}': {same}.")
    return one, other


def form_with_names(names: set[str]) -> str:
    """A sentence that suggests the forms with these tensor names; empty if there is none."""
    found = [form.name for form in FORMS.values() if set(form.names) == names]
    return f" The tensor names are those of {' or '.join(f'--from {name}' for name in found)}." if found else ""
