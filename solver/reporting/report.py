"""report.html: a run as one page of pictures that opens without a network.

Every grid is a tiny PNG inside the page (one pixel a cell, scaled by the browser, grid lines drawn by CSS):
the 400 training tasks are 1.7 MB without programs, under 3 MB with them. Text of others (ids, programs,
errors) is escaped, and the page's own policy forbids it to load anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ..answers import Attempt, TaskResult
from ..score import Score, TaskScore, score
from ..submission import write_atomic
from ..tasks import Task, TaskStub
from .picture import png_uri

_STYLE = """
:root{--ink:#1c2024;--dim:#667079;--page:#f4f5f7;--card:#fff;--edge:#dde1e6;--good:#18794e;--half:#9a6700;
--bad:#b42318;--line:#55585c;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--dim:#98a1aa;--page:#14171a;--card:#1c2024;--edge:#30363d;
--good:#4cc38a;--half:#e2a336;--bad:#ff7b72}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:14px/1.45 system-ui,sans-serif}
header,main{max-width:1180px;margin:auto;padding:0 20px}
h1{font-size:20px;margin:22px 0 10px}
.totals{display:flex;flex-wrap:wrap;gap:10px;margin-bottom:12px}
.totals div{background:var(--card);border:1px solid var(--edge);border-radius:8px;padding:8px 14px;
min-width:104px}
.totals b{display:block;font-size:20px;font-variant-numeric:tabular-nums}
.totals span,.dim{color:var(--dim);font-size:12px}
.bar{position:sticky;top:0;z-index:2;background:var(--page);padding:8px 0;display:flex;flex-wrap:wrap;gap:6px;
align-items:center}
.bar button,.bar input,.bar select{font:inherit;color:inherit;background:var(--card);
border:1px solid var(--edge);border-radius:6px;padding:4px 11px}
.bar button{cursor:pointer}.bar button[aria-pressed=true]{background:var(--ink);color:var(--page)}
.bar input{flex:1;min-width:120px;max-width:240px}
article{background:var(--card);border:1px solid var(--edge);border-left:4px solid var(--dim);
border-radius:8px;margin:0 0 12px;padding:10px 14px 12px;
content-visibility:auto;contain-intrinsic-size:auto 340px}
article.solved{border-left-color:var(--good)}article.partly{border-left-color:var(--half)}
article.missed{border-left-color:var(--bad)}article[hidden]{display:none}
h1,h2{overflow-wrap:anywhere}
h2{font:600 15px/1.4 ui-monospace,monospace;display:inline;margin:0 10px 0 0}
.tag{font-size:12px;font-weight:600;margin-right:10px}
.solved .tag{color:var(--good)}.partly .tag{color:var(--half)}.missed .tag{color:var(--bad)}
.row{display:flex;flex-wrap:wrap;gap:10px 26px;align-items:flex-start;margin-top:10px}
.row+.row,details+.row{border-top:1px solid var(--edge);padding-top:10px}
.pair{display:flex;align-items:center;gap:7px}.pair>span{color:var(--dim)}
figure{margin:0}figcaption{font-size:12px;color:var(--dim);margin-top:3px;max-width:240px}
figcaption .ok{color:var(--good);font-weight:600}figcaption .no{color:var(--bad)}
.g{display:block;width:calc(var(--w)*var(--c) + 1px);height:calc(var(--h)*var(--c) + 1px);
background:linear-gradient(var(--line) 1px,transparent 1px) 0 0/var(--c) var(--c),
linear-gradient(90deg,var(--line) 1px,transparent 1px) 0 0/var(--c) var(--c),
var(--p) 0 0/calc(var(--w)*var(--c)) calc(var(--h)*var(--c)) no-repeat;image-rendering:pixelated;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
details{margin-top:8px}summary{cursor:pointer;color:var(--dim);font-size:12px}
pre{margin:6px 0 0;padding:8px 10px;background:var(--page);border-radius:6px;overflow:auto;
font:12px/1.5 ui-monospace,monospace;max-height:340px}
table{border-collapse:collapse;font-size:12px;margin-top:6px}td{padding:1px 18px 1px 0;color:var(--dim)}
td+td{color:var(--ink);font-family:ui-monospace,monospace}
.error{color:var(--bad);font:12px/1.5 ui-monospace,monospace;margin-top:8px;white-space:pre-wrap}
"""

_SCRIPT = """
const cards=[...document.querySelectorAll('article')],buttons=[...document.querySelectorAll('.bar button')],
find=document.querySelector('.bar input'),order=document.querySelector('.bar select'),
main=document.querySelector('main');
let kind='all';
function show(){const text=find.value.trim().toLowerCase();let n=0;for(const c of cards){
const on=(kind==='all'||c.classList.contains(kind))&&c.dataset.id.includes(text);c.hidden=!on;n+=on}
document.getElementById('shown').textContent=n+' shown';
for(const b of buttons)b.setAttribute('aria-pressed',b.dataset.kind===kind)}
for(const b of buttons)b.onclick=()=>{kind=b.dataset.kind;show()};
find.oninput=show;
order.onchange=()=>{const k=order.value;
main.append(...[...cards].sort((a,b)=>k==='id'?(a.dataset.id<b.dataset.id?-1:1):b.dataset[k]-a.dataset[k]))};
show();
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
_UNREADABLE = "unreadable"
_KINDS = {
    **{"solved": "Solved", "partly": "Partly", "missed": "Missed", "unknown": "Truth hidden"},
    _UNREADABLE: "Cannot be read",
}


def write_report(path: Path, page: str) -> None:
    """Write a page (`render_report`) atomically."""
    write_atomic(path, page.encode("utf-8", "backslashreplace"))


def render_report(
    tasks: Sequence[Task],
    results: Mapping[str, TaskResult],
    summary: Mapping[str, Any],
    title: str = "ARC run",
    faulty: Sequence[TaskStub] = (),
) -> str:
    """The page as HTML. summary: what summary.json holds; its 'settings' are shown folded. faulty: tasks that could not
    be read, after the others."""
    scored = score(tasks, results)
    shown = [(task, results.get(task.task_id), s) for task, s in zip(tasks, scored.tasks, strict=True)]
    cards = [_card(*one) for one in shown] + [_faulty_card(stub, results.get(stub.task_id)) for stub in faulty]
    counts = Counter([task.verdict for task in scored.tasks] + [_UNREADABLE] * len(faulty))
    fits = sum(_fits_yet_wrong(result, s) for _, result, s in shown)
    choices = [("all", f"All {len(cards)}")]
    choices += [(kind, f"{name} {counts[kind]}") for kind, name in _KINDS.items() if counts[kind]]
    choices += [("exactwrong", f"Fits, yet wrong {fits}")] if fits else []
    buttons = "".join(f'<button data-kind="{kind}">{text}</button>' for kind, text in choices)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>\n<header><h1>{escape(title)}</h1>{_totals(scored, summary)}"
        f'</header>\n<main><div class="bar">{buttons}<input placeholder="Find a task id" aria-label="Find a task id">'
        '<select aria-label="Order"><option value="at">In order</option><option value="id">By id</option>'
        '<option value="seconds">Slowest first</option>'
        '<option value="nodes">Most nodes first</option></select>'
        '<span class="dim" id="shown"></span></div>\n'
        + "\n".join(cards)
        + f"\n</main><script>{_SCRIPT}</script></body></html>\n"
    )


def _totals(scored: Score, summary: Mapping[str, Any]) -> str:
    tiles = []
    if scored.scored:
        tiles += [
            (f"{scored.num_solved} / {len(scored.scored)}", "tasks solved"),
            (f"{scored.task_mean:.1%}", "task mean"),
            (f"{scored.output_mean:.1%}", "output mean"),
        ]
        alone = summary.get("alone") or {}
        tiles += [(f"{totals['tasks_solved']}", f"{name} alone") for name, totals in alone.items()]
    texts = {
        "seconds_per_task": ("{:.1f} s", "a task"),
        "wall_s": ("{:.0f} s", "wall clock"),
        "workers": ("{}", "workers"),
        "seed": ("{}", "seed"),
        "version": ("{}", "version"),
    }
    tiles += [(form.format(summary[k]), name) for k, (form, name) in texts.items() if summary.get(k) is not None]
    shown = "".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for value, name in tiles)
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(str(value))}</td></tr>"
        for name, value in _flat(summary.get("settings") or {})
    )
    folded = f"<details><summary>Settings</summary><table>{rows}</table></details>" if rows else ""
    return f'<div class="totals">{shown}</div>{folded}'


