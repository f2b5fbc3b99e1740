"""Tokenised documents and their batches: nothing lost, nothing mixed up, the same order every time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.errors import InputError
from solver.training.document_folders import documents_facts
from solver.training.documents import Documents, PartWriter, token_type, write_facts
from solver.training.packing import Packer


def make(folder, lengths, *, group=1, num_vocabulary=50, seed=0, part=0) -> Documents:
    rng = np.random.default_rng(seed)
    write_facts(folder, num_vocabulary, group)
    writer = PartWriter(num_vocabulary)
    for length in lengths:
        writer.add(rng.integers(0, num_vocabulary, length), rng.integers(0, 3, length), float(rng.uniform(0.5, 2)))
    writer.write(folder, part)
    return Documents.load([folder])


@pytest.mark.parametrize(("size", "kind"), [(400, np.uint16), (16_384, np.uint16), (151_936, np.uint32)])
def test_documents_round_trip(tmp_path, size, kind):
    assert token_type(size) is kind
    write_facts(tmp_path, size, 1)
    written = [([size - 1, 0, 7], [0, 1, 2], 0.5), ([3], [0], 2.0)]
    for part, document in enumerate(written):
        writer = PartWriter(size)
        writer.add(*document)
        writer.write(tmp_path, part)
    documents = Documents.load([tmp_path])
    for k, (tokens, kinds, weight) in enumerate(written):
        stored = documents.tokens[documents.starts[k] :][: documents.lengths[k]]
        assert stored.dtype == kind
        got, got_kinds = documents.split(stored)
        assert got.tolist() == tokens
        assert got_kinds.tolist() == kinds
        assert documents.weights[k] == weight


@pytest.mark.parametrize(
    ("tokens", "flags", "weight"),
    [
        ([50], [True], 1),
        ([-1], [True], 1),
        ([], [], 1),
        ([1, 2], [True], 1),
        ([1], [True], 0),
        ([1], [True], np.nan),
        ([1], [3], 1),
    ],
)
def test_bad_documents_are_refused(tokens, flags, weight):
    with pytest.raises(ValueError, match=r"token|weight|kind"):
        PartWriter(50).add(tokens, flags, weight)


def test_bad_folders_are_one_line(tmp_path):
    make(tmp_path / "a", [5, 6])
    make(tmp_path / "b", [5], num_vocabulary=60)
    make(tmp_path / "c", [5, 6, 7], group=1)
    write_facts(tmp_path / "c", 50, 2)
    for folders in (["a", "b"], ["c"], ["none"]):
        with pytest.raises(InputError, match=str(tmp_path / folders[-1])):
            Documents.load([tmp_path / name for name in folders])
    np.save(tmp_path / "a" / "lengths-00000.npy", np.array([5, 5]))
    with pytest.raises(InputError, match="don't go together"):
        Documents.load([tmp_path / "a"])
    (tmp_path / "b" / "weights-00000.npy").write_bytes(b"")  # as a machine leaves it that lost power
    with pytest.raises(InputError, match="no tokenised documents"):
        Documents.load([tmp_path / "b"])
    for text in ("[1]", '"x"', "3"):  # JSON, but no object
        (tmp_path / "c" / "facts.json").write_text(text)
        for read in (Documents.load, documents_facts):
            with pytest.raises(InputError, match="no tokenised documents"):
                read([tmp_path / "c"])


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(30, 200), st.integers(0, 99))
@settings(max_examples=40)
def test_an_epoch_holds_every_document_once(tmp_path_factory, lengths, num_tokens, seed):
    documents = make(tmp_path_factory.mktemp("d"), lengths, seed=seed)
    fitting = [k for k, n in enumerate(lengths) if n <= min(num_tokens, 50)]
    if not fitting:
        with pytest.raises(ValueError, match="no document fits"):
            Packer(documents, num_tokens, 50, seed)
        return
    packer = Packer(documents, num_tokens, 50, seed)
    assert packer.num_left_out == len(lengths) - len(fitting)
    seen, number = [], 0
    while packer.batch(number) is not None and packer.epoch == 0:
        batch = packer.batch(number)
        assert all(len(a) == num_tokens for a in (batch.tokens, batch.positions, batch.documents))
        begin = 0
        for k, end in enumerate(batch.ends):
            own = slice(begin, end + 1)
            assert (batch.documents[own] == k).all()
            assert batch.positions[own].tolist() == list(range(end + 1 - begin))
            seen.append((batch.tokens[own].tolist(), float(batch.document_weights[k])))
            begin = end + 1
        assert (batch.documents[begin:] == len(batch.ends)).all()
        assert (batch.tokens[batch.targets + 1] == batch.labels).all()
        assert (batch.documents[batch.targets + 1] == batch.documents[batch.targets]).all()
        assert (batch.weights == batch.document_weights[batch.documents[batch.targets]]).all()
        number += 1
    stored = [
        (documents.split(documents.tokens[s : s + n])[0].tolist(), float(w))
        for s, n, w in zip(documents.starts, documents.lengths, documents.weights)
    ]
    assert sorted(seen) == sorted(stored[k] for k in fitting)


def test_batches_depend_on_the_seed_alone(tmp_path):
    documents = make(tmp_path, [10] * 50)
    first, again, other = (Packer(documents, 64, 64, seed) for seed in (1, 1, 2))
    forwards = [first.batch(n).tokens for n in range(30)]
    backwards = [again.batch(n).tokens for n in reversed(range(30))][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, backwards))
    assert not np.array_equal(forwards[0], other.batch(0).tokens)
    assert not np.array_equal(forwards[0], forwards[9])  # another epoch, another order


def test_groups_stay_together(tmp_path):
    documents = make(tmp_path, [10, 20] * 30, group=2)
    packer = Packer(documents, 100, 64, 0)
    for number in range(12):
        batch = packer.batch(number)
        lengths = np.diff([-1, *batch.ends])
        assert lengths.tolist() == [10, 20] * (len(lengths) // 2)
