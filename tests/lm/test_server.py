"""Engine servers and their clients: no request waits for another worker's, and a lost server costs little."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Client, Listener, deliver_challenge
from types import SimpleNamespace

import fake_engines
import numpy as np
import pytest
from fake_engines import FakeLanguageModel, calls, make_engines, remote
from test_policy import START, TASK

from solver.executor import LibraryExecutor
from solver.lm import client
from solver.lm.client import EngineError, Servers, preferred_order
from solver.lm.engine import Request, Sampling
from solver.lm.prompt import Prompt
from solver.lm.server import Abort, Answered, Ask, EngineServer, Refusal, WholeCalls, serve_engines
from solver.policy import GrammarPolicy, MixturePolicy
from solver.run.services import Service, Services, spawn
from solver.search.grammar import Grammar
from solver.search.trace import trace_of
from solver.search.tree import Tree, TreeRules


def wait_for(condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


class Looking:
    """Services with what a runner does for them: looking after them all the time."""

    def __init__(self, *services):
        self.lines, self.error, self._over = [], None, threading.Event()
        self.services = Services(services, spawn, self.lines.append)
        self.addresses = self.services.addresses(services)
        self.services.start()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self):
        while not self._over.wait(0.01):
            self.services.look()

    def stop(self):
        self._over.set()
        self._thread.join()
        self.services.stop(1.0)
        return self.services.facts()

    def said(self, words):
        return any(words in line for line in self.lines)


@pytest.fixture
def start(tmp_path):
    """Starts servers of fake engines, each with a folder, and waits until they are ready."""
    running = []

    def start(latency=0.01, count=1, make=make_engines, more=(), wait=True, **options):
        folders = [tmp_path / str(number) for number in range(count)]
        for folder in folders:
            folder.mkdir(exist_ok=True)
        services = [
            Service(f"server {n}", serve_engines, (make, *more, latency, str(folder)), facts={"gpu": n}, **options)
            for n, folder in enumerate(folders)
        ]
        looking = Looking(*services)
        looking.folders = folders
        running.append(looking)
        if wait:
            wait_for(lambda: all(looking.said(f"server {n} is ready") for n in range(count)))
        return looking

    yield start
    for looking in running:
        looking.stop()


def request(rest="x1 =", seed=0):
    return Request(Prompt("shared ", rest), Sampling(num_samples=3, seed=seed))


def alone(requests):
    """What an engine in this process answers."""
    text = fake_engines.Characters()
    asked = [text.token_request(one) for one in requests]
    model = fake_engines.FakeModel(0.0, None)
    return [text.answers(one, model._answer(one)) for one in asked]


def reward(value) -> float:
    return (value.key[0] % 8) / 8


def make_tree(engine, scorer, seed, mixed=True, execute=None, time_left=None):
    policy, preference = FakeLanguageModel(engine, scorer, Sampling(num_samples=3)).policy(TASK, time_left)
    if mixed:
        policy = MixturePolicy([(policy, 0.7), (GrammarPolicy(Grammar(), [0, 1]), 0.3)])
    rules = TreeRules(batch=2, num_steps=6)
    preference = preference if mixed else None
    return Tree([((START,), 1.0)], [policy], reward, rules, np.random.default_rng(seed), execute, preference)


def grow(tree, num_steps):
    for _ in range(num_steps):
        tree.step()
    return tree


def seen(tree):
    trace = trace_of(tree)
    return trace.nodes, trace.head["num_executed"]


class Local:
    """Engine and scorer in this process that wait as long as a server's."""

    def __init__(self, folder, latency=0.0):
        self.text, self.model = fake_engines.Characters(), fake_engines.FakeModel(latency, folder)

    def ready(self):
        return True

    def generate(self, requests, deadline=None):
        asked = [self.text.token_request(one) for one in requests]
        return [self.text.answers(one, own) for one, own in zip(asked, self.model.call(asked, deadline), strict=True)]

    def score(self, prompts, deadline=None):
        return self.model.call([self.text.prompt_ids(prompt) for prompt in prompts], deadline)


