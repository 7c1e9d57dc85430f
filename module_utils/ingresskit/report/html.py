"""The report as one page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from itertools import groupby

from jinja2 import Environment, StrictUndefined

from ..oracle.types import SmokeReport
from ..probe.words import describe, printable
from .rows import Row, expiring, rows, summary, target_words, title

# A string, because data files in module_utils do not travel with a module.
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ summary }} · {{ title }}</title>
<style>
:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #3a3f4a); --dim: light-dark(#5b6472, #9aa3b2);
  --good: light-dark(#0a7d33, #4cc38a); --bad: light-dark(#c01c28, #ff7b72); --warn: light-dark(#8a5a00, #e3b341);
  --head: light-dark(#f4f6f9, #1c2028); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; }
h1.ok { color: var(--good); } h1.failed { color: var(--bad); }
p { margin: .2rem 0; color: var(--dim); }
p.note { color: var(--warn); font-weight: 600; }
label { display: inline-block; margin: 1rem 0 .5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; }
thead th { color: var(--dim); font-weight: 500; }
tr.group th { background: var(--head); font: 600 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
tr.group .detail { font: 13px/1.5 system-ui, sans-serif; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.code { min-width: 9rem; font-family: ui-monospace, monospace; font-size: 13px; overflow-wrap: anywhere; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.short { white-space: nowrap; }
.proven { color: var(--good); } .FAILED, .reason { color: var(--bad); } .FAILED { font-weight: 700; }
.detail { color: var(--dim); font-size: 13px; }
body:has(#failed:checked) tr.good { display: none; }
</style>
</head>
<body>
<h1 class="{{ 'failed' if failed else 'ok' }}">{{ summary }}</h1>
<p>{{ title }}</p>
{% for target in targets %}<p>target {{ target }}</p>
{% endfor %}
{% for note in notes %}<p class="note">{{ note }}</p>
{% endfor %}
{% if failed %}<label><input type="checkbox" id="failed"> only what failed</label>{% endif %}
<div class="scroll">
<table>
<thead><tr><th>Path<th>Expected<th>Answer<th>TLS<th>Time<th>Verdict</tr></thead>
{% for url, group in groups %}
<tbody>
<tr class="group{{ ' good' if group | rejectattr('ok') | list | length == 0 }}"><th colspan="6">{{ url }}
{% for line in certificates(group) %}<div class="detail">{{ line }}</div>{% endfor %}</tr>
{% for row in group %}
<tr class="{{ 'good' if row.ok else 'bad' }}">
<td class="code">{{ row.path }}
<td>{{ row.expected }}
<td>{{ came(row) }}
{% if not row.ok %}<div class="reason">{{ row.reason }}</div>
<div class="detail">declared by {{ row.source }}</div>{% endif %}
<td class="short">{{ row.tls }}
<td class="number">{{ "%.2f s" % row.result.seconds }}\
{% if row.result.attempts > 1 %}<div class="detail">{{ row.result.attempts }} tries</div>{% endif %}
<td class="short {{ row.verdict }}">{{ row.verdict }}
</tr>
{% endfor %}
</tbody>
{% endfor %}
</table>
</div>
</body>
</html>
"""


def render_html(report: SmokeReport) -> str:
    """Return the page. What an answer holds is text on it, never markup: jinja2 escapes it, and no script may run."""
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(_PAGE)
    return page.render(
        title=title(report),
        summary=summary(report),
        targets=list(map(target_words, report.targets)),
        notes=[*map(printable, report.notes), *expiring(report)],
        failed=any(not result.ok for result in report.results),
        groups=[(url, list(same)) for url, same in groupby(rows(report), lambda row: row.url)],
        came=_came,
        certificates=_certificates,
    )


def _came(row: Row) -> str:
    return describe(row.result.answer) if row.result.answer else row.answer


def _certificates(group: list[Row]) -> list[str]:
    """What was served at one URL: one line, and more where the controller's replicas do not agree."""
    shown = (row.result.answer.tls for row in group if row.result.answer)
    lines = (
        f"{info.version}, {printable(info.subject)} by {printable(info.issuer)}, "
        f"until {info.not_after:%Y-%m-%d}, sha256 {info.fingerprint[:16]}…"
        for info in shown
        if info and info.not_after
    )
    return list(dict.fromkeys(lines))
