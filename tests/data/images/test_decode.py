"""Decoding: made images of every kind, and the collection of messy files, in a process of its own with a limit on memory."""

import csv
import io
import json
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFile
from torch import Tensor

from alexnet.data.images.decode import decode, decode_fitted, read_header
from alexnet.data.images.headers import Header, exif_orientation, plain_header
from alexnet.data.images.pillow import MAX_PIXELS, reads_heic
from alexnet.data.images.resize import fit_short_side, fit_square
from alexnet.data.preprocess import Fit
from alexnet.errors import UnreadableImage

RED, WHITE = (200, 30, 40), (255, 255, 255)


def photo(width: int = 96, height: int = 64, seed: int = 0) -> Image.Image:
    """A smooth random image, which JPEG keeps well."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(source: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    source.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(source: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(source.convert("RGB"), dtype=np.uint8)


def difference(image: Tensor, expected: NDArray[np.uint8]) -> float:
    """Mean absolute difference in grey levels."""
    assert tuple(image.shape) == (3, *expected.shape[:2])
    return float((image.permute(1, 2, 0).float() - torch.from_numpy(expected.copy()).float()).abs().mean())


def with_orientation(source: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(source, "JPEG", quality=95, exif=exif)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 30}])
def test_jpeg_agrees_with_pillow(options: dict[str, Any]) -> None:
    content = encoded(photo(), "JPEG", **options)
    image = decode(content, "a.jpg")
    assert image.dtype == torch.uint8
    assert image.is_contiguous()
    assert difference(image, pixels(Image.open(io.BytesIO(content)))) < 0.6


def test_pillow_decodes_when_torchvision_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(photo(), "JPEG")
    monkeypatch.setattr("alexnet.data.images.decode.torchvision_jpeg", lambda: None)
    assert difference(decode(content, "a.jpg"), pixels(Image.open(io.BytesIO(content)))) == 0


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "L"), ("PNG", "L"), ("PNG", "RGB"), ("BMP", "RGB"), ("TIFF", "RGB"), ("GIF", "P")])
def test_plain_kinds(kind: str, mode: str) -> None:
    source = photo().convert(mode)
    assert difference(decode(encoded(source, kind), "a"), pixels(source)) < 2


def test_one_bit_and_webp() -> None:
    source = photo().convert("1")
    assert difference(decode(encoded(source, "PNG"), "a"), pixels(source)) == 0
    assert difference(decode(encoded(photo(), "WEBP", lossless=True), "a"), pixels(photo())) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_agrees_with_pillow(orientation: int) -> None:
    from PIL import ImageOps

    content = with_orientation(photo(), orientation)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    image = decode(content, "a.jpg")
    assert difference(image, pixels(expected)) < 0.6
    header = read_header(content, "a.jpg")
    assert (header.width, header.height, header.orientation) == (*expected.size, orientation)


def test_nonsense_in_exif_costs_only_the_orientation() -> None:
    assert exif_orientation(b"") == exif_orientation(b"II*\0\xff\xff\xff\x7f") == exif_orientation(b"XX") == 1
    content = with_orientation(photo(), 6).replace(b"Exif\0\0MM", b"Exif\0\0XX").replace(b"Exif\0\0II", b"Exif\0\0XX")
    assert decode(content, "a.jpg").shape == (3, 64, 96)


def test_cmyk_is_converted() -> None:
    content = encoded(Image.new("CMYK", (20, 10), (0, 255, 255, 0)), "JPEG", quality=95)
    red, green, blue = decode(content, "a.jpg").float().mean(dim=(1, 2)).tolist()
    assert red > 230
    assert green < 40
    assert blue < 40


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    source = Image.new("RGBA", (10, 10), (*RED, 255))
    source.paste((0, 0, 0, 0), (0, 0, 5, 10))
    image = decode(encoded(source.convert(mode), "PNG"), "a.png")
    assert tuple(image[:, 5, 1].tolist()) == WHITE
    expected = pixels(Image.new("RGB", (1, 1), RED).convert("L") if mode == "LA" else Image.new("RGB", (1, 1), RED))[0, 0]
    assert abs(image[:, 5, 8].int().numpy() - expected.astype(int)).max() <= 30  # a palette rounds


def test_transparent_colour_of_a_png() -> None:
    source = Image.new("RGB", (4, 4), RED)
    image = decode(encoded(source, "PNG", transparency=RED), "a.png")
    assert image.min() == 255


def test_sixteen_bits_are_scaled() -> None:
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)
    for kind in ("PNG", "TIFF"):
        image = decode(encoded(Image.fromarray(ramp), kind), "a")
        assert np.abs(image[0].int().numpy() - ramp.astype(int) // 257).max() <= 1


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 255.0), (-5.0, 1000.0)])
def test_floats_are_scaled_by_what_they_hold(low: float, high: float) -> None:
    ramp = np.linspace(low, high, 256, dtype=np.float32).reshape(16, 16)
    image = decode(encoded(Image.fromarray(ramp), "TIFF"), "a.tif")
    assert (int(image.min()), int(image.max())) == (0, 255)


@pytest.mark.parametrize("level", [-3.0, 300.0])
def test_an_image_of_one_float_beyond_the_range_is_black(level: float) -> None:
    image = decode(encoded(Image.fromarray(np.full((16, 16), level, np.float32)), "TIFF"), "a.tif")
    assert int(image.max()) == 0


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), RED), Image.new("RGB", (8, 8), "blue")]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        image = decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:]), "a")
        assert int(image[0].float().mean()) > 150


def test_heic_is_named_as_such() -> None:
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100
    with pytest.raises(UnreadableImage, match=r"IMG_1\.HEIC is a HEIC photo; convert to JPEG.*pip install '\.\[heic\]'"):
        decode(content, "IMG_1.HEIC")


def test_heic_is_decoded_where_the_extra_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """pi_heif, as far as it is used, is a module that registers a format with Pillow; this one reads 2 x 3 px of red from anything."""

    class Photo(ImageFile.ImageFile):
        format = "HEIF"

        def _open(self) -> None:
            self._size, self._mode, self.tile = (2, 3), "RGB", []

        def load(self) -> Any:
            self.im = Image.new("RGB", self.size, RED).im
            return super(ImageFile.ImageFile, self).load()

    package = ModuleType("pi_heif")
    vars(package)["register_heif_opener"] = lambda: Image.register_open("HEIF", Photo, lambda start: start[4:8] == b"ftyp")
    monkeypatch.setitem(sys.modules, "pi_heif", package)
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    reads_heic.cache_clear()
    try:
        image = decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100, "IMG_1.HEIC")
    finally:
        reads_heic.cache_clear()
    assert image.shape == (3, 3, 2)
    assert image[0].min() == RED[0]


def test_avif_is_not_heic() -> None:
    content = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + b"\0" * 100
    with pytest.raises(UnreadableImage) as caught:
        decode(content, "a.avif")
    assert "HEIC" not in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP"])
def test_truncated_files_are_refused(kind: str) -> None:
    content = encoded(photo(), kind)
    with pytest.raises(UnreadableImage) as caught:
        decode(content[: len(content) * 2 // 3], "photos/cat/1.jpg")
    assert caught.value.name == "photos/cat/1.jpg"
    if kind in ("JPEG", "PNG", "BMP"):
        assert caught.value.reason == "is cut short"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is empty"), (b"<html>not found</html>", "is not a picture in a known format, or its header is damaged")],
)
def test_no_image_at_all(content: bytes, reason: str) -> None:
    for read in (decode, read_header):
        with pytest.raises(UnreadableImage) as caught:
            read(content, "a.jpg")
        assert caught.value.reason == reason


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_the_pixel_limit_is_read_from_the_header(kind: str) -> None:
    content = encoded(photo(), kind)[: 600 if kind == "BMP" else None]  # a BMP without its pixels: nothing but the header is needed
    with pytest.raises(UnreadableImage, match=r"has 6,144 pixels \(96 x 64\); the limit is 6,143"):
        decode(content, "a", max_pixels=6143)


def test_a_decompression_bomb_is_refused() -> None:
    content = encoded(Image.new("1", (1, 1)), "PNG")
    chunk = b"IHDR" + (200_000).to_bytes(4, "big") * 2 + content[24:29]
    bomb = content[:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + content[33:]
    with pytest.raises(UnreadableImage) as caught:
        decode(bomb, "a.png")
    assert caught.value.reason == f"has 40,000,000,000 pixels; the limit is {MAX_PIXELS:,}"


def test_damaged_jpegs_never_crash() -> None:
    content = bytearray(encoded(photo(), "JPEG"))
    rng = np.random.default_rng(1)
    for _ in range(150):
        broken = bytes(content[: rng.integers(len(content))])
        with pytest.raises(UnreadableImage):
            decode(broken, "a.jpg")


def test_headers_without_decoding() -> None:
    assert plain_header(encoded(photo(), "JPEG")) == Header("JPEG", 96, 64, "RGB")
    assert plain_header(encoded(photo().convert("L"), "PNG")) == Header("PNG", 96, 64, "L")
    assert plain_header(encoded(photo().convert("CMYK"), "JPEG")) is None
    assert read_header(encoded(photo().convert("CMYK"), "JPEG"), "a").mode == "CMYK"
    assert plain_header(b"\xff\xd8\xff\xe0\0") is None


def test_crop_takes_the_centre_and_squash_takes_all() -> None:
    image = torch.zeros(3, 10, 30, dtype=torch.uint8)
    image[:, :, 10:20] = 200
    assert fit_square(image, 10, "crop").min() == 200
    squashed = fit_square(image, 10, "squash")
    assert squashed.shape == (3, 10, 10)
    assert squashed[0, 5, 0] == 0
    assert fit_square(image[None].expand(4, -1, -1, -1), 5, "crop").shape == (4, 3, 5, 5)


def test_short_side_keeps_the_aspect() -> None:
    assert fit_short_side(torch.zeros(3, 100, 150, dtype=torch.uint8), 64).shape == (3, 64, 96)
    assert fit_short_side(torch.zeros(3, 900, 2, dtype=torch.uint8), 4).shape == (3, 1800, 4)


@pytest.mark.parametrize("how", ["crop", "squash"])
def test_fitting_while_decoding_is_nearly_the_long_way(how: Fit) -> None:
    content = with_orientation(photo(800, 600), 6)
    square, header = decode_fitted(content, "a.jpg", 64, how)
    assert (header.width, header.height) == (600, 800)
    expected = fit_square(decode(content, "a.jpg"), 64, how)
    assert (square.float() - expected.float()).abs().mean() < 1.5


def test_digits_come_through_png(digits_folder: Path) -> None:
    from sklearn.datasets import load_digits

    image = decode((digits_folder / "0" / "0000.png").read_bytes(), "0000.png")
    assert np.array_equal(image[0].numpy(), np.rint(load_digits().images[0] * (255 / 16)))


MESSY = """
import json, resource, sys, zipfile
resource.setrlimit(resource.RLIMIT_CPU, (90, 90))
from alexnet.data.images.decode import decode
from alexnet.errors import UnreadableImage
results = {}
with zipfile.ZipFile(sys.argv[1]) as archive:
    for name in archive.namelist():
        try:
            results[name] = list(decode(archive.read(name), name).shape)
        except UnreadableImage as problem:
            results[name] = problem.reason
