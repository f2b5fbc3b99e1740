"""What the project sends, through the real client's own code (kaggle, an extra), its connection replaced."""

from __future__ import annotations

import contextlib
import io
import json

import kaggle_upload
import make_notebook
import pytest

with contextlib.redirect_stdout(io.StringIO()):  # importing it tries to log in
    kaggle_api = pytest.importorskip("kaggle.api.kaggle_api_extended")

from requests.exceptions import HTTPError


class Recorder(kaggle_api.KaggleApi):
    """Connects to nothing; keeps requests and files."""

    def __init__(self, exists: bool = False) -> None:
        super().__init__()
        self.config_values = {self.CONFIG_NAME_USER: "somebody"}
        self.exists, self.requests, self.files = exists, [], []

    def dataset_status(self, *_, **__):
        if not self.exists:
            raise HTTPError("404")

    def _upload_blob(self, path, *_, **__):
        self.files.append(path.rpartition("/")[2])
        return f"token of {path}"

    @contextlib.contextmanager
    def build_kaggle_client(self):
        yield Anything(self.requests)


class Anything:
    """Every attribute is another; called, it keeps the request."""

    def __init__(self, requests) -> None:
        self._requests = requests

    def __getattr__(self, _name):
        return Anything(self._requests)

    def __call__(self, request):
        self._requests.append(request)
        return self


def test_every_status_of_a_dataset_is_known():
    from kagglesdk.datasets.types.dataset_enums import DatabundleVersionStatus

    known = {kaggle_upload.READY, *kaggle_upload.UNPACKING, "failed", "deleted"}
    assert {status.name.lower() for status in DatabundleVersionStatus} == known


@pytest.fixture
def staged(tmp_path):
    """The folders that a dry run leaves."""
    wheels = tmp_path / "build"
    wheels.mkdir()
    (wheels / "arc_solver-0.1.0-py3-none-any.whl").write_bytes(b"wheel")
    words = ["--owner", "somebody", "--out", str(tmp_path), "--dry-run"]
    assert kaggle_upload.main(["weights", *words]) == 0
    assert kaggle_upload.main(["wheels", *words, "--folder", str(wheels)]) == 0
    assert kaggle_upload.main(["notebook", *words]) == 0
    return tmp_path


@pytest.mark.parametrize(("kind", "sent"), [("weights", "vision.zip"), ("wheels", "arc_solver-0.1.0-py3-none-any.whl")])
def test_the_client_takes_the_datasets(staged, kind, sent):
    client = Recorder()
    client.dataset_create_new(str(staged / kind), quiet=True, dir_mode="zip")
    (request,) = client.requests
    assert (request.owner_slug, request.slug) == ("somebody", kaggle_upload.SLUGS[kind])
    assert request.is_private
    assert sent in client.files
    again = Recorder(exists=True)
    again.dataset_create_version(str(staged / kind), "more", quiet=True, dir_mode="zip")
    assert sent in again.files


def test_the_client_takes_the_notebook(staged, capsys):
    client = Recorder()
    client.kernels_push(str(staged / "notebook"))
    assert "does not resolve" not in capsys.readouterr().out
    (request,) = client.requests
    assert request.enable_internet is False
    assert request.machine_shape == "NvidiaL4"
    assert request.dataset_data_sources == ["somebody/arc-solver-wheels", "somebody/arc-solver-weights"]
    cells = json.loads(request.text)["cells"]
    assert any("arc-agi_test_challenges.json" in cell["source"] for cell in cells)


@pytest.mark.parametrize(
    "change", [{"title": "x" * 51}, {"title": "short"}, {"id": "somebody/short"}, {"licenses": []}]
)
def test_what_the_client_refuses_of_a_dataset_is_refused_before(staged, change):
    path = staged / "weights" / "dataset-metadata.json"
    wrong = json.loads(path.read_text()) | change
    assert len(kaggle_upload.check_dataset(wrong)) == 1
    path.write_text(json.dumps(wrong))
    with pytest.raises(ValueError, match=r"(?i)title|slug|license"):
        Recorder().dataset_create_new(str(staged / "weights"), quiet=True, dir_mode="zip")


@pytest.mark.parametrize("change", [{"title": "ARC"}, {"code_file": "no.ipynb"}, {"dataset_sources": ["wheels"]}])
def test_what_the_client_refuses_of_a_notebook_is_refused_before(staged, change):
    path = staged / "notebook" / "kernel-metadata.json"
    wrong = json.loads(path.read_text()) | change
    assert kaggle_upload.check_kernel(wrong, path.parent)
    path.write_text(json.dumps(wrong))
    with pytest.raises(ValueError, match=r"(?i)title|source file|dataset"):
        Recorder().kernels_push(str(path.parent))


def test_both_competitions_have_metadata_that_the_client_takes(tmp_path):
    for competition in make_notebook.COMPETITIONS:
        make_notebook.main(["--owner", "somebody", "--competition", competition, "--out", str(tmp_path)])
        client = Recorder()
        client.kernels_push(str(tmp_path))
        assert client.requests[0].competition_data_sources == [competition]
