"""The style of the page: light, dark, on paper and on a phone. Contrasts are 4.5 to 1 or more."""

from __future__ import annotations

from nightsort.report.markup import Markup

STYLE = Markup("""
:root { color-scheme: light dark; --page: #ffffff; --text: #1b1f24; --quiet: #57606a; --line: #d0d7de; --block: #f6f8fa;
  --bar: #2f6fb2; --odd: #b3541e; --whole: #c6daee; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171a; --text: #e6e8ea; --quiet: #a0a8b0; --line: #3a4149; --block: #1e2328;
    --bar: #6aa9e9; --odd: #e59866; --whole: #2c4460; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main, header, footer { max-width: 60rem; margin: 0 auto; padding: 0 1rem; overflow-wrap: anywhere; }
header { padding-top: 1.5rem; }
footer { padding-bottom: 1.5rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 0.25rem; }
p { margin: 0.5rem 0; }
.quiet, header p, footer p, caption { color: var(--quiet); }
.warning { border-left: 4px solid var(--odd); padding-left: 0.75rem; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; padding-bottom: 0.25rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.75rem 0.3rem 0;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
tbody th { font-weight: 400; min-width: 5.5rem; }
thead th, .word { overflow-wrap: normal; }
.runs tbody th { white-space: nowrap; }
.name { display: block; white-space: normal; font-size: 0.875em; }
tfoot th, tfoot td { font-weight: 600; border-bottom: 0; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
.scroll table { overflow-wrap: normal; }
.scroll tbody th { min-width: 9rem; }
.matrix { width: auto; font-size: 0.8rem; }
.matrix th, .matrix td { padding: 0.15rem 0.4rem; }
td.right { background: var(--whole); }
td.wrong { color: var(--odd); font-weight: 600; }
td.chart { width: 40%; padding-right: 0; vertical-align: middle; }
svg { display: block; width: 100%; height: 0.9rem; }
rect { fill: var(--bar); }
rect.odd { fill: var(--odd); }
rect.whole { fill: var(--whole); }
dl { display: grid; grid-template-columns: minmax(8rem, 14rem) 1fr; gap: 0.3rem 1rem; margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; }
pre { background: var(--block); padding: 0.75rem; margin: 0.5rem 0; white-space: pre-wrap;
  font: 0.875rem/1.45 ui-monospace, monospace; }
ul { margin: 0.25rem 0; padding-left: 1.25rem; }
@media (max-width: 40rem) {
  body { font-size: 15px; }
  table { font-size: 14px; }
  td.chart { width: 25%; }
  th, td { padding-right: 0.5rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 0.5rem; }
  .runs tbody th { white-space: normal; }
  .wide { display: none; }
}
@media print {
  :root { color-scheme: light; --page: #ffffff; --text: #000000; --quiet: #444444; --line: #999999; --block: #ffffff;
    --bar: #2f6fb2; --odd: #b3541e; --whole: #c6daee; }
  @page { margin: 15mm; }
  body { font-size: 11pt; }
  table { font-size: 10pt; }
  tfoot { display: table-row-group; }
  .large { display: none; }
  main, header, footer { max-width: none; padding: 0; }
  svg { print-color-adjust: exact; }
  tr, pre, li { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
""")
