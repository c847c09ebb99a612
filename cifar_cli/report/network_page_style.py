"""How the page of `cifar explain` looks, by day and by night."""

STYLE = """
:root { color-scheme: light dark; --paper: #fbfbf9; --ink: #1d2430; --pale: #667085; --line: #e3e5e8; --card: #fff;
  --bar: #dbe6fb; --less: 201,76,76; --more: 59,111,212; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171c; --ink: #e7eaf0; --pale: #98a2b3; --line: #2b313b;
  --card: #1b2027; --bar: #25385f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 40px 28px 80px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 30px; margin: 0; letter-spacing: -.02em; }
h2 { font-size: 19px; margin: 44px 0 6px; }
h3 { font-size: 14px; margin: 20px 0 6px; }
p { margin: 0 0 10px; color: var(--pale); max-width: 75ch; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 14px; margin-top: 26px; }
.figures div { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 18px; }
.figures span, .figures small { display: block; color: var(--pale); font-size: 13px; }
.figures strong { font-size: 25px; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.flow { display: flex; align-items: flex-end; gap: 14px; overflow-x: auto; padding: 18px; background: var(--card);
  border: 1px solid var(--line); border-radius: 12px; }
.flow figure { margin: 0; flex: none; display: flex; flex-direction: column; align-items: center; }
.flow figure div { border-radius: 3px; opacity: .88; }
.flow figcaption { font-size: 11px; color: var(--pale); text-align: center; margin-top: 8px; white-space: nowrap; }
.flow b { display: block; color: var(--ink); }
.key { display: flex; flex-wrap: wrap; gap: 16px; margin-top: 10px; font-size: 13px; }
.key i, .steps i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 7px; }
.wide { overflow-x: auto; }
.steps { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
.steps th, .steps td { padding: 6px 10px; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
.steps thead th { position: sticky; top: 0; background: var(--paper); color: var(--pale); font-weight: 500; }
.steps tr > :first-child, .steps .why, .steps thead th:nth-child(3) { text-align: left; }
.steps tbody th { font-weight: 600; }
.steps small { color: var(--pale); font-weight: 400; margin-left: 8px; }
.steps em { color: var(--pale); }
.steps .why { white-space: normal; min-width: 240px; }
.steps .bar { background: linear-gradient(to left, var(--bar) var(--part), transparent var(--part));
  background-size: 100% 70%; background-position: center; background-repeat: no-repeat; }
.steps tfoot th, .steps tfoot td { font-weight: 700; border-bottom: none; border-top: 2px solid var(--line); }
.legend { font-size: 13px; margin: 10px 0 0; max-width: 110ch; }
.worked { display: flex; flex-wrap: wrap; gap: 28px; align-items: flex-start; background: var(--card);
  border: 1px solid var(--line); border-radius: 12px; padding: 20px; }
.worked svg { border-radius: 6px; display: block; }
.worked figure { margin: 0; }
.worked figcaption { font-size: 12px; color: var(--pale); margin-top: 6px; max-width: 260px; }
.grids { display: flex; flex-wrap: wrap; gap: 10px 22px; align-items: flex-end; }
.grid { border-collapse: collapse; font: 11px/1 ui-monospace, "DejaVu Sans Mono", monospace; }
.grid caption { font: 12px system-ui, "DejaVu Sans", sans-serif; color: var(--pale); text-align: left;
  padding-bottom: 4px; }
.grid td { width: 42px; height: 30px; text-align: center; border: 1px solid var(--card); border-radius: 3px;
  background: var(--line); }
.sum { border-collapse: collapse; margin-top: 20px; font-variant-numeric: tabular-nums; }
.sum td { padding: 3px 0; } .sum td + td { text-align: right; padding-left: 36px; }
.sum tr.end td { border-top: 1px solid var(--pale); font-weight: 700; }
"""
