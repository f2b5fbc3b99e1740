"""How the tools end: tools/command_line.py, which all of them use."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import arguments, main_of, minutes, natural, positive

from solver.errors import InputError, SettingsError

TOOLS = Path(__file__).parents[1] / "tools"


def run(what, *, argv=(), **how):
    """What a tool named 'tool' does, whose command is `what`."""
    parser = arguments("A tool.")
    parser.set_defaults(run_command=what)
    return main_of("tool", parser, list(argv), **how)


def raising(error):
    def command(args):
        raise error

    return command


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1)])
def test_a_command_may_say_its_exit_code(capsys, returned, code):
    assert run(lambda args: returned) == code
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("tasks.json: damaged"), 2, "tool: tasks.json: damaged\n"),
        (SettingsError("a: unknown\nb: unknown"), 2, "tool: a: unknown\ntool: b: unknown\n"),
        (FileNotFoundError(2, "No such file or directory", "x"), 2, "tool: [Errno 2] No such file or directory: 'x'\n"),
        (FloatingPointError("the loss is not finite"), 2, "tool: the loss is not finite\n"),
        (subprocess.CalledProcessError(1, ["pip", Path("x")]), 2, "tool: pip x failed: see above\n"),
        (KeyboardInterrupt(), 130, "tool: interrupted\n"),
    ],
)
def test_what_ends_a_tool_is_a_line_a_fault(capsys, error, code, said):
    assert run(raising(error)) == code
    assert capsys.readouterr().err == said


def test_a_tool_may_say_what_ctrl_c_costs(capsys):
    assert run(raising(KeyboardInterrupt()), interrupted="nothing is kept") == 130
    assert capsys.readouterr().err == "tool: nothing is kept\n"


def test_what_the_parser_refuses_is_2(capsys):
    with pytest.raises(SystemExit) as ended:
        run(lambda args: pytest.fail("begun"), argv=["--strange"])
    assert ended.value.code == 2
    assert "--strange" in capsys.readouterr().err


def test_a_fault_of_the_tool_itself_shows_where_it_is():
    with pytest.raises(KeyError):
        run(raising(KeyError("x")))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_signals_end_a_tool(tmp_path, number, code):
    """A process that SIGTERM has ended is 143 to a shell."""
    tool = tmp_path / "tool.py"
    tool.write_text(
        "import signal, time\n"
        "from command_line import arguments, main_of\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a suite in the background ignores it
        "def wait(args):\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(60)\n"
        "parser = arguments(None)\n"
        "parser.set_defaults(run_command=wait)\n"
        "raise SystemExit(main_of('tool', parser, []))\n"
    )
    environment = {"PYTHONPATH": f"{TOOLS}:{TOOLS.parent}", "PATH": ""}
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, str(tool)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        said = process.communicate()[1]
    assert process.returncode == code
    assert said == ("tool: interrupted\n" if code == 130 else "")
    assert time.monotonic() - began < 50


@pytest.mark.parametrize(
    "tool", sorted(path for path in TOOLS.glob("*.py") if "__main__" in path.read_text()), ids=lambda p: p.stem
)
def test_every_tool_ends_that_way(tool):
    text = tool.read_text(encoding="utf-8")
    assert f'main_of("{tool.stem}", ' in text
    assert not [word for word in ("sys.exit(f", 'sys.exit("', "return 2\n", "parser.error(") if word in text]


@pytest.mark.parametrize(
    ("kind", "bad", "good"),
    [(positive, ("0", "-1", "1.5", "x"), ("1", "12")), (natural, ("-1", "nan"), ("0", "3")),
     (minutes, ("-0.1", "nan", "x"), ("0", "0.5", "inf"))],
)  # fmt: skip
def test_numbers_that_are_none_are_refused_with_the_flags_name(capsys, kind, bad, good):
    parser = arguments("A tool.")
    parser.add_argument("--number", type=kind)
    for text in good:
        assert parser.parse_args(["--number", text]).number == float(text)
    for text in bad:
        with pytest.raises(SystemExit) as ended:
            parser.parse_args([f"--number={text}"])
        assert ended.value.code == 2
        assert "--number" in capsys.readouterr().err
