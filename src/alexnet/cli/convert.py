"""`alexnet convert`."""

from typing import Annotated

from cyclopts import Parameter


def convert(
    file: str,
    /,
    *,
    from_form: Annotated[str, Parameter(name="--from")],
    to_form: Annotated[str, Parameter(name="--to")],
    out: str,
) -> None:
    """Write trained weights in another form of the same function.

    Forms of alexnet: alexnet, two-towers, dense, caffe, program-2012. Forms of alexnet-owt: alexnet-owt, torchvision.

    Parameters
    ----------
    file
        A file of weights, or the run folder of such a network.
    from_form
        The form that it has.
    to_form
        The form to write.
    out
        The file to write; its suffix says what kind: .safetensors or .pth, and .npz for caffe and program-2012.
    """
    from alexnet.models.weights.convert import convert_file

    done = convert_file(file, from_form=from_form, to_form=to_form, out=out)
    print(*done.lines, sep="\n")
