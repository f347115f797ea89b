"""Captions: how to read each figure, in a sentence or two."""

from collections.abc import Iterable

CAPTIONS = {
    "scores": (
        "Each score with its 95 % interval over wells, beside the baselines that it must beat."
    ),
    "confusion": "Rows are the truth, columns the answer; a good model is dark on the diagonal.",
    "confusion_wells": "The same for wells: each well is one answer.",
    "well_probabilities": (
        "The probability that each well got for its true stimulation; crosses are wrong "
        "answers, the dotted line is a guess."
    ),
    "reliability_wells": (
        "Of the wells answered with 80 %, 80 % should be right: points on the diagonal. The "
        "bars below say how many wells each point is of."
    ),
    "reliability_patches": "The same for patches.",
    "overlap_histograms": (
        "How often each overlap occurs: filled is the truth, the line the prediction."
    ),
    "predicted_against_true": (
        "A perfect regressor lies on the line; a flat cloud predicts the mean."
    ),
    "error_distribution": "Predicted minus true overlap; a peak right of 0 is an overestimate.",
    "interaction_curve": (
        "How well interaction is detected at each threshold; compare the precision with the "
        "prevalence, which is the precision of a guess."
    ),
    "field_sums": "The sum of the overlap over each well's patches, true beside predicted.",
    "learning_curves": (
        "Training and validation loss by epoch: where they separate, the network memorises "
        "its training wells."
    ),
    "leakage_audit": (
        "The same model on three kinds of patches. The middle is what a split by patch would "
        "have claimed."
    ),
    "explanation": (
        "Wells as they are and without some of their cells, with the change of the log-odds: the "
        "answer rests on cells whose removal makes it strongly negative."
    ),
    "reconstructions": "Patches, the autoencoder's reconstruction, and the difference.",
    "pca": (
        "Each point is a patch, along the two directions in which the encoder's features vary "
        "most. Colour is the stimulation, size the overlap."
    ),
    "umap": (
        "Each point is a patch; near points look alike to the encoder. Colour is the "
        "stimulation, size the overlap."
    ),
    "gate": "The loss of each well of the gate under the champion and the challenger.",
    "study_history": "The value of each trial and the best so far.",
    "controls": ("Each well by its content; a useful assay has control bands that do not overlap."),
    "hits": (
        "The head of the hit list: left of the line a compound lowers the interaction; a filled "
        "symbol is a hit, a star a known inhibitor of a simulated plate."
    ),
    "wells_to_look_at": "Patches of flagged fields, with the reasons: are the masks on cells?",
    "known_inhibitors": "Precision and recall of the list against the known inhibitors.",
    "known_ic50": "Fitted against true IC50; on the line they agree.",
}
FAMILIES = {
    "plate": (
        "The wells on the plate; hatched ones were not measured, circles are vehicle wells, "
        "squares untreated ones."
    ),
    "quality": (
        "Numbers of the fields' quality, the mean of a well's fields; hatched wells were not "
        "measured."
    ),
    "position": "By row, column and zone; a pattern beyond chance is an effect of position.",
    "dose_curves": (
        "A dashed curve must not be read; the bar at the bottom is the IC50 with its interval."
    ),
}
"""Captions by the beginning of the name, up to a dash."""


def caption(name: str) -> str:
    """Return how to read a figure; "" for an unknown one.

    Examples
    --------
    >>> caption("plate-CK19-score")[:20]
    'The wells on the pla'
    """
    return CAPTIONS.get(name) or FAMILIES.get(name.partition("-")[0], "")


def first_look(names: Iterable[str]) -> str:
    """Name the two figures of a run that say most, for its description; "" without any.

    Examples
    --------
    >>> first_look(["umap", "scores", "confusion"])
    'Look first at the figures scores.png and confusion.png.'
    """
    first = [f"{name}.png" for name in in_order(list(names))[:2]]
    return f"Look first at the figures {' and '.join(first)}." if first else ""


def in_order(names: list[str]) -> list[str]:
    """Order figures as a reader wants them: known ones as above, then the others by name."""
    known = list(CAPTIONS)
    return sorted(
        names, key=lambda name: (known.index(name) if name in known else len(known), name)
    )
