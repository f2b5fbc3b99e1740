"""How settings are declared, read and checked: defaults in frozen dataclasses, one TOML overlay, then `--set
group.name=value`.

A file looks like

    [run]
    seconds = 20
    workers = 4

    [search]
    use_mcts = false

Every fault of file and assignments together (unknown key, wrong type, out of range) is named in one SettingsError.
A group is a frozen dataclass over `Checked`, whose fields are `setting`s; bool, int, float, str, `X | None` and
`tuple[X, ...]` are understood. Nothing here reads argv or the environment.

The groups: settings.py (the solver), training/settings.py, synthesis/generate.py.
"""

from __future__ import annotations

import difflib
import json
import math
import textwrap
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import SettingsError

T = TypeVar("T")

_MISSING = object()


def setting(
    default: Any, about: str, *, low: float | None = None, high: float | None = None, choices: Sequence[Any] = ()
) -> Any:
    """A field with a default and, for `load`, its range (both ends included) or its possible values. about: what it
    is, for people."""
    return field(default=default, metadata={"about": about, "low": low, "high": high, "choices": tuple(choices)})


class Checked:
    """Checks its own fields: also settings made in Python cannot be out of range."""

    def __post_init__(self) -> None:
        faults = [fault for f in fields(self) if (fault := _fault(type(self), f.name, getattr(self, f.name)))]
        if faults:
            raise SettingsError("\n".join(faults))


def load(kind: type[T], toml_path: Path | None, assignments: Sequence[str] = (), *, first: Sequence[str] = ()) -> T:
    """Defaults, overlaid by the assignments in `first`, by the TOML file, then by assignments such as "run.seconds=5"
    (later ones win).

    kind: a frozen dataclass whose fields are groups. Raises SettingsError with one line for each fault of all of them.
    """
    faults: list[str] = []
    groups = _groups(kind)
    chosen: dict[str, dict[str, Any]] = {group: {} for group in groups}
    _assign(first, groups, chosen, faults)
    if toml_path is not None:
        _overlay(toml_path, groups, chosen, faults)
    _assign(assignments, groups, chosen, faults)
    if faults:
        raise SettingsError("\n".join(faults))
    return kind(**{name: group(**chosen[name]) for name, group in groups.items()})


