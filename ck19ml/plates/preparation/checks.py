"""Checks of a plate's fields before any pixel is read: labels, depths, sizes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ck19ml.errors import PlateError
from ck19ml.plates.folder import Field, probe_field, some
from ck19ml.plates.formats.container import Header
from ck19ml.plates.images import ImageError
from ck19ml.plates.preparation.field import as_problem
from ck19ml.plates.preparation.settings import STEP, Source
from ck19ml.plates.problems import Problem

Shape = tuple[int, int]


@dataclass(frozen=True)
class Checked:
    """The fields that can be prepared, the problems of the others, and the fields' size."""

    fields: tuple[Field, ...]
    problems: tuple[Problem, ...]
    shape: Shape


def check(source: Source) -> Checked:
    """Check the layout and the headers of all files of a plate.

    The size of a plate's fields is the one that most of them have.
    """
    plate, read = source.plate, source.labels_read
    unlabelled = _without_labels(source)
    problems = [*plate.problems, *unlabelled, *(read.problems if read else ())]
    wells = {problem.well for problem in unlabelled}
    headers: dict[Field, Header] = {}
    for field in plate.fields:
        try:
            headers[field] = probe_field(field, plate.description)
        except ImageError as error:
            problems.append(as_problem(field, error))
    shapes = {field: (header.shape[0], header.shape[1]) for field, header in headers.items()}
    counts = Counter(shapes.values())
    shape = counts.most_common(1)[0][0] if counts else (0, 0)
    problems += [_odd(field, found, shape) for field, found in shapes.items() if found != shape]
    scales = _other_scales(source, headers)
    problems += scales
    odd = {problem.file for problem in scales}
    good = [f for f, found in shapes.items() if found == shape and f.first not in odd]
    masked = good if read is None else [field for field in good if field in read.files]
    kept = tuple(field for field in masked if field.well not in wells)
    return Checked(kept, tuple(sorted(problems)), shape)


def require_patches(
    sources: Sequence[Source], checked: Sequence[Checked], size: int
) -> tuple[Shape, int]:
    """Return the size that the fields of all plates have, and the side of the patches that fit.

    Patches that are larger than the fields follow these: the largest side that networks take.

    Raises
    ------
    PlateError
        If no field is left, plates differ in size, or a field is smaller than any patch.
    """
    shapes = [(source, part.shape) for source, part in zip(sources, checked, strict=True)]
    for source, part in zip(sources, checked, strict=True):
        if not part.fields:
            count = len({(problem.well, problem.field) for problem in part.problems})
            raise PlateError(
                f"{source.plate.folder}: all {count} fields have problems; omit --skip-bad to see "
                "them"
            )
    first, (height, width) = shapes[0]
    for source, shape in shapes[1:]:
        if shape != (height, width):
            raise PlateError(
                f"{source.plate.folder} has fields of {shape[0]} x {shape[1]} pixels, but "
                f"{first.plate.folder} of {height} x {width}; prepare it as a dataset of its own"
            )
    fitting = min(size, min(height, width) // STEP * STEP)
    if not fitting:
        raise PlateError(
            f"{first.plate.folder} has fields of {height} x {width} pixels, smaller than the "
            f"smallest patch of {STEP} x {STEP}; export larger fields"
        )
    return (height, width), fitting


def _without_labels(source: Source) -> list[Problem]:
    plate = source.plate
    lacking = sorted(set(plate.wells) - set(source.layout["well"]))
    text = (
        f"{plate.folder}: the layout lacks {some(lacking)}, which have images; add them to the "
        "layout or remove their images"
    )
    return [
        Problem(field.plate, field.well, field.field, field.first, "not in the layout", text)
        for field in plate.fields
        if field.well in lacking
    ]


def _other_scales(source: Source, headers: Mapping[Field, Header]) -> list[Problem]:
    """Name the fields whose files give another pixel size, unless plate.yaml decides it."""
    plate = source.plate
    expected = plate.description.pixel_size_um
    if plate.origins.get("pixel_size_um") == "plate.yaml":
        return []
    problems = []
    for field, header in headers.items():
        size = header.pixel_size_um
        if size and abs(size / expected - 1) > 0.01:
            text = (
                f"{field.first}: the pixels measure {size:g} um, those of the rest of the plate "
                f"{expected:g} um; export it again, or give 'pixel_size_um' in plate.yaml"
            )
            kind = "wrong pixel size"
            problems.append(Problem(field.plate, field.well, field.field, field.first, kind, text))
    return problems


def _odd(field: Field, found: Shape, shape: Shape) -> Problem:
    text = (
        f"{field.first}: the field has {found[0]} x {found[1]} pixels, the rest of the plate "
        f"{shape[0]} x {shape[1]}; export it again"
    )
    return Problem(field.plate, field.well, field.field, field.first, "wrong size", text)
