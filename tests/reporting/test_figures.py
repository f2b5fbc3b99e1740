"""Pictures: written as their name says, and one line where they can't be."""

from __future__ import annotations

import matplotlib.image
import pytest

from solver.errors import InputError
from solver.reporting.figures import new_figure, save_figure


def figure():
    made = new_figure(3, 2)
    made.subplots().plot([1, 2])
    return made


def test_a_figure_is_saved_at_its_size(tmp_path):
    save_figure(figure(), tmp_path / "picture.png")
    assert matplotlib.image.imread(tmp_path / "picture.png").shape[:2] == (180, 270)
    save_figure(figure(), tmp_path / "picture.svg", dpi=50)
    assert "<svg" in (tmp_path / "picture.svg").read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("picture.txt", "picture.txt: Format 'txt' is not supported"),
        ("none/picture.png", "picture.png: cannot be written: No such file or directory"),
        ("folder.png", "folder.png: cannot be written: Is a directory"),
    ],
)
def test_what_can_not_be_saved_is_one_line(tmp_path, name, message):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError) as raised:
        save_figure(figure(), tmp_path / name)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
