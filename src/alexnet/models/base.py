"""The one seam: a model takes images and gives scores. Everything downstream knows only this."""

from torch import Tensor, nn

from alexnet.errors import BadModel


class ImageModel(nn.Module):
    """uint8 RGB images of the model's own size in, one float32 score per class out."""

    image_size: int  # pixels a side
    classes: int

    def forward(self, images: Tensor) -> Tensor:
        """images: uint8 (N, 3, image_size, image_size) -> float32 (N, classes)."""
        raise NotImplementedError

    def learned(self) -> dict[str, Tensor]:
        """What was learned, by name: the tensors that are saved with the model."""
        raise NotImplementedError

    def dense_scores(self, images: Tensor) -> Tensor:
        """images of any size from image_size up: uint8 (N, 3, H, W) -> float32 (N, classes, h, w), one score a position."""
        raise BadModel(f"This model takes {self.image_size}x{self.image_size} pictures only; use --views centre or ten.")
