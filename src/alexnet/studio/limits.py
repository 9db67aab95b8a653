"""What a browser may ask of the studio; each limit is checked before the work that it bounds."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of one studio. The defaults suit photos, and data sets that fit on a personal computer."""

    json_bytes: int = 32 << 20  # of any other request: the names of 200,000 images
    image_bytes: int = 64 << 20  # of one image that is sent
    image_pixels: int = 50_000_000  # from its header, before it is decoded; a phone's largest photo has 48 million
    archive_bytes: int = 20 << 30  # of one archive that is sent
    archive_images: int = 1_000_000
    unpacked_bytes: int = 40 << 30  # of all images of an archive
    data_set_images: int = 1_000_000
    spare_bytes: int = 256 << 20  # of the disk, that stay free whatever is sent
    page_images: int = 200  # thumbnails that are listed at once
    silence_seconds: float = 60.0  # after which an upload that sends nothing is given up
    jobs: int = 100  # that wait or have ended, and are remembered