def test_trees_over_a_server_grow_as_they_would_alone(start, tmp_path):
    server = start()
    with ThreadPoolExecutor(6) as workers:
        found = list(
            workers.map(lambda seed: seen(grow(make_tree(*remote(server.addresses, seed), seed), 5)), range(6))
        )
    local = Local(tmp_path)
    assert found == [seen(grow(make_tree(local, local, seed), 5)) for seed in range(6)]
    assert len({len(nodes) for nodes, _ in found}) > 1 or found[0] != found[1]
    assert all(node.ppm is not None or node.own == 1 for node in found[0][0][1:])
    assert max(calls(server.folders[0])) > 2


def test_many_workers_make_more_than_five_times_the_steps_of_one_tree_at_a_time(start, tmp_path):
    latency, count, num_steps = 0.12, 16, 3
    server = start(latency)
    local = Local(tmp_path, latency)
    for seed in range(count):  # whatever is compiled or loaded once
        grow(make_tree(*remote(server.addresses), seed, mixed=False), 1)
    began = time.monotonic()
    for seed in range(count):
        grow(make_tree(local, local, seed, mixed=False), num_steps)
    lockstep_s = time.monotonic() - began
    quickest_s = math.inf
    with ThreadPoolExecutor(count) as workers:
        for _ in range(3):  # other work on the machine slows the trees' own part
            trees = [make_tree(*remote(server.addresses, seed), seed, mixed=False) for seed in range(count)]
            began = time.monotonic()
            list(workers.map(lambda tree: grow(tree, num_steps), trees))
            quickest_s = min(quickest_s, time.monotonic() - began)
    print(f"{lockstep_s / quickest_s:.1f} times one after the other")
    assert lockstep_s >= 5 * quickest_s


