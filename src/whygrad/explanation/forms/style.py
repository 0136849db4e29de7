"""How the HTML pages look: on a screen, light or dark, and on paper."""

STYLE = """
.whygrad { font: 16px/1.5 system-ui, sans-serif; color: #1c2330; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; overflow-wrap: anywhere; }
.whygrad .subject { color: #5c6778; margin: 0; }
.whygrad h1 { font-size: 1.6rem; margin: .2rem 0 1rem; }
.whygrad h2 { font-size: 1.15rem; margin-top: 2rem; color: #2f5fa7; border-bottom: 1px solid #dde3ec; }
.whygrad math { font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math", math; font-size: 1.06em; }
.whygrad .code { font-family: ui-monospace, monospace; font-size: .85em; }
.whygrad .equations { border-spacing: .3rem .35rem; margin: .6rem 0; }
.whygrad .equations math { math-style: normal; }
.whygrad .equations td { vertical-align: baseline; padding: 0; }
.whygrad .equations td:first-child { text-align: right; white-space: nowrap; }
.whygrad .equations td:last-child { padding-left: 1.6em; text-indent: -1.6em; text-align: left; }
.whygrad .equations td.whole { white-space: normal; }
.whygrad .wide { overflow-x: auto; margin: .8rem 0; }
.whygrad .grid { border-collapse: collapse; font-size: .95rem; }
.whygrad .grid th, .whygrad .grid td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #dde3ec;
  font-variant-numeric: tabular-nums; overflow-wrap: normal; }
.whygrad .grid th { color: #5c6778; font-weight: 600; vertical-align: bottom; }
.whygrad .grid .left { text-align: left; }
.whygrad ul { list-style: none; border-left: 1px solid #c5cfdd; margin: 0; padding-left: 1.2rem; }
.whygrad ul.tree { border: 0; padding: 0; max-width: 34rem; margin: 1rem 0; }
.whygrad li { margin: .1rem 0; clear: both; }
.whygrad li > .slope { color: #a3541c; float: right; }
.whygrad > svg { max-width: 34rem; width: 100%; display: block; margin: .8rem 0; }
.whygrad svg .loss { stroke: #2f5fa7; } .whygrad svg .tangent { stroke: #a3541c; stroke-dasharray: 5 4; }
.whygrad svg .mark { fill: #a3541c; } .whygrad svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
.whygrad svg .axis { stroke: currentColor; opacity: .45; }
.whygrad .loud { color: #b00020; font-weight: bold; }
@media (prefers-color-scheme: dark) {
  .whygrad { color: #dfe5ee; } .whygrad h2 { color: #8fb4ef; border-color: #333d4b; }
  .whygrad .subject, .whygrad .grid th { color: #9aa7b8; } .whygrad .loud { color: #ff8a80; }
  body:has(> .whygrad) { background: #14181f; } .whygrad li > .slope { color: #eba572; }
  .whygrad .grid th, .whygrad .grid td { border-color: #333d4b; } .whygrad ul { border-color: #4a5666; }
  .whygrad svg .loss { stroke: #8fb4ef; } .whygrad svg .tangent { stroke: #eba572; }
  .whygrad svg .mark { fill: #eba572; } }
@media (max-width: 48rem) { .whygrad .grid { font-size: .85rem; }
  .whygrad .grid th, .whygrad .grid td { padding: .15rem .45rem; } }
@media print { .whygrad { color: #000; max-width: none; margin: 0; } .whygrad h2 { break-after: avoid; }
  .whygrad table, .whygrad li { break-inside: avoid; } }
"""
