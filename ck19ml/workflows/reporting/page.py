"""The page: HTML that loads nothing from elsewhere and escapes all its input."""

from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined

from ck19ml.workflows.reporting.scores import Table

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ page.title }}</title>
<style>
body { font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1a1a1a; max-width: 60rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0.2rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; } td, th { padding: 0.2rem 0.9rem 0.2rem 0; text-align: left;
       vertical-align: top; border-bottom: 1px solid #ddd; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.baseline td { color: #555; } tr.baseline td:first-child { padding-left: 1.4rem; }
tr.hit td { font-weight: 600; }
figure { margin: 1.4rem 0; break-inside: avoid; } figure img { max-width: 100%; }
figcaption, .small { color: #444; font-size: 0.9rem; }
.said { white-space: pre-line; background: #f4f4f4; padding: 0.7rem 1rem; }
.wide { overflow-x: auto; font-size: 0.85rem; }
.wide td, .wide th { overflow-wrap: normal; padding-right: 0.7rem; }
.wide td { white-space: nowrap; }
.caveats { border-left: 4px solid #D55E00; padding-left: 2rem; }
</style>
</head>
<body>
<h1>{{ page.title }}</h1>
<p class="small">{{ page.subtitle }}</p>
{% if page.description %}<div class="said">{{ page.description }}</div>{% endif %}
{% if page.pictures %}<p class="small">Figures:
{% for picture in page.pictures %}<a href="#figure-{{ loop.index }}">{{ picture.name }}</a>
{% if not loop.last %}· {% endif %}{% endfor %}</p>{% endif %}
<h2>What was run on what</h2>
<table>
{% for name, value in page.facts %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}</table>
{% for table in page.scores %}
<h2>{{ table.title }}</h2>
<table>
<tr><th>score</th><th class="number">value</th><th class="number">95 % interval</th></tr>
{% for row in table.rows -%}
<tr{% if row.baseline %} class="baseline"{% endif %}><td>{{ row.name }}</td>
<td class="number">{{ row.value }}</td><td class="number">{{ row.interval }}</td></tr>
{% endfor %}</table>
{% endfor %}
{% if page.caveats %}<h2>To keep in mind</h2>
<ul class="caveats">
{% for sentence in page.caveats %}<li>{{ sentence }}</li>
{% endfor %}</ul>{% endif %}
{% for listing in page.listings %}<h2>{{ listing.title }}</h2>
<p class="small">{{ listing.note }}</p>
<div class="wide"><table>
<tr>{% for name in listing.columns %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in listing.rows -%}
<tr{% if row.hit %} class="hit"{% endif %}>
{% for cell in row.cells %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></div>{% endfor %}
{% if page.pictures %}<h2 id="figures">Figures</h2>
{% for picture in page.pictures %}<figure id="figure-{{ loop.index }}">
<img src="{{ picture.uri }}" alt="{{ picture.name }}">
<figcaption><b>{{ picture.name }}</b>. {{ picture.caption }}</figcaption>
</figure>
{% endfor %}{% endif %}
<h2>Settings</h2>
{% for title, values in page.settings %}<details>
<summary>{{ title }} ({{ values|length }})</summary><table>
{% for name, value in values %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}</table></details>
{% endfor %}
</body>
</html>
"""


@dataclass(frozen=True)
class Picture:
    """A figure as a data URI, and how it is read."""

    name: str
    uri: str
    caption: str


@dataclass(frozen=True)
class ListRow:
    """A row of the hit list as text, and whether it is a hit."""

    cells: list[str]
    hit: bool


@dataclass(frozen=True)
class Listing:
    """A table, and where it is from."""

    title: str
    note: str
    columns: list[str]
    rows: list[ListRow]


Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Page:
    """Content of the page; none of it is trusted to be HTML."""

    title: str
    subtitle: str
    description: str
    facts: Pairs
    scores: list[Table]
    caveats: list[str]
    listings: list[Listing]
    pictures: list[Picture]
    settings: list[tuple[str, Pairs]]


def render(page: Page) -> str:
    """Write the page as HTML."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(TEMPLATE).render(page=page)