def as_dict(settings: Any) -> dict[str, Any]:
    """Settings as nested plain dicts, for JSON."""
    return {
        group: {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
        for group, values in asdict(settings).items()
    }


def as_toml(kind: type) -> str:
    """All settings of a kind (see `load`) with their defaults and what they are, as a file that `load` reads. A default
    of none is a remark, since TOML does not know it: `load` takes the word in quotation marks for it."""
    lines = []
    for name, group in _groups(kind).items():
        paragraphs = (group.__doc__ or "").split("\n\n")
        lines += ["\n#\n".join(_remark(paragraph) for paragraph in paragraphs), f"[{name}]"]
        for f in fields(group):
            default = f.default if f.default is None else json.dumps(f.default, ensure_ascii=False)
            told = f"{f.metadata['about']} [{_allowed(group, f.name)}]"
            lines += [_remark(told), f'# {f.name} = "none"' if default is None else f"{f.name} = {default}"]
        lines.append("")
    return "\n".join(lines)


def _remark(text: str) -> str:
    width = 100
    return textwrap.fill(" ".join(text.split()), width, initial_indent="# ", subsequent_indent="# ")


def _allowed(kind: type, name: str) -> str:
    """What a field may be, in words."""
    meta = _metadata(kind, name)
    wanted = _hint(kind, name)
    if meta["choices"]:
        return ("some of " if get_origin(wanted) is tuple else "") + ", ".join(map(str, meta["choices"]))
    return ", ".join(filter(None, (_words(wanted), _range(meta["low"], meta["high"]))))


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return "" if high is None else f"at most {_number(high)}"
    return f"at least {_number(low)}" if high is None else f"{_number(low)} to {_number(high)}"


def _number(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"


def _groups(kind: type) -> dict[str, type]:
    return {name: group for name, group in get_type_hints(kind).items() if is_dataclass(group)}


def _overlay(path: Path, groups: dict[str, type], chosen: dict[str, dict[str, Any]], faults: list[str]) -> None:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        faults.append(f"{path}: {error.strerror}")
        return
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, or a number of more than 4,300 digits
        faults.append(f"{path}: not TOML: {error}")
        return
    for group, values in content.items():
        if isinstance(values, dict):
            for name, value in values.items():
                _choose(groups, chosen, faults, str(path), group, name, value=value)
        else:
            _choose(groups, chosen, faults, str(path), group, "", value=values)


def _assign(
    assignments: Sequence[str], groups: dict[str, type], chosen: dict[str, dict[str, Any]], faults: list[str]
) -> None:
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            faults.append(f"--set {assignment}: must be group.name=value")
            continue
        group, _, name = key.strip().partition(".")
        _choose(groups, chosen, faults, f"--set {assignment}", group, name, value=_value(text.strip()))


def _choose(
    groups: dict[str, type],
    chosen: dict[str, dict[str, Any]],
    faults: list[str],
    where: str,
    group: str,
    name: str,
    *,
    value: Any,
) -> None:
    """Take one value into `chosen`, or say in `faults` why not."""
    full = f"{group}.{name}" if name else group
    names = [f.name for f in fields(groups[group])] if group in groups else []
    if name not in names:
        every = [f"{g}.{f.name}" for g, kind in groups.items() for f in fields(kind)]
        near = [k for k in every if name and k.partition(".")[2] == name]
        near = near or [k for k in every if k.partition(".")[2] == group]
        near = near or difflib.get_close_matches(full, every, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(every)}"
        faults.append(f"{where}: unknown setting {full}{hint}")
        return
    kind = groups[group]
    if isinstance(value, str) and value.lower() == "none" and type(None) in get_args(_hint(kind, name)):
        value = None
    if fault := _fault(kind, name, value):
        faults.append(f"{where}: {group}.{fault}")
        return
    chosen[group][name] = _convert(_hint(kind, name), value)


def _value(text: str) -> Any:
    """What stands right of the = : a TOML value, else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # not TOML, or a number of more than 4,300 digits
        return text


def _hint(kind: type, name: str) -> Any:
    return get_type_hints(kind)[name]


def _metadata(kind: type, name: str) -> Mapping[str, Any]:
    """What `setting` was told of a field."""
    return next(f.metadata for f in fields(kind) if f.name == name)


def _fault(kind: type, name: str, value: Any) -> str:
    """'' or what is wrong with a value for a field."""
    meta = _metadata(kind, name)
    wanted = _hint(kind, name)
    if _convert(wanted, value) is _MISSING:
        return f"{name} must be {_words(wanted)}, not {value!r}"
    choices, low, high = meta.get("choices", ()), meta.get("low"), meta.get("high")
    for item in value if isinstance(value, (list, tuple)) else (value,):
        if choices and item not in choices:
            return f"{name} must be one of {', '.join(map(str, choices))}, not {item!r}"
        if isinstance(item, str) and any(char == "\0" or "\ud800" <= char <= "\udfff" for char in item):
            return f"{name} must be text that can be written again, not {item!a}"
        if isinstance(item, float) and not math.isfinite(item):
            return f"{name} must be finite, not {item!r}"
        if isinstance(item, (int, float)) and not isinstance(item, bool):
            if low is not None and item < low:
                return f"{name} must be at least {low:g}, not {item!r}"
            if high is not None and item > high:
                return f"{name} must be at most {high:g}, not {item!r}"
    return ""


def _convert(wanted: Any, value: Any) -> Any:
    """`value` as the wanted type, or _MISSING: an int may stand for a float, a list for a tuple, nothing
    else."""
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        for part in get_args(wanted):
            if (converted := _convert(part, value)) is not _MISSING:
                return converted
        return _MISSING
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            return _MISSING
        items = tuple(_convert(get_args(wanted)[0], item) for item in value)
        return _MISSING if _MISSING in items else items
    if wanted is type(None):
        return None if value is None else _MISSING
    if isinstance(value, bool) and wanted is not bool:
        return _MISSING
    if wanted is float and isinstance(value, int):
        return float(value)
    return value if isinstance(value, wanted) else _MISSING


def _words(wanted: Any) -> str:
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a text",
        type(None): "none",
    }
    if get_origin(wanted) in (Union, types.UnionType):
        return " or ".join(_words(part) for part in get_args(wanted))
    if get_origin(wanted) is tuple:
        return f"a list, each item {_words(get_args(wanted)[0])}"
    return names.get(wanted, str(wanted))
