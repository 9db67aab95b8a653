"""Option types that several verbs share, as cyclopts reads them."""

from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

Flag = Annotated[bool, Parameter(negative="")]
Json = Annotated[bool, Parameter(name="--json", negative="")]
Fields = Annotated[tuple[str, ...], Parameter(name="--set", show=False, negative="", consume_multiple=False)]
Workers = Annotated[int | None, Parameter(validator=Number(gte=0))]
ImageArgument = Annotated[str, Parameter(allow_leading_hyphen=True)]  # "-" is standard input
FolderLayout = Literal["splits", "classes"]
View = Literal["centre", "ten", "shifted", "any"]
Balance = Literal["none", "loss", "sampling"]
Lang = Literal["en", "zh"]
Where = Literal["local", "ray"]
