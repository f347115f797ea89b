"""Models: of a wrong kind, damaged, with a card that lies."""

import shutil
from pathlib import Path

from tests.badinput.case import Case
from tests.badinput.spoiling import Spoil, cut_short, edit_json, flip, mode, write

CLASSIFIER = "models/classifier"
CARD = f"{CLASSIFIER}/data/scorer/card.json"
NETWORK = f"{CLASSIFIER}/data/scorer/network.keras"
PREDICT = f"predict {CLASSIFIER} wells --out new.csv"


def card(**changes: object) -> Spoil:
    return edit_json(CARD, **changes)


def other_network(kind: str) -> Spoil:
    """Put the network of another kind of model beside the card."""
    return lambda work: shutil.copy(
        work / "models" / kind / "data" / "scorer" / "network.keras", work / NETWORK
    )


def foreign(work: Path) -> None:
    """A model that another program logged."""
    path = work / CLASSIFIER / "MLmodel"
    path.write_text(path.read_text().replace("ck19ml.networks.scorer", "somebody.elses"))


DAMAGED: dict[str, tuple[Spoil, str]] = {
    "has no card": (lambda work: (work / CARD).unlink(), "card.json"),
    "has a card that is cut short": (lambda work: cut_short(work / CARD), "train it again"),
    "has an empty card": (write(CARD, ""), "train it again"),
    "has a card that is a list": (write(CARD, "[]"), "train it again"),
    "has a card in UTF-16": (write(CARD, "{}".encode("utf-16")), "train it again"),
    "is of a later format": (card(format=99), "format 99, this version of ck19ml reads 1"),
    "lacks a key of its card": (card(background=...), "background"),
    "has a key of its card too many": (card(colour="red"), "colour"),
    "has a kind that is none": (card(kind="oracle"), "kind"),
    "has classes that are no list": (card(classes=7), "classes"),
    "has a class twice": (card(classes=["OVA", "OVA", "ConA"]), "OVA"),
    "has a class less than outputs": (card(classes=["OVA", "ConA"]), "classes"),
    "has a class more than outputs": (card(classes=["a", "b", "c", "d"]), "classes"),
    "has a patch size that is a word": (card(patch_size="large"), "patch_size"),
    "has a patch size of another network": (card(patch_size=96), "patch_size"),
    "has a patch size of nothing": (card(patch_size=0), "patch_size"),
    "has a bit depth beyond all": (card(bit_depth=64), "bit_depth"),
    "has an unknown mask method": (card(mask="magic"), "mask"),
    "has a temperature of nothing": (card(temperature=0), "temperature"),
    "has a target that is none": (card(target="joy"), "target"),
    "has a mask network that is missing": (card(mask="unet"), "mask"),
    "has wells that are no lists": (card(wells=3), "wells"),
    "has no network": (lambda work: (work / NETWORK).unlink(), "train it again"),
    "has an empty network": (write(NETWORK, b""), "train it again"),
    "has a network that is cut short": (
        lambda work: cut_short(work / NETWORK, 20_000), "train it again",
    ),
    "has a network with a flipped byte": (
        lambda work: flip(work / NETWORK, 0.5), "train it again",
    ),
    "has a network that is text": (write(NETWORK, "network"), "train it again"),
    "has the network of an autoencoder": (other_network("autoencoder"), "network"),
    "has the network of a regressor": (other_network("regressor"), "network"),
    "has the network of the masks": (other_network("masks"), "network"),
    "has no MLmodel": (lambda work: (work / CLASSIFIER / "MLmodel").unlink(), CLASSIFIER),
    "has an MLmodel that is cut short": (
        lambda work: cut_short(work / CLASSIFIER / "MLmodel", 30), CLASSIFIER,
    ),
    "has an MLmodel that is no YAML": (write(f"{CLASSIFIER}/MLmodel", "a: ["), CLASSIFIER),
    "has an MLmodel without a way to load it": (
        write(f"{CLASSIFIER}/MLmodel", "flavors: {}\n"), CLASSIFIER,
    ),
    "is somebody else's": (foreign, "somebody.elses"),
}  # fmt: skip