def _flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows = []
    for name, value in settings.items():
        rows += _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(prefix + name, value)]
    return rows


def _fits_yet_wrong(result: TaskResult | None, scored: TaskScore) -> bool:
    """Whether a program fits all pairs of a task that is not solved."""
    return result is not None and result.num_exact > 0 and scored.verdict in ("missed", "partly")


def _card(task: Task, result: TaskResult | None, scored: TaskScore) -> str:
    seconds = result.seconds if result else 0.0
    nodes = result.num_nodes if result else 0
    num_exact = result.num_exact if result else 0
    classes = [scored.verdict, *(["exactwrong"] if _fits_yet_wrong(result, scored) else [])]
    facts = [f"{seconds:.1f} s", f"{nodes:,} nodes", f"{num_exact} fit all pairs"]
    if result is None:
        facts = ["no result"]
    elif result.status != "done":
        facts.append(result.status)
    if result and result.phases:
        longest = sorted(result.phases.items(), key=lambda item: -item[1])[:4]
        shown = [f"{name} {value:.1f} s" for name, value in longest if value >= 0.05]
        facts += [", ".join(shown)] if shown else []
    verdict = _KINDS[scored.verdict]
    if scored.verdict == "partly":
        verdict = f"{scored.num_right} of {scored.num_scored} tests"
    pairs = "".join(
        f'<div class="pair">{_grid(pair.input)}<span>→</span>{_grid(pair.output)}</div>' for pair in task.train
    )
    tests = _test_rows([(pair.input, pair.output) for pair in task.test], result)
    body = f'<div class="row">{pairs}</div>{tests}{_error(result.error if result else "")}'
    return _article(task.task_id, classes, verdict, facts, body, seconds, nodes)


