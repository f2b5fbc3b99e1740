"""A run: tasks shared among worker processes, within a time, so that no answer is lost.

runner.py     the order in which things happen
plan.py       a run's time, shared over lanes, passes and tasks
standing.py   what is known of lanes and tasks
ledger.py     what counts of every task
dispatch.py   who gets which task; deadlines.py: and how long
losses.py     lost workers and lanes
events.py     what is told, and when
workers.py    worker processes; worker.py: what they do; process.py: how processes end
services.py   processes that workers share, such as engine servers
runfolder.py  a run's files; saving.py: when they are written; results.py: tasks as lines of JSON
"""