ASKED = {
    "predict: the registry lacks it": Case(
        "predict models:/nosuch/1 wells --out new.csv", ("models:/nosuch/1", "list the models")
    ),
    "evaluate: the registry lacks its champion": Case(
        "evaluate models:/nosuch@champion wells.zarr", ("models:/nosuch@champion",)
    ),
    "screen: the registry lacks it": Case("screen models:/no/9 wells.zarr", ("models:/no/9",)),
    "features: the registry lacks it": Case(
        "features models:/no/9 wells.zarr --out new.parquet", ("models:/no/9",)
    ),
    "evaluate: no URI": Case("evaluate '' wells.zarr", ("no model at",)),
    "evaluate: a URI that is none": Case("evaluate models:/a/b/c/d wells.zarr", ("a/b/c/d",)),
    "evaluate: a URI of an unknown kind": Case("evaluate gopher://x/y wells.zarr", ("gopher:",)),
    "evaluate: a run that is not there": Case(
        "evaluate runs:/abc/model wells.zarr", ("runs:/abc",)
    ),
    "evaluate: a file": Case("evaluate c.yaml wells.zarr", ("c.yaml",)),
    "evaluate: a dataset in place of the model": Case("evaluate d.zarr wells.zarr", ("d.zarr",)),
    "predict: a mask network": Case(
        "predict models/masks wells --out new.csv", ("models/masks", "ck19ml.networks.mask_model")
    ),
    "prepare: a classifier for the masks": Case(
        "prepare wells new.zarr --mask unet --mask-model models/classifier",
        ("models/classifier", "mask network"),
    ),
    "prepare: no mask network": Case(
        "prepare wells new.zarr --mask unet --mask-model models:/ck19-unet@champion",
        ("models:/ck19-unet@champion", "ck19ml unet"),
    ),
    "prepare: a mask network that is cut short": Case(
        "prepare wells new.zarr --mask unet --mask-model models/masks", ("train it again",),
        spoil=lambda work: cut_short(work / "models/masks/data/scorer/network.keras"),
    ),
    "prepare: a mask network with a card that is a list": Case(
        "prepare wells new.zarr --mask unet --mask-model models/masks", ("train it again",),
        spoil=write("models/masks/data/scorer/card.json", "[]"),
    ),
    "masks: no mask network": Case(
        "masks -c m.yaml", ("models:/ck19-unet@champion",),
        spoil=write("m.yaml", "wells: 2\nsize: 192\nmask_model: models:/ck19-unet@champion\n"),
    ),
    "contact: no mask network": Case(
        "contact -c m.yaml", ("models:/ck19-unet@champion",),
        spoil=write(
            "m.yaml", "masks: [unet]\nsize: 192\nmask_model: models:/ck19-unet@champion\n"
        ),
    ),
    "features: a model without an encoder": Case(
        "features models/regressor wells.zarr --out new.parquet", ("encoder", "regressor"), 2
    ),
    "screen: an autoencoder": Case(
        "screen models/autoencoder wells.zarr", ("classifier or a regressor",), 2
    ),
    "screen: a target that the model does not know": Case(
        "screen models/classifier wells.zarr --target LPS", ("LPS", "OVA, ConA"), 2
    ),
    "screen: a reference that the model does not know": Case(
        "screen models/classifier wells.zarr --reference LPS", ("'LPS'", "OVA"), 2
    ),
    "screen: masks of no method": Case(
        "screen models/classifier wells.zarr --masks otsus", ("'otsus'", "instrument, otsu"), 2
    ),
    "screen: an SSMD below 0": Case(
        "screen models/classifier wells.zarr --ssmd=-1", ("SSMD", "-1"), 2
    ),
    "screen: a target for a regressor": Case(
        "screen models/regressor wells.zarr --target ConA", ("target",), 2
    ),
    "classifier: a classifier of other patches as encoder": Case(
        "classifier -c c.yaml -s dataset=wells.zarr -s encoder=models/classifier -s masked=true",
        ("encoder", "models/classifier"), 2,
    ),
    "classifier: a regressor as encoder": Case(
        "classifier -c c.yaml -s dataset=wells.zarr -s encoder=models/regressor",
        ("encoder", "models/regressor"), 2,
    ),
    "classifier: no encoder": Case(
        "classifier -c c.yaml -s dataset=wells.zarr -s encoder=models:/no/1", ("models:/no/1",)
    ),
    "predict: a camera of other bits": Case(
        PREDICT, ("wells", "12 bits", "16-bit"), spoil=write("wells/plate.yaml", "bit_depth: 16")
    ),
    "predict: a field smaller than a patch": Case(
        f"predict {CLASSIFIER} plate --out new.csv", ("plate", "64")
    ),
    "predict: an image that is cut short": Case(
        PREDICT, ("damaged",),
        spoil=lambda work: cut_short(sorted((work / "wells").glob("*.tif"))[3]),
    ),
    "predict: a layout that is damaged": Case(
        PREDICT, ("wells/layout.csv", "stimulation"), spoil=write("wells/layout.csv", "well\nA1\n")
    ),
    "predict: light that was corrected": Case(
        PREDICT, ("illumination",), spoil=card(illumination=True)
    ),
    "predict: a model that may not be read": Case(
        PREDICT, (CLASSIFIER,), spoil=mode(CARD, 0), as_user=True
    ),
    "report: no run": Case("report nosuch --out new.html", ("nosuch",)),
    "report: an empty name": Case("report '' --out new.html", ("run",)),
}  # fmt: skip

CASES = {
    f"models: {name}": Case(PREDICT, (words,), spoil=spoil)
    for name, (spoil, words) in DAMAGED.items()
} | {f"models: {name}": case for name, case in ASKED.items()}
