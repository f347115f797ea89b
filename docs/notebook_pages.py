"""Pages of the notebooks, without outputs, made when the site is built."""

from pathlib import Path

import jupytext
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those in docs/: a hook of MkDocs."""
    for script in NOTEBOOKS.glob("*.py"):
        path = f"notebooks/{script.stem}.md"
        files.append(File.generated(config, path, content=page(script)))
    return files


def page(script: Path) -> str:
    """Return the cells of a notebook as Markdown, with links to pages in place of notebooks."""
    return "\n\n".join(
        f"```python\n{cell.source}\n```"
        if cell.cell_type == "code"
        else cell.source.replace(".ipynb)", ".md)")
        for cell in jupytext.read(script).cells
    )