print(json.dumps([results, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")
def test_the_messy_collection(shared_data: Path) -> None:
    archive, manifest = shared_data / "messy.zip", shared_data / "messy-manifest.csv"
    run = subprocess.run([sys.executable, "-c", MESSY, str(archive)], capture_output=True, text=True, timeout=100, check=True)
    results, peak_megabytes = json.loads(run.stdout)
    assert peak_megabytes < 2000
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(results)
    for row in rows:
        result = results[f"{row['category']}/{row['file']}"]
        if row["category"] == "heic":
            assert "HEIC" in result, row
        elif row["pillow_result"] != "ok":
            assert isinstance(result, str), row
        else:
            assert isinstance(result, list), (row, result)
        if row["category"] == "exif_rotated" and row["file"].startswith(("Landscape", "Portrait")):
            assert (result[2] > result[1]) == row["file"].startswith("Landscape"), row
    bombs = [results[f"corrupt/{name}"] for name in ("decompression_bomb.gif", "badwidth.bmp", "l2rgb_read.bmp")]
    assert all("the limit is 89,000,000" in reason for reason in bombs)
    assert results["corrupt/truncated_jpeg.jpg"] == results["corrupt/shortfile.bmp"] == "is cut short"


def test_rotated_photos_show_the_same_scene(shared_data: Path) -> None:
    with zipfile.ZipFile(shared_data / "messy.zip") as archive:
        upright = [decode(archive.read(f"exif_rotated/Landscape_{turn}.jpg"), "a") for turn in (0, 2, 4, 6, 8)]
    small = [fit_square(image, 32, "squash").float() for image in upright]
    assert all((image - small[0]).abs().mean() < 12 for image in small[1:])
