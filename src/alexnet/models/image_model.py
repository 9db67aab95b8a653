"""The interface of all models: images in, scores out. Everything downstream depends only on this."""

from torch import Tensor, nn

from alexnet.errors import BadModel


class ImageModel(nn.Module):
    """A model that maps uint8 RGB images of its own size to one float32 score per class."""

    image_size: int  # pixels per side
    classes: int

    def forward(self, images: Tensor) -> Tensor:
        """images: uint8 (N, 3, image_size, image_size) -> float32 (N, classes)."""
        raise NotImplementedError

    def learned(self) -> dict[str, Tensor]:
        """The learned tensors by name, which are saved with the model."""
        raise NotImplementedError

    def hidden(self, images: Tensor) -> Tensor:
        """The last hidden layer, whatever computes it, of uint8 (N, 3, image_size, image_size): float (N, units)."""
        raise BadModel("This model has no hidden layer that can be read.")

    def scores_of(self, hidden: Tensor) -> Tensor:
        """The scores (N, classes) that follow from the last hidden layer; of hidden(images) they are the model's scores."""
        raise BadModel("This model has no hidden layer that can be read.")

    def dense_scores(self, images: Tensor) -> Tensor:
        """Images of at least image_size: uint8 (N, 3, H, W) -> float32 (N, classes, h, w), one score per class and position."""
        raise BadModel(f"This model takes {self.image_size}x{self.image_size} pictures only; use --views centre or ten.")
