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
# # Look at one well
# Image, masks, cells and contacts of one well, what the champion says of it, and why. It goes on
# from [From a plate to a champion](plate_to_champion.ipynb), whose plate, dataset and model it
# opens.

# %%
import matplotlib.pyplot as plt
import numpy as np

import ck19ml

ORANGE, SKY = "#E69F00", "#56B4E9"
dataset = ck19ml.open_dataset("plate.zarr")
model = ck19ml.load_model("models:/ck19-classifier@champion")
answers = ck19ml.evaluate(model, dataset).wells

# %% [markdown]
# ## What the model says
# Of the wells that it has not seen, take the ConA well of which it is surest.

# %%
well = answers[answers["stimulation"] == "ConA"].nlargest(1, "probability_ConA").iloc[0]
name = well["well"]
well[["well", "stimulation", "compound", "predicted", "probability_ConA", "overlap"]].to_frame()

# %% [markdown]
# ## Image and masks
# One patch of the well, the one with the most T cells on dendritic cells (DCs). DCs are red, T
# cells green, and both together yellow; the outlines are the masks.

# %%
own = dataset.table[dataset.table["well"] == name]
row = own["tcells_in_contact"].idxmax()
place = own.loc[row]
image = dataset.read(np.array([row]))[0].astype(float)
masks = dataset.read_masks(np.array([row]))[0]

low, high = np.quantile(image, 0.3, axis=(0, 1)), np.quantile(image, 0.998, axis=(0, 1))
rgb = np.zeros((*image.shape[:2], 3))
rgb[..., :2] = np.sqrt(np.clip((image - low) / (high - low), 0, 1))

figure, panels = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for axes, title in zip(panels, ("both channels", "DC", "T cell"), strict=True):
    axes.set(title=title, xticks=[], yticks=[])
panels[0].imshow(rgb)
for channel, colour in enumerate((ORANGE, SKY)):
    panels[1 + channel].imshow(image[..., channel], cmap="gray", vmax=high[channel])
    for axes in (panels[0], panels[1 + channel]):
        axes.contour(masks[..., channel], levels=[0.5], colors=[colour], linewidths=1)

# %% [markdown]
# ## Cells and contacts
# Each cell is a row: place, shape, brightness, and how many cells of the other kind it touches.

# %%
cells = dataset.cells[dataset.cells["well"] == name].copy()
cells["in_contact"] = cells["partners"] > 0
cells.groupby("channel").agg(
    cells=("label", "size"),
    in_contact=("in_contact", "sum"),
    median_area_um2=("area_um2", "median"),
    median_intensity=("mean_intensity", "median"),
).round(1)

# %% [markdown]
# Filled symbols are cells in contact.

# %%
size = dataset.parameters["patch_size"]
here = cells[cells["field"] == place["field"]].assign(
    y=cells["centroid_y"] - place["y"], x=cells["centroid_x"] - place["x"]
)
here = here[here["y"].between(0, size) & here["x"].between(0, size)]
figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
axes.imshow(rgb)
axes.set(title=f"{name}: {well['stimulation']}", xticks=[], yticks=[])
for kind, colour, marker in (("dc", ORANGE, "s"), ("tcell", SKY, "o")):
    for touching in (True, False):
        part = here[(here["channel"] == kind) & (here["in_contact"] == touching)]
        face = colour if touching else "none"
        axes.scatter(part["x"], part["y"], marker=marker, edgecolor=colour, facecolor=face, s=40)

# %% [markdown]
# ## Why the model says so
# Cells are removed from the raw images: painted over with the background around them. Then all is
# measured again. A change of the log-odds far below zero means that the answer rests on these
# cells; the last column, as many T cells that touch no DC, says what the number of cells alone
# does.

# %%
explanation = ck19ml.explain(model, dataset, name)
explanation.draw()

# %%
explanation.table[["removed", "cells", "change"]].round(2)
