"""Every figure of the project: pure functions that return a matplotlib figure, and no more."""

from ck19ml.plots.classification import confusion, confusions, reliability, well_probabilities
from ck19ml.plots.contact import contact_measures
from ck19ml.plots.doses import dose_curves, ic50_agreement
from ck19ml.plots.embedding import umap_scatter
from ck19ml.plots.histograms import overlap_histograms
from ck19ml.plots.images import mask_gallery, reconstructions, to_rgb
from ck19ml.plots.learning import learning_curves, study_history
from ck19ml.plots.masks import mask_methods, mask_scores, masking_effect
from ck19ml.plots.overlap import (
    error_distribution,
    field_sums,
    interaction_curve,
    predicted_against_true,
)
from ck19ml.plots.plate import plate_heatmap, plate_layout
from ck19ml.plots.position import position_effects
from ck19ml.plots.pretraining import pretraining
from ck19ml.plots.scores import scores_with_baselines
from ck19ml.plots.screening import control_strips, precision_recall, ranked_hits
from ck19ml.plots.style import stimulation_colours, to_bytes

__all__ = [
    "confusion",
    "confusions",
    "contact_measures",
    "control_strips",
    "dose_curves",
    "error_distribution",
    "field_sums",
    "ic50_agreement",
    "interaction_curve",
    "learning_curves",
    "mask_gallery",
    "mask_methods",
    "mask_scores",
    "masking_effect",
    "overlap_histograms",
    "plate_heatmap",
    "plate_layout",
    "position_effects",
    "precision_recall",
    "predicted_against_true",
    "pretraining",
    "ranked_hits",
    "reconstructions",
    "reliability",
    "scores_with_baselines",
    "stimulation_colours",
    "study_history",
    "to_bytes",
    "to_rgb",
    "umap_scatter",
    "well_probabilities",
]
