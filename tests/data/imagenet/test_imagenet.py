"""ImageNet by name: the same images from the original tars and unpacked, the right classes, a clear word for all that is not whole."""

import io
import os
import pickle
import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save
from scipy.io import savemat

from alexnet.data.dataset import Dataset, Item, Traits
from alexnet.data.imagenet import file_index
from alexnet.data.imagenet.devkit import NAME, read_devkit
from alexnet.data.imagenet.file_index import Places, cached_places
from alexnet.data.open import open_dataset
from alexnet.data.pipeline.image_store import open_images
from alexnet.data.sources import tar
from alexnet.data.sources.source import PositionedFile
from alexnet.errors import BadDataset, UnreadableImage, UnsafeArchive

# As in the real kit: the ILSVRC ids are in another order than the WordNet ids, and above them are what the classes are.
SYNSETS = (
    (1, "n02119789", "kit fox, Vulpes macrotis", ()),
    (2, "n03126707", "crane", ()),
    (3, "n01440764", "tench, Tinca tinca", ()),
    (4, "n02012849", "crane", ()),
    (5, "n00001740", "entity", (6, 7, 1, 3)),
    (6, "n02007558", "wading bird, wader", (4,)),
    (7, "n03664943", "lifting device", (2,)),
)
WNIDS = ("n01440764", "n02012849", "n02119789", "n03126707")
NAMES = ("tench", "crane (wading bird)", "kit fox", "crane (lifting device)")
TRUTH = (4, 3, 2, 1, 1, 3)  # ILSVRC ids of validation images 1 to 6
TRAIN_TAR, VALIDATION_TAR = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"