def test_a_slow_program_holds_up_nobody_else(start):
    server = start()

    class Slow(LibraryExecutor):
        def __call__(self, values, steps):
            time.sleep(0.5)
            return super().__call__(values, steps)

    ends = {}

    def run(name, tree):
        grow(tree, 4)
        ends[name] = time.monotonic()

    began = time.monotonic()
    trees = {"slow": make_tree(*remote(server.addresses), 0, execute=Slow())}
    trees |= {str(k): make_tree(*remote(server.addresses), k) for k in range(1, 5)}
    threads = [threading.Thread(target=run, args=item) for item in trees.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slow = ends.pop("slow")
    assert slow - began >= 2.0
    assert max(ends.values()) < slow


def test_answers_come_as_they_are_done_and_late_ones_are_left_out(start):
    server = start(latency=1.5)
    engine, scorer = remote(server.addresses)
    assert engine.ready()
    began = time.monotonic()
    assert engine.generate([request(), request(seed=1)], began + 0.1) == [[], []]
    assert scorer.score([Prompt("a", "b")], time.monotonic() + 0.05) == [None]
    assert time.monotonic() - began < 1.4
    assert engine.generate([request(seed=2)], time.monotonic() + 20) == alone([request(seed=2)])
    assert engine.generate([request()], time.monotonic() - 1) == [[]]
    assert scorer.score([Prompt("a", "b")]) == [pytest.approx(fake_engines.crc32(b"b") % 1000 / 500 - 1)]


def test_nothing_of_a_call_that_was_given_up_is_computed(start):
    server = start(latency=1.0)
    first, second = remote(server.addresses)[0], remote(server.addresses)[0]
    assert first.ready()
    assert second.ready()
    busy = threading.Thread(target=first.generate, args=([request()],))
    busy.start()
    wait_for(lambda: calls(server.folders[0]))
    assert second.generate([request(seed=k) for k in range(5)], time.monotonic() + 0.05) == [[]] * 5
    busy.join()
    assert first.generate([request(seed=7)]) == alone([request(seed=7)])
    assert calls(server.folders[0]) == [1, 1]


def test_a_question_that_cannot_be_answered_is_told_to_who_asked_and_the_server_goes_on(start):
    server = start()
    engine, _ = remote(server.addresses)
    with pytest.raises(EngineError, match="ValueError: that is no prompt"):
        engine.generate([request(fake_engines.REFUSED)])
    assert engine.generate([request()]) == alone([request()])
    with pytest.raises(EngineError, match="KeyError"):
        engine.servers.ask("no such model", [((), ())])


def test_questions_in_flight_are_put_again_to_the_server_that_is_started_for_one_that_died(start):
    server = start(latency=0.2)
    engine, scorer = remote(server.addresses)
    (server.folders[0] / "die").touch()
    assert engine.generate([request(seed=k) for k in range(3)]) == alone([request(seed=k) for k in range(3)])
    assert server.said("server 0: it ended with exit code 9; starting it again")
    (server.folders[0] / "die").touch()
    assert scorer.score([Prompt("", "x")]) == [None]  # it is restarted once, and there is no other
    assert server.said("server 0: it ended with exit code 9; going on without it")
    assert not engine.ready()
    began = time.monotonic()
    assert engine.generate([request()]) == [[]]
    assert not engine.servers.wait(60)
    assert time.monotonic() - began < 5
    (facts,) = server.stop()
    assert (facts["gpu"], facts["restarts"]) == (0, 1)


def test_a_lost_server_is_not_waited_for_beyond_the_deadline(start):
    server = start(latency=0.1)
    engine, _ = remote(server.addresses)
    (server.folders[0] / "die").touch()
    began = time.monotonic()
    assert engine.generate([request()], began + 0.3) == [[]]
    assert time.monotonic() - began < 10


def test_another_server_takes_over(start):
    pair = start(count=2, max_restarts=0)
    engines = [remote(pair.addresses, slot)[0] for slot in range(4)]
    for engine in engines:
        assert engine.generate([request()]) == alone([request()])
    assert [len(calls(folder)) for folder in pair.folders] == [2, 2]
    (pair.folders[1] / "die").touch()
    for engine in engines:
        assert engine.generate([request()]) == alone([request()])
    assert calls(pair.folders[0]) == [1] * 6
    assert pair.said("server 1: it ended with exit code 9; going on without it")
    assert [facts["restarts"] for facts in pair.stop()] == [0, 0]


def test_workers_go_back_to_their_own_server(start, monkeypatch):
    monkeypatch.setattr(client, "RETRY_S", 0.0)
    pair = start(count=2)
    engine = remote(pair.addresses, 1)[0]
    (pair.folders[1] / "die").touch()
    assert engine.generate([request()]) == alone([request()])
    wait_for(lambda: sum("server 1 is ready" in line for line in pair.lines) == 2)
    before = len(calls(pair.folders[0]))
    engine.generate([request()])
    assert len(calls(pair.folders[0])) == before


def test_a_server_that_hangs_is_found_out_and_started_again(start):
    server = start(latency=0.05, silence_s=2.0)
    engine, _ = remote(server.addresses)
    (server.folders[0] / "hang").touch()
    assert engine.generate([request()], time.monotonic() + 0.5) == [[]]
    wait_for(lambda: server.said("server 0: no sign of life for 2 s; starting it again"))
    assert engine.servers.wait(20)
    assert engine.generate([request()]) == alone([request()])


@pytest.mark.parametrize("seconds", [60.0, None])
def test_a_server_that_works_long_as_it_may_is_not_held_to_hang(start, seconds):
    server = start(latency=2.5, silence_s=1.0)
    engine, _ = remote(server.addresses)
    deadline = None if seconds is None else time.monotonic() + seconds
    assert engine.generate([request()], deadline) == alone([request()])
    assert not server.said("no sign of life")


def test_a_server_that_is_stopped_is_not_waited_for(start, monkeypatch):
    monkeypatch.setattr(client, "CONNECT_S", 0.1)
    server = start()
    process = server.services._states[0].process
    os.kill(process.pid, signal.SIGSTOP)
    began = time.monotonic()
    assert not remote(server.addresses)[0].ready()
    assert time.monotonic() - began < 10
    os.kill(process.pid, signal.SIGCONT)
    assert remote(server.addresses)[0].servers.wait(10)


def test_a_server_that_hangs_while_it_takes_up_a_connection_is_not_waited_for(tmp_path, monkeypatch):
    """It has sent its challenge, and then nothing more."""
    monkeypatch.setattr(client, "CONNECT_S", 0.2)
    sent = []
    with contextlib.suppress(StopIteration):
        deliver_challenge(SimpleNamespace(send_bytes=lambda data: sent.append(data) or next(iter(()))), b"key")
    with Listener(str(tmp_path / "s"), "AF_UNIX") as listener:
        taken = []

        def take_up():
            taken.append(listener.accept())
            taken[0].send_bytes(sent[0])

        thread = threading.Thread(target=take_up)
        thread.start()
        began = time.monotonic()
        with pytest.raises(TimeoutError, match="does not answer"):
            client.connect(listener.address, b"key")
        assert time.monotonic() - began < 10
        thread.join()
        taken[0].close()


def test_reads_wait_again_once_a_server_has_taken_up_a_connection(start, monkeypatch):
    server = start()
    monkeypatch.setattr(client, "CONNECT_S", 0.2)
    connection = client.connect(server.addresses[0], bytes(multiprocessing.current_process().authkey))
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        assert not any(line.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16))
    connection.close()