def _faulty_card(stub: TaskStub, result: TaskResult | None) -> str:
    """What could be read of a task that is no task, and what is submitted for it."""
    body = _test_rows([(grid, None) for grid in stub.inputs], result) + _error(stub.error)
    return _article(stub.task_id, [_UNREADABLE], _KINDS[_UNREADABLE], [], body)


def _article(
    task_id: str,
    classes: Sequence[str],
    tag: str,
    facts: Sequence[str],
    body: str,
    seconds: float = 0.0,
    nodes: int = 0,
) -> str:
    return (
        f'<article class="{" ".join(classes)}" data-id="{escape(task_id.lower())}" data-at="0" '
        f'data-seconds="{seconds:.2f}" data-nodes="{nodes}"><h2>{escape(task_id)}</h2>'
        f'<span class="tag">{tag}</span><span class="dim">{escape(" · ".join(facts))}</span>{body}</article>'
    )


def _error(text: str) -> str:
    return f'<div class="error">{escape(text)}</div>' if text else ""


def _test_rows(tests: Sequence[tuple[np.ndarray | None, np.ndarray | None]], result: TaskResult | None) -> str:
    """A row for each test input: the input (None: it cannot be read), the attempts, the truth (None: hidden)."""
    attempts = result.attempts if result else ()
    return "".join(
        _test_row(*test, attempts[index] if index < len(attempts) else (), f" {index + 1}" if len(tests) > 1 else "")
        for index, test in enumerate(tests)
    )


def _test_row(given: np.ndarray | None, truth: np.ndarray | None, attempts: Sequence[Attempt], number: str) -> str:
    programs = []
    figures = [_figure(given, f"test input{number}")]
    for n, attempt in enumerate(attempts[:2], 1):
        figures.append(_figure(attempt.grid, f"attempt {n}{_comment(attempt, truth)}"))
        if attempt.origin:
            fits = ", fits all pairs" if attempt.exact else ""
            shares = ", ".join(f"{share:.0%} of {escape(name)}" for name, share in attempt.shares.items())
            about = f"Attempt {n}: {escape(attempt.source)}, {attempt.weight:.0%} trusted ({shares}){fits}"
            text = escape(attempt.origin)
            programs.append(f"<details><summary>{about}</summary><pre>{text}</pre></details>")
    if truth is not None:
        figures.append(_figure(truth, "truth"))
    return f'<div class="row">{"".join(figures)}</div>{"".join(programs)}'


def _comment(attempt: Attempt, truth: np.ndarray | None) -> str:
    """How an attempt compares with the truth, and where it comes from."""
    source = escape(attempt.source) or "fallback"
    if truth is None:
        return f" · {source}"
    if attempt.grid.shape != truth.shape:
        return f' · {source}<br><span class="no">✗ wrong size</span>'
    wrong = int((attempt.grid != truth).sum())
    if not wrong:
        return f' · {source}<br><span class="ok">✓ right</span>'
    return f' · {source}<br><span class="no">✗ {wrong} of {truth.size} cells wrong</span>'


def _figure(grid: np.ndarray | None, caption: str) -> str:
    return f"<figure>{_grid(grid, 7)}<figcaption>{caption}</figcaption></figure>"


def _grid(grid: np.ndarray | None, most: int = 5) -> str:
    """A grid at `most` pixels a cell or less, small ones larger: between about 30 and 190 pixels a side."""
    if grid is None:
        return '<span class="dim">cannot be read</span>'
    height, width = grid.shape
    cell = max(3, min(most * 28 // max(height, width), 16))
    style = f"--w:{width};--h:{height};--c:{cell}px;--p:url({png_uri(grid)})"
    return f'<b class="g" role="img" aria-label="{height}×{width}" style="{style}"></b>'