def jpeg(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


TRAIN = {wnid: {f"{wnid}_{number}.JPEG": jpeg(100 * place + number) for number in (10, 9, 2)} for place, wnid in enumerate(WNIDS)}
VALIDATION = {f"ILSVRC2012_val_{number:08d}.JPEG": jpeg(1000 + number) for number in range(1, len(TRUTH) + 1)}


def tar_of(files: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]  # the modes are literals to typeshed
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def meta_mat(synsets: tuple[tuple[int, str, str, tuple[int, ...]], ...] = SYNSETS) -> bytes:
    fields = ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height", "num_train_images")
    rows = np.empty((len(synsets), 1), [(field, object) for field in fields])
    for row, (number, wnid, words, children) in zip(rows, synsets, strict=True):
        row[0] = (float(number), wnid, words, "a gloss", float(len(children)), np.array(children, np.uint8), 0.0, 3.0)
    buffer = io.BytesIO()
    savemat(buffer, {"synsets": rows}, do_compression=True)
    return buffer.getvalue()


def kit_files(truth: tuple[int, ...] = TRUTH, meta: bytes | None = None) -> dict[str, bytes]:
    return {
        f"{NAME}/data/meta.mat": meta if meta is not None else meta_mat(),
        f"{NAME}/data/ILSVRC2012_validation_ground_truth.txt": "".join(f"{number}\n" for number in truth).encode(),
        f"{NAME}/readme.txt": b"x" * 3000,
    }


def unpack(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def put_kit(folder: Path, form: str = "packed", **changes: bytes | tuple[int, ...]) -> None:
    files = kit_files(**changes)  # type: ignore[arg-type]
    unpack(folder, files) if form == "unpacked" else unpack(folder, {f"{NAME}.tar.gz": tar_of(files, "w:gz")})


def put_train(folder: Path, form: str = "packed") -> None:
    tars = {f"{wnid}.tar": tar_of(files) for wnid, files in sorted(TRAIN.items(), reverse=True)}
    folders = {f"{wnid}/{name}": content for wnid, files in TRAIN.items() for name, content in files.items()}
    match form:
        case "packed":
            unpack(folder, {TRAIN_TAR: tar_of(tars)})
        case "class tars":
            unpack(folder / "train", tars)
        case "unpacked":
            unpack(folder / "train", folders)
        case "half unpacked":  # one class has lost images, and its tar is still there
            unpack(folder / "train", {name: tars[name] for name in list(tars)[1:3]} | folders)
            (folder / "train" / WNIDS[2] / f"{WNIDS[2]}_10.JPEG").unlink()


def put_validation(folder: Path, form: str = "packed") -> None:
    by_id = {number: wnid for number, wnid, _, _ in SYNSETS}
    sorted_names = {f"{by_id[TRUTH[place]]}/{name}": name for place, name in enumerate(VALIDATION)}
    match form:
        case "packed":
            unpack(folder, {VALIDATION_TAR: tar_of(dict(reversed(VALIDATION.items())))})
        case "in a folder":
            unpack(folder, {VALIDATION_TAR: tar_of({f"./val/{name}": content for name, content in VALIDATION.items()})})
        case "flat":
            unpack(folder / "val", VALIDATION)
        case "sorted":
            unpack(folder / "val", {name: VALIDATION[file] for name, file in sorted_names.items()})
        case "half sorted":
            unpack(
                folder / "val", {name if place % 2 else file: VALIDATION[file] for place, (name, file) in enumerate(sorted_names.items())}
            )


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "imagenet"


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A folder with the three files as they are downloaded, but small."""
    folder = tmp_path / "imagenet"
    put_kit(folder)
    put_train(folder)
    put_validation(folder)
    return folder


def opened(folder: Path) -> Dataset:
    return open_dataset(f"imagenet:{folder}")


def expected() -> list[tuple[Item, bytes]]:
    """What the tables above say, found without the code under test."""
    found = [
        (Item(f"train/{wnid}/{name}", label, "train"), content)
        for label, wnid in enumerate(WNIDS)
        for name, content in sorted(TRAIN[wnid].items())
    ]
    by_id = {number: wnid for number, wnid, _, _ in SYNSETS}
    labels = [WNIDS.index(by_id[number]) for number in TRUTH]
    validation = sorted(zip(labels, VALIDATION, strict=True))
    return found + [(Item(f"validation/{WNIDS[label]}/{name}", label, "validation"), VALIDATION[name]) for label, name in validation]


def all_of(dataset: Dataset) -> list[tuple[Item, bytes]]:
    return [(item, dataset.content(index)) for index, item in enumerate(dataset.items)]


def test_the_original_files(original: Path) -> None:
    dataset = opened(original)
    assert all_of(dataset) == expected()
    assert dataset.classes == NAMES
    assert dataset.folders == WNIDS
    assert dataset.name == "imagenet"
    assert dataset.traits == Traits(flip=True, colour=True)
    assert dataset.content(-1) == expected()[-1][1]
    assert dataset.header(0).width == 12


@pytest.mark.parametrize("kit", ["packed", "unpacked"])
@pytest.mark.parametrize("train", ["packed", "class tars", "unpacked", "half unpacked"])
@pytest.mark.parametrize("validation", ["packed", "in a folder", "flat", "sorted", "half sorted"])
def test_all_forms_are_the_same(tmp_path: Path, kit: str, train: str, validation: str) -> None:
    put_kit(tmp_path, kit)
    put_train(tmp_path, train)
    put_validation(tmp_path, validation)
    assert all_of(opened(tmp_path)) == expected()
    assert all_of(opened(tmp_path)) == expected()  # with the cache


def test_training_images_alone_and_validation_images_alone(tmp_path: Path) -> None:
    put_kit(tmp_path / "train only")
    put_train(tmp_path / "train only")
    assert {item.split for item in opened(tmp_path / "train only").items} == {"train"}
    put_kit(tmp_path / "validation only")
    put_validation(tmp_path / "validation only")
    assert {item.split for item in opened(tmp_path / "validation only").items} == {"validation"}
    assert opened(tmp_path / "validation only").classes == NAMES


def test_a_part_of_the_classes_may_have_a_part_of_the_validation_images(tmp_path: Path) -> None:
    put_kit(tmp_path)
    put_train(tmp_path, "unpacked")
    put_validation(tmp_path, "flat")
    (tmp_path / "val" / "ILSVRC2012_val_00000005.JPEG").unlink()
    with pytest.raises(BadDataset, match=r"val lacks 1 of the 6 .* example ILSVRC2012_val_00000005.JPEG\. Copy or unpack"):
        opened(tmp_path)
    shutil.rmtree(tmp_path / "train" / WNIDS[0])
    dataset = opened(tmp_path)
    assert dataset.classes == NAMES  # labels stay those of published models
    assert {item.label for item in dataset.items if item.split == "train"} == {1, 2, 3}
    assert len(dataset.items) == 9 + 5


def test_names_are_told_apart_by_what_helps(tmp_path: Path) -> None:
    def names(*synsets: tuple[int, str, str, tuple[int, ...]]) -> tuple[str, ...]:
        put_kit(tmp_path, "unpacked", meta=meta_mat(synsets), truth=(1,))
        return read_devkit(tmp_path).names

    two_suits = (1, "n00000002", "maillot, tank suit", ()), (2, "n00000001", "maillot, tights", ())
    assert names(*two_suits, (3, "n00000003", "suit", (1, 2))) == ("maillot (tights)", "maillot (tank suit)")
    assert names((1, "n00000002", "crane", ()), (2, "n00000001", "crane", ())) == ("crane (n00000001)", "crane (n00000002)")


# --- the real kit ---


def test_published_facts_of_the_real_kit(shared_data: Path) -> None:
    kit = read_devkit(shared_data / "imagenet")
    assert len(kit.wnids) == len(set(kit.names)) == 1000
    assert list(kit.wnids) == sorted(kit.wnids)
    assert [kit.wnids[label] for label in (0, 134, 517, 999)] == ["n01440764", "n02012849", "n03126707", "n15075141"]
    assert [kit.names[label] for label in (0, 1, 999)] == ["tench", "goldfish", "toilet tissue"]
    assert [kit.names[label] for label in (134, 517)] == ["crane (wading bird)", "crane (lifting device)"]
    assert [kit.names[label] for label in (638, 639)] == ["maillot (tights)", "maillot (swimsuit)"]
    assert np.bincount(kit.truth).tolist() == [50] * 1000
    assert kit.wnids[kit.truth[0]] == "n01751748"  # image 1 is a sea snake, ILSVRC id 490, label 65
    assert kit.truth[0] == 65


def test_the_real_order_is_torchvisions(shared_data: Path) -> None:
    from torchvision.models import AlexNet_Weights

    categories = AlexNet_Weights.IMAGENET1K_V1.meta["categories"]
    names = [name.partition(" (")[0] for name in read_devkit(shared_data / "imagenet").names]
    assert [(ours, theirs) for ours, theirs in zip(names, categories, strict=True) if ours != theirs] == [
        ("crane", "crane bird"),
        ("maillot", "maillot tank suit"),
    ]


def test_real_images_under_the_real_kit(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / "imagenet" / f"{NAME}.tar.gz", tmp_path)
    with zipfile.ZipFile(shared_data / "imagenet-sample.zip") as sample:
        images = {Path(name).name: sample.read(name) for name in sample.namelist() if name.endswith(".JPEG")}
    tars = {f"{name[:9]}.tar": tar_of({f"{name[:9]}_1.JPEG": content}) for name, content in images.items() if re.match(r"n\d{8}_", name)}
    unpack(tmp_path, {TRAIN_TAR: tar_of(tars)})
    kit = read_devkit(tmp_path)
    validation = {
        f"ILSVRC2012_val_{int(np.flatnonzero(kit.truth == kit.wnids.index(name[:9]))[0]) + 1:08d}.JPEG": content
        for name, content in images.items()
        if f"{name[:9]}.tar" in tars
    }
    unpack(tmp_path, {VALIDATION_TAR: tar_of(validation)})
    dataset = opened(tmp_path)
    assert len(dataset.items) == 2 * len(tars) > 200
    for index, item in enumerate(dataset.items):
        wnid, words = dataset.folders[item.label], dataset.classes[item.label].partition(" (")[0]
        assert item.name.split("/")[1] == wnid
        assert dataset.content(index) == images[f"{wnid}_{words.replace(' ', '_').replace(chr(39), '')}.JPEG"]


# --- many readers ---


def test_worker_processes_threads_and_copies(original: Path) -> None:
    dataset = opened(original)
    streamed = open_images(dataset, 8, "crop", workers=2, memory_limit_bytes=0)
    kept = open_images(dataset, 8, "crop", workers=0)
    batches = [[0, 17, 5], list(range(18))]
    for one, other in zip(streamed.stream(batches), kept.stream(batches), strict=True):
        assert torch.equal(one, other)
    copy: Dataset = pickle.loads(pickle.dumps(dataset))
    assert all_of(copy) == expected()
    with ThreadPoolExecutor(8) as pool:
        indices = [*range(18)] * 20
        assert all(content == expected()[index][1] for index, content in zip(indices, pool.map(copy.content, indices), strict=True))


def test_a_thousand_class_tars_hold_no_thousand_files_open(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    wnids = [f"n{number:08d}" for number in range(300)]
    put_kit(tmp_path, meta=meta_mat(tuple((place + 1, wnid, f"thing {wnid}", ()) for place, wnid in enumerate(wnids))), truth=(1,))
    unpack(tmp_path / "train", {f"{wnid}.tar": tar_of({f"{wnid}_1.JPEG": wnid.encode()}) for wnid in wnids})
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = Path("/proc/self/fd")
    allowed = 60 + (len(list(open_now.iterdir())) if open_now.is_dir() else 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, before[1]))
    try:
        dataset = opened(tmp_path)
        assert [dataset.content(index) for index in range(300)] == [wnid.encode() for wnid in wnids]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


# --- the cache ---


@pytest.fixture
def headers_read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The tars whose headers are read, as they are."""
    read: list[Path] = []
    real = tar.tar_members

    def counted(file: PositionedFile, *rest: tar.TarMember) -> list[tar.TarMember]:
        read.append(file.path)
        return real(file, *rest)

    monkeypatch.setattr("alexnet.data.imagenet.train.tar_members", counted)
    monkeypatch.setattr("alexnet.data.imagenet.validation.tar_members", counted)
    return read


@pytest.mark.parametrize("train", ["packed", "class tars", "half unpacked"])
def test_the_second_opening_reads_no_headers(tmp_path: Path, train: str, headers_read: list[Path]) -> None:
    put_kit(tmp_path)
    put_train(tmp_path, train)
    put_validation(tmp_path)
    opened(tmp_path)
    assert headers_read
    headers_read.clear()
    assert all_of(opened(tmp_path)) == expected()
    assert not headers_read


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other kind", "a folder"])
def test_a_damaged_cache_is_made_anew(original: Path, cache: Path, damage: str, headers_read: list[Path]) -> None:
    opened(original)
    for kept in list(cache.iterdir()):
        content = bytearray(kept.read_bytes())
        content[-5] ^= 1
        spoilt = {"cut": bytes(content[:-40]), "flipped": bytes(content), "empty": b"", "other kind": save({"a": np.zeros(2)})}
        kept.unlink()
        kept.mkdir() if damage == "a folder" else kept.write_bytes(spoilt[damage])
    headers_read.clear()
    assert all_of(opened(original)) == expected()
    assert headers_read
    headers_read.clear()
    opened(original)
    assert bool(headers_read) == (damage == "a folder")


def test_a_changed_tar_is_indexed_again(original: Path, headers_read: list[Path]) -> None:
    opened(original)
    tar = original / TRAIN_TAR
    before = tar.stat()
    moved = {wnid: {name: files[name] for name in reversed(files)} for wnid, files in TRAIN.items()}
    tar.write_bytes(tar_of({f"{wnid}.tar": tar_of(files) for wnid, files in moved.items()}))
    os.utime(tar, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert tar.stat().st_size == before.st_size
    headers_read.clear()
    assert all_of(opened(original)) == expected()
    assert set(headers_read) == {tar}


def test_a_cache_that_cannot_be_written_is_no_error(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a file").write_bytes(b"")
    monkeypatch.setenv("ALEXNET_CACHE", str(tmp_path / "a file"))
    assert all_of(opened(original)) == expected()


def test_columns_come_back_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"x")
    entries = [("train/ü.JPEG", 5, 7), ("", -1, 0), ("b\udce9", -2, 1 << 40)]
    first = cached_places(tmp_path / "x.tar", [tmp_path / "x.tar"], lambda: Places.of(entries))
    again = cached_places(tmp_path / "x.tar", [tmp_path / "x.tar"], lambda: pytest.fail("not from the cache"))
    assert first.entries() == again.entries() == entries
    assert Places.joined([first, Places.of([]), again]).entries() == 2 * entries


# --- what is not whole ---


def cuts(content: bytes, every: int) -> list[int]:
    """Lengths to cut to: around each block's border, inside the blocks, and near both ends."""
    return sorted(
        {0, 1, 100, 511, len(content) - 1, *(cut + more for cut in range(0, len(content) - every, every) for more in (0, 1, 300))}
    )


@pytest.mark.parametrize("name", [TRAIN_TAR, VALIDATION_TAR])
def test_a_tar_cut_short_anywhere_is_refused(original: Path, name: str) -> None:
    path = original / name
    content = path.read_bytes()
    contained = len(content.rstrip(b"\0")) // 512 * 512 + 512  # behind it come only zeros: two blocks end the tar, the rest fills up
    for length in [*(cut for cut in cuts(content, 1536) if cut < contained + 1024), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(
            BadDataset, match=re.escape(str(path)) + ".* is not a complete tar: it is cut short or damaged. Copy or download"
        ):
            opened(original)


def test_an_inner_tar_cut_short_is_named(original: Path) -> None:
    whole = {f"{wnid}.tar": tar_of(files) for wnid, files in TRAIN.items()}
    inner = whole["n02012849.tar"]
    contained = len(inner.rstrip(b"\0")) // 512 * 512 + 512
    for length in [cut for cut in cuts(inner, 1024) if cut < contained + 1024]:
        (original / TRAIN_TAR).write_bytes(tar_of(whole | {"n02012849.tar": inner[:length]}))
        with pytest.raises(BadDataset, match=r"ILSVRC2012_img_train.tar/n02012849.tar is not a complete tar"):
            opened(original)


@pytest.mark.parametrize("block", [0, 1])
def test_a_damaged_header_is_not_taken_for_the_end(original: Path, block: int) -> None:
    content = bytearray((original / VALIDATION_TAR).read_bytes())
    starts = [at for at in range(0, len(content), 512) if content[at : at + 14] == b"ILSVRC2012_val"]
    content[starts[block * 3] + 150] ^= 255  # the checksum
    (original / VALIDATION_TAR).write_bytes(content)
    with pytest.raises(BadDataset, match="is not a complete tar"):
        opened(original)


def test_a_kit_cut_short_anywhere_is_refused(original: Path) -> None:
    path = original / f"{NAME}.tar.gz"
    content = path.read_bytes()
    for length in [*range(0, len(content), 37), *range(len(content) - 12, len(content))]:
        path.write_bytes(content[:length])
        with pytest.raises(BadDataset, match=re.escape(f"{path} is not a complete tar.gz: it is cut short or damaged.")):
            opened(original)


@pytest.mark.parametrize("kit", ["packed", "unpacked"])
def test_damaged_files_of_the_kit_are_named(tmp_path: Path, kit: str) -> None:
    put_train(tmp_path)
    changes: list[tuple[dict[str, bytes | tuple[int, ...]], str]] = [
        ({"meta": meta_mat()[:-30]}, "meta.mat is damaged"),
        ({"meta": b""}, "meta.mat is damaged"),
        ({"meta": b"MATLAB 7.3 MAT-file".ljust(600, b"\0")}, "meta.mat is damaged"),
        ({"meta": meta_mat(SYNSETS[4:])}, "meta.mat is damaged"),
        ({"meta": meta_mat((*SYNSETS, (9, "n02119789", "kit fox", ())))}, "meta.mat is damaged"),
        ({"meta": meta_mat(((1, "../n0211978", "kit fox", ()),))}, "meta.mat is damaged"),
        ({"truth": (4, 3, 5, 1)}, "ground_truth.txt is damaged"),  # 5 is no class
        ({"truth": (4, 3, 0, 1)}, "ground_truth.txt is damaged"),
        ({"truth": ()}, "ground_truth.txt is damaged"),
    ]
    for change, message in changes:
        put_kit(tmp_path, kit, **change)
        with pytest.raises(BadDataset, match=rf"{NAME}.*{message}, or not from ILSVRC2012. Download {NAME}.tar.gz again"):
            opened(tmp_path)


@pytest.mark.parametrize("kit", ["packed", "unpacked"])
def test_a_kit_without_its_files(tmp_path: Path, kit: str) -> None:
    put_train(tmp_path)
    files = {f"{NAME}/data/meta.mat": meta_mat()}
    unpack(tmp_path, files if kit == "unpacked" else {f"{NAME}.tar.gz": tar_of(files, "w:gz")})
    with pytest.raises(BadDataset, match=r"lacks data/ILSVRC2012_validation_ground_truth.txt: it is not the whole development kit"):
        opened(tmp_path)


def test_a_kit_that_unpacks_to_too_much(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexnet.data.imagenet.devkit.MAX_BYTES", 1 << 12)
    with pytest.raises(BadDataset, match="unpacks to more than 0 MB"):
        opened(original)


@pytest.mark.parametrize("forms", [("packed", "packed"), ("unpacked", "sorted")])
def test_a_missing_kit_is_asked_for(tmp_path: Path, forms: tuple[str, str]) -> None:
    put_train(tmp_path, forms[0])
    put_validation(tmp_path, forms[1])
    with pytest.raises(
        BadDataset, match=r"lacks ILSVRC2012_devkit_t12.tar.gz \(2.5 MB\).*Download .* from https://image-net.org/.* put it into"
    ):
        opened(tmp_path)


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def test_what_does_not_fit_together(tmp_path: Path) -> None:
    def refused(message: str, change: Callable[[Path], object], train: str = "unpacked", validation: str = "flat") -> None:
        folder = tmp_path / "imagenet"
        put_kit(folder)
        put_train(folder, train)
        put_validation(folder, validation)
        change(folder)
        with pytest.raises(BadDataset, match=message):
            opened(folder)
        shutil.rmtree(folder)

    image = "ILSVRC2012_val_00000001.JPEG"
    refused("has pictures of 1 classes that are not in .*, for example n99999999", lambda at: unpack(at, {"train/n99999999/a.JPEG": b""}))
    refused("for example n00000007", lambda at: unpack(at, {"train/n00000007.tar": tar_of({"a.JPEG": b""})}))
    refused(r"holds ILSVRC2012_val_00000006.JPEG, but the ground truth .* has 5 lines", lambda at: put_kit(at, truth=TRUTH[:5]))
    refused(r"val lacks 1 of the 7 .* example ILSVRC2012_val_00000007.JPEG", lambda at: put_kit(at, truth=(*TRUTH, 1)))
    refused("val.tar lacks 1 of the 7", lambda at: put_kit(at, truth=(*TRUTH, 1)), validation="packed")
    refused(r"ILSVRC2012_val_00000001.JPEG in the class folder n01440764, but its class .* is n02012849 \(crane \(wading bird\)\)",
            lambda at: (at / "val/n02012849" / image).rename(at / "val/n01440764" / image), validation="sorted")  # fmt: skip
    refused("holds validation picture 1 more than once", lambda at: unpack(at / "val/n02012849", {image: b""}))
    refused("holds a.JPEG, but ImageNet's validation pictures are named", lambda at: unpack(at / "val", {"a.JPEG": b""}))
    refused("holds none of ImageNet's class tars", lambda at: unpack(at, {TRAIN_TAR: tar_of({"a.JPEG": b""})}))
    refused("val lacks 6 of the 6", lambda at: emptied(at / "val"))
    refused("train holds no class folders or class tars", lambda at: emptied(at / "train"))


def test_files_that_may_not_be_read(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def forbidden(path: Path, *rest: int) -> int:
        if Path(path).name == TRAIN_TAR:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("alexnet.data.sources.source.os.open", forbidden)
        with pytest.raises(BadDataset, match=r"ILSVRC2012_img_train.tar cannot be opened: Permission denied\."):
            opened(original)
    (original / TRAIN_TAR).unlink()
    (original / "train").write_bytes(b"")
    with pytest.raises(BadDataset, match="train cannot be opened: Not a directory"):
        opened(original)


def test_hostile_tars(original: Path) -> None:
    for name in ("../../x.JPEG", "/x.JPEG", "C:\\x.JPEG"):
        (original / VALIDATION_TAR).write_bytes(tar_of({name: b"x"}))
        with pytest.raises(UnsafeArchive, match="points outside"):
            opened(original)
    put_validation(original)
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            link = tarfile.TarInfo("n01440764_1.JPEG")
            link.type, link.linkname = kind, "/etc/passwd"
            archive.addfile(link)
        (original / TRAIN_TAR).write_bytes(tar_of({"n01440764.tar": buffer.getvalue()}))
        with pytest.raises(UnsafeArchive, match=r"n01440764.tar holds 'n01440764_1.JPEG', which is a link or another special file"):
            opened(original)


def test_a_size_that_leads_back_does_not_go_round_for_ever(original: Path) -> None:
    content = bytearray((original / VALIDATION_TAR).read_bytes())
    second = content.index(b"ILSVRC2012_val_00000005")
    header = content[second : second + 512]
    header[124:136] = b"\xff" * 10 + (-512 & 0xFFFF).to_bytes(2, "big")  # -512, as GNU tar writes it: the next header is this one
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * 32)
    content[second : second + 512] = header
    (original / VALIDATION_TAR).write_bytes(content)
    with pytest.raises(BadDataset, match="is not a complete tar"):
        opened(original)


def test_images_that_cannot_be_read_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_kit(tmp_path)
    put_train(tmp_path)
    put_validation(tmp_path, "flat")
    dataset = opened(tmp_path)
    with (tmp_path / TRAIN_TAR).open("r+b") as file:
        file.truncate(600)
    (tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG").unlink()
    with pytest.raises(UnreadableImage, match=r"^train/n01440764/n01440764_10.JPEG is no longer complete in .*train.tar"):
        dataset.content(0)
    lost = next(index for index, item in enumerate(dataset.items) if item.name.endswith("val_00000001.JPEG"))
    with pytest.raises(UnreadableImage, match=r"^validation/n02012849/ILSVRC2012_val_00000001.JPEG cannot be opened \(No such file"):
        dataset.content(lost)
    monkeypatch.setattr(file_index, "MAX_FILE_BYTES", 20)
    for index in (0, len(dataset.items) - 1):
        with pytest.raises(UnreadableImage, match="MB unpacked; the limit is 256 MB"):
            dataset.content(index)


# --- the name ---


def test_the_prefix_is_a_name_and_the_folder_may_be_called_anything(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(original.parent)
    assert all_of(open_dataset("imagenet:imagenet")) == expected()
    monkeypatch.setenv("HOME", str(original.parent))
    monkeypatch.setenv("USERPROFILE", str(original.parent))
    assert all_of(open_dataset("imagenet:~/imagenet")) == expected()
    if os.name == "posix":
        unpack(original.parent / "imagenet:imagenet", {"cat/1.jpg": jpeg(1), "dog/1.jpg": jpeg(2)})
        assert open_dataset(Path("imagenet:imagenet")).classes == ("cat", "dog")
        assert open_dataset("./imagenet:imagenet").classes == ("cat", "dog")


@pytest.mark.parametrize("word", ["imagenet", "imagenet:"])
def test_the_name_alone_says_how(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        BadDataset, match=r"opened as imagenet:DIR .*ILSVRC2012_img_train.tar .*val.tar .*devkit_t12.tar.gz.*https://image-net.org"
    ):
        open_dataset(word)


def test_a_folder_that_is_none_or_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match=r"nowhere is not one\. Use the folder that holds ILSVRC2012_img_train.tar"):
        opened(tmp_path / "nowhere")
    (tmp_path / TRAIN_TAR).write_bytes(b"")
    with pytest.raises(BadDataset, match="Use the folder that holds"):
        opened(tmp_path / TRAIN_TAR)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadDataset, match=r"empty holds no ImageNet pictures\. It must hold ILSVRC2012_img_train.tar"):
        opened(tmp_path / "empty")


def test_it_is_listed_among_the_names() -> None:
    with pytest.raises(BadDataset, match=r"Did you mean 'imagenet:DIR'\? Known: cifar10, digits, fashion-mnist, hues, imagenet:DIR, mnist"):
        open_dataset("imagenett:DIR")