def test_until_a_server_is_ready_the_grammar_goes_on_alone(start):
    server = start(make=fake_engines.make_slowly, more=(6.0,), wait=False)
    engine, scorer = remote(server.addresses)
    tree = make_tree(engine, scorer, 0)
    began = time.monotonic()
    grow(tree, 2)
    assert time.monotonic() - began < 5
    assert len(tree.nodes) > 2
    assert not any(node.ppm is not None for node in tree.nodes.values())
    assert engine.servers.wait(30)
    grow(tree, 3)
    assert any(node.ppm is not None for node in tree.nodes.values())
    assert server.stop()[0]["ready_s"] > 6


def test_a_server_that_cannot_load_is_given_up_and_says_why(start):
    server = start(make=_make_none, wait=False)
    wait_for(lambda: server.said("server 0: weights: damaged; going on without it"))
    assert server.said("server 0: weights: damaged; starting it again")
    assert not remote(server.addresses)[0].servers.wait(60)
    assert server.stop()[0]["ready_s"] is None


def _make_none(latency, folder):
    return fake_engines.make_none(folder)


def test_one_that_does_not_get_ready_in_time_is_given_up(start):
    server = start(make=fake_engines.make_slowly, more=(60.0,), wait=False, start_timeout_s=0.3, max_restarts=0)
    wait_for(lambda: server.said("server 0: not ready after 0 s; going on without it"))


def test_counts(start):
    server = start(latency=0.05)
    engine, scorer = remote(server.addresses)
    engine.generate([request(), request(seed=1)])
    scorer.score([Prompt("ab", "c")])
    time.sleep(1.2)  # a sign of life
    (facts,) = server.stop()
    assert (facts["requests"], facts["scored"], facts["steps"], facts["restarts"]) == (2, 1, 2, 0)
    assert facts["prompt_tokens"] == 2 * len("shared x1 =") + 3
    assert facts["generated_tokens"] == sum(a.num_tokens for own in alone([request(), request(seed=1)]) for a in own)
    assert 0.1 <= facts["busy_s"] < facts["wall_s"]
    assert facts["name"] == "server 0"


