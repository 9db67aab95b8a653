"""`alexnet convert`."""

from typing import Annotated

from cyclopts import Parameter

from alexnet.cli.output import show_lines


def convert(
    file: str,
    /,
    *,
    from_form: Annotated[str, Parameter(name="--from")],
    to_form: Annotated[str, Parameter(name="--to")],
    out: str,
) -> None:
    """Convert trained weights to another format of the same network.

    Formats of alexnet: alexnet, two-towers, dense, caffe, program-2012. Formats of alexnet-owt: alexnet-owt, torchvision.

    Parameters
    ----------
    file
        A weights file, or the run folder of such a network.
    from_form
        The format of the file.
    to_form
        The format to write.
    out
        The file to write: .safetensors or .pth, or .npz for caffe and program-2012.
    """
    from alexnet.models.weights.convert import convert_file

    done = convert_file(file, from_form=from_form, to_form=to_form, out=out)
    show_lines(done.lines)
