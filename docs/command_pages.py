"""Reference page of the commands, made from the code when the site is built."""

import re

import typer.cli
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from ck19ml import cli

HEAD = """# Commands
`ck19ml COMMAND --help` says the same in the terminal. Errors are one line; exit codes are 0 for
done, 2 for wrong usage or config, and 1 for anything else.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated page to those in docs/: a hook of MkDocs."""
    files.append(File.generated(config, "reference/commands.md", content=page()))
    return files


def page() -> str:
    """Return a section for each command: what it does, its arguments and options, an example."""
    group = typer.main.get_command(cli.app)
    text = typer.cli.get_docs_for_click(obj=group, ctx=typer.Context(group))
    # Typer cuts the list of commands short, and writes the names of arguments in braces.
    sections = text[text.index("\n## ") :]
    return HEAD + re.sub(
        r"^\$ .*", lambda usage: re.sub(r"[{}]", "", usage[0]), sections, flags=re.M
    )
