# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: -all
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
# ---

# %% [markdown]
# # From a plate to a champion
# This notebook goes the study's way once: a folder of images becomes a dataset, a classifier of
# the stimulation is trained and registered, and its answers are held against wells that it has not
# seen. It runs in a minute, because the plate is small and simulated; take your own folder instead
# of `plate` in the second cell.

# %%
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import ck19ml

COLOURS = {"Unstimulated": "#0072B2", "OVA": "#E69F00", "ConA": "#009E73"}
ck19ml.simulate("plate", wells=36, size=768, seed=7)

# %% [markdown]
# ## The plate
# No image is read yet: names and metadata say which well and channel each file shows. What does
# not fit, such as a channel without its partner, would be named here.

# %%
plate = ck19ml.open_plate("plate")
plate

# %% [markdown]
# The layout, `layout.csv` or a spreadsheet beside the images, says what each well holds.

# %%
layout = ck19ml.read_layout(plate)
layout[layout["well"].isin(plate.wells)].groupby("stimulation")["well"].agg(["size", "min", "max"])

# %% [markdown]
# ## The dataset
# Fields are cut into patches of 192 x 192 pixels; cells are masked in both channels, and how much
# they overlap is measured.

# %%
dataset = ck19ml.prepare(plate, "plate.zarr")
dataset

# %% [markdown]
# T cells of stimulated wells lie on dendritic cells. Each point is a well.

# %%
wells = dataset.table.groupby(["well", "stimulation"])["overlap"].mean().reset_index()
figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
jitter = np.random.default_rng(0).uniform(-0.15, 0.15, len(wells))
for row, (name, colour) in enumerate(COLOURS.items()):
    own = wells["stimulation"] == name
    axes.scatter(100 * wells["overlap"][own], row + jitter[own], color=colour, s=30, alpha=0.8)
axes.set_yticks(range(len(COLOURS)), COLOURS)
axes.set_xlabel("overlap of the masks (IoU, %)")
axes.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## The champion
# Training is a command, so that MLflow keeps what was run, on what, and with which result. Here is
# the quickest classifier: a linear discriminant on general measurements of each well. It is
# registered, and becomes the champion if it passes the gate. `ck19ml tune` searches further, over
# encoders and heads.

# %%
Path("classifier.yaml").write_text(
    """
dataset: plate.zarr
encoder: null
source: measurements
head: {kind: lda}
split: {validation: 0.2, test: 0.33}
"""
)
# !{sys.executable} -m ck19ml classifier -c classifier.yaml

# %% [markdown]
# ## What it is worth
# A model knows which wells it has seen; `evaluate` takes the others.

# %%
model = ck19ml.load_model("models:/ck19-classifier@champion")
evaluation = ck19ml.evaluate(model, dataset)
print(model, evaluation, sep="\n")
pd.crosstab(evaluation.wells["stimulation"], evaluation.wells["predicted"])

# %% [markdown]
# The answer must be better than what simple rules reach on the same wells. A dozen test wells leave
# wide intervals: the first lines of the training say how many would show a difference.

# %%
scores = {name: score for name, score in evaluation.scores.items() if "well_accuracy" in name}
pd.DataFrame(
    [(name, each.value, each.low, each.high) for name, each in scores.items()],
    columns=["score", "value", "low", "high"],
).round(2)

# %% [markdown]
# ## The hit list
# The probability of ConA, the stimulation with the most overlap, is the score by which compounds
# are ranked against the plate's controls. Few wells carry no hits: each needs replicates.

# %%
screen = ck19ml.screen(model, dataset)
print(screen)
screen.hits[["rank", "stimulation", "compound", "concentration_um", "score", "score_hit"]].head()

# %% [markdown]
# Next: [look at one well](look_at_a_well.ipynb), and ask the champion why.
