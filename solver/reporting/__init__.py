"""What people see of a run.

report.py    report.html: every grid, attempt and program
summary.py   summary.json
profile.py   where a run's time went
picture.py   grids as PNG; figures.py: diagrams as files
terminal.py  lines and grids on a terminal; progress.py: progress bars
"""
