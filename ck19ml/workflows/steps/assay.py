"""Choice of the registered model that suits an assay, said where it is not the plain one."""

from ck19ml.tracking import assays
from ck19ml.tracking.assays import Assay, told
from ck19ml.tracking.registry import CHAMPION
from ck19ml.workflows.progress import say


def name_of(kind: str, assay: Assay) -> str:
    """Return the registered model of a new model; see `tracking.assays.name_for`."""
    plain = f"ck19-{kind}"
    name = assays.name_for(plain, assay)
    if name != plain:
        say(
            f"the champion of {plain} was made for another assay; this {kind}, made for "
            f"{told(assay)}, is registered as {name}"
        )
    return name


def champion_for(uri: str, assay: Assay) -> str:
    """Return the URI of the champion that suits an assay best; others than champions stay."""
    best = assays.best_champion(uri, assay)
    if best is None:
        return uri
    better = f"models:/{best.name}@{CHAMPION}"
    say(f"{uri} was made for another assay; using {better}, made for {told(best.tags)}")
    return better