def test_workers_are_spread_over_servers_and_over_those_left():
    for count in (1, 2, 4):
        own = [preferred_order(count, slot)[0] for slot in range(8)]
        assert sorted(own) == sorted(list(range(count)) * (8 // count))
    second = [preferred_order(4, slot)[1] for slot in range(0, 12, 4)]
    assert sorted(second) == [1, 2, 3]
    assert all(sorted(preferred_order(4, slot)) == [0, 1, 2, 3] for slot in range(20))
    assert not Servers((), 0).ready()
    assert not Servers((), 0).wait(60)


def test_strangers_are_sent_away(start):
    server = start()
    with pytest.raises(multiprocessing.AuthenticationError):
        Client(server.addresses[0], "AF_UNIX", authkey=b"guess")
    engine, _ = remote(server.addresses)
    assert engine.generate([request()]) == alone([request()])
    folder = server.services.folder
    assert folder.stat().st_mode & 0o77 == 0
    server.stop()
    assert not folder.exists()


def test_a_worker_that_has_gone_leaves_nothing_behind():
    """The server's own part, without sockets: questions of a closed connection are not put to the engine any more."""
    asked = []
    server = EngineServer({"policy": WholeCalls(lambda questions, deadline: asked.append(questions) or [])}, "")
    ours, theirs = multiprocessing.Pipe()
    question = fake_engines.Characters().token_request(request())
    server._inbox.put((theirs, Ask(0, "policy", {0: question}, None)))
    server._inbox.put((theirs, Ask(1, "policy", {0: question}, None)))
    server._inbox.put((theirs, Abort(1)))
    server._inbox.put((theirs, None))
    server._take_in()
    server._step()
    assert (asked, server._asked) == ([], {})
    ours.close()


def test_a_worker_that_does_not_read_holds_up_nobody_for_long(start):
    """Its answer is more than the socket takes; it is cut off, and can come back."""
    server = start(make=fake_engines.make_verbose)
    (address,), key = server.addresses, bytes(multiprocessing.current_process().authkey)
    text = fake_engines.Characters()
    long, short = text.token_request(request("x" * 100)), text.token_request(request("x"))
    lazy, other = client.connect(address, key), client.connect(address, key)
    lazy.send(Ask(0, "policy", {0: long}, None))
    time.sleep(0.2)
    other.send(Ask(0, "policy", {0: short}, None))
    assert other.poll(10)
    assert other.recv().answers[0][0].tokens == (7,)
    with pytest.raises((EOFError, OSError)):
        lazy.recv()
    servers = Servers(server.addresses, 0)
    assert servers.wait(10)
    assert servers.ask("policy", [long])[0][0].tokens == (7,) * 1_000_000
    for connection in (lazy, other):
        connection.close()


def test_a_score_that_was_not_made_in_time_is_an_answer_like_others():
    server = EngineServer({"ppm": WholeCalls(lambda questions, deadline: [0.5, None])}, "")
    ours, theirs = multiprocessing.Pipe()
    server._inbox.put((theirs, Ask(0, "ppm", {0: ((1,), (2,)), 1: ((1,), (3,))}, 0.0)))
    server._take_in()
    server._step()
    assert ours.poll(5)
    assert ours.recv().answers == {0: 0.5, 1: None}


def test_deadlines_of_a_call_are_the_latest_of_its_questions():
    deadlines = []
    engine = WholeCalls(lambda questions, deadline: deadlines.append(deadline) or [0.0 for _ in questions])
    for own in ((1.0, 5.0), (1.0, None)):
        for key, deadline in enumerate(own):
            engine.add(key, key, deadline)
        assert engine.step() == [(0, 0.0), (1, 0.0)]
    assert deadlines == [5.0, None]
    assert not engine.busy


def test_a_question_that_cannot_be_answered_costs_no_other_its_answer():
    def call(questions, deadline):
        if "bad" in questions:
            raise ValueError(f"no prompt, {deadline}")
        return [len(question) for question in questions]

    engine = WholeCalls(call)
    for key, question in enumerate(("one", "bad", "three")):
        engine.add(key, question, float(key))
    assert engine.step() == [(0, 3), (1, Refusal("ValueError: no prompt, 1.0")), (2, 5)]
    assert not engine.busy


def test_answers_to_what_was_given_up_are_not_taken_for_others():
    ours, theirs = multiprocessing.Pipe()
    servers = Servers(("/nowhere/0",), 0)
    servers._connection, servers._index = ours, 0
    theirs.send(Answered(99, {0: 1.0}))
    theirs.send(Answered(0, {0: 2.0}))
    found = [None]
    servers._ask_once("ppm", {0: ((), ())}, found, None)
    assert found == [2.0]
    theirs.close()
    assert not servers.ready()
