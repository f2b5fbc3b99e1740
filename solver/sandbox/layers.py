"""The layers of protection that the kernel gives a process, each tried, none assumed.

    limits      resource limits of every program: always
    user        programs run as a user id that nobody else has (needs root)
    namespaces  own mounts (all read-only but the temporary directory), processes, network, IPC
    root        nothing of the file system is visible but the program's temporary directory
    landlock    nothing but the temporary directory can be opened, changed or connected to (Linux ≥ 5.13)
    seccomp     system calls by a list of what a Python program needs (x86-64)

A layer is in force when its call has succeeded; the zygote reports which ones are. Numbers are the kernel's ABI:
linux/landlock.h, linux/seccomp.h, linux/mount.h, asm/unistd_64.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Callable, Sequence
from functools import partial

_libc = ctypes.CDLL(None, use_errno=True)
_libc_holding_gil = ctypes.PyDLL(None)

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 22, 36, 38
_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = (
    0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 0x2, 0x4, 0x8, 0x4000, 0x40000
_MADV_COLLAPSE = 25
_NR_CAPSET, _NR_MOUNT_SETATTR, _NR_LANDLOCK = 126, 442, 444


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def prctl(option: int, value: int) -> None:
    """prctl(2) with one argument; OSError if the kernel refuses."""
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def prepared_prctl(option: int, value: int) -> Callable[[], int]:
    """prctl(2) with its arguments made before a fork, so that the child touches few pages; 0 if it succeeds."""
    return partial(_libc_holding_gil.prctl, ctypes.c_int(option), ctypes.c_ulong(value))


def fork() -> int:
    """fork(2) of this single-threaded process without the hooks of os.fork, which touch many pages (a fifth of what a
    program costs) and give every child other random numbers."""
    return _check(_libc_holding_gil.fork(), "fork")


def use_huge_pages() -> None:
    """Put this process's memory into huge pages where the kernel can (Linux ≥ 6.1): a fork copies an entry a page."""
    with open("/proc/self/maps") as file:
        lines = [line.split() for line in file]
    for words in lines:
        if words[1] == "rw-p" and (len(words) < 6 or words[5] == "[heap]"):
            begin, end = (int(word, 16) for word in words[0].split("-"))
            _libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _MADV_COLLAPSE)


# user


def take_group(gid: int) -> None:
    """Have this group and no other. OSError if this process may not."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)


def take_user(uid: int) -> None:
    """Become a user without rights. OSError if this process may not."""
    os.setresuid(uid, uid, uid)


def user_candidates(number: int) -> tuple[int, ...]:
    """User ids to try: far above what systems give out, then some that also a container's short range has."""
    return 0x60000000 + number % 0x100000, 60_000 + number % 5_000


def prepared_drop() -> Callable[[], int]:
    """Gives up all capabilities (of a process that is root in a namespace of its own, or could not change its user);
    0 if it succeeds."""
    header = struct.pack("Ii", 0x20080522, 0)
    return partial(_libc_holding_gil.syscall, ctypes.c_long(_NR_CAPSET), header, bytes(24))


_IPC_COMMANDS = {"shmctl": (14, 15, 0), "msgctl": (12, 13, 0), "semctl": (19, 20, 28)}
"""System V shared memory, message queues, semaphores: SHM_INFO and SHM_STAT_ANY, as the others have them, and where in
the former's answer the number of objects stands."""
_IPC_RMID, _UID_OFFSET = 0, 4
_ipc_answer = ctypes.create_string_buffer(512)


def has_ipc() -> bool:
    """Whether anybody on this machine has System V objects: they outlive the processes that made them."""
    for name, (info, _, offset) in _IPC_COMMANDS.items():
        if _ipc(name, 0, info) >= 0 and struct.unpack_from("i", _ipc_answer, offset)[0]:
            return True
    return False


def remove_ipc(uid: int) -> None:
    """Remove the System V objects of a user, whom this process must be."""
    for name, (info, stat_any, _) in _IPC_COMMANDS.items():
        for place in range(_ipc(name, 0, info) + 1):
            identity = _ipc(name, place, stat_any)
            if identity >= 0 and struct.unpack_from("I", _ipc_answer, _UID_OFFSET)[0] == uid:
                _ipc(name, identity, _IPC_RMID)


def _ipc(function: str, which: int, command: int) -> int:
    middle = (0,) if function == "semctl" else ()
    return getattr(_libc, function)(which, *middle, command, _ipc_answer)


# namespaces


def enter_namespaces() -> None:
    """Own mount, process, network and IPC namespaces; a user namespace first where that alone allows it. The
    process namespace begins with the next fork. OSError if the kernel refuses."""
    wanted = _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWNET | _CLONE_NEWIPC
    if _libc.unshare(wanted) == 0:
        return
    uid, gid = os.getuid(), os.getgid()
    _check(_libc.unshare(_CLONE_NEWUSER | wanted), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def own_mounts(folder: str, limit_bytes: int) -> None:
    """In an own mount namespace: everything read-only, except a new memory file system of limit_bytes at `folder`."""
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _check(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "mount")
    attributes = struct.pack("QQQQ", 1, 0, 0, 0)  # MOUNT_ATTR_RDONLY
    _check(_libc.syscall(_NR_MOUNT_SETATTR, -100, b"/", 0x8000, attributes, len(attributes)), "mount_setattr")
    options = f"size={limit_bytes},nr_inodes=1024,mode=755".encode()
    _check(_libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", flags, options), "mount tmpfs")


# Landlock


def landlock(folder: str, with_files: bool) -> None:
    """From now on this process and its children can open files beneath `folder` only (without with_files: none), make
    no TCP connection, and, where the kernel knows it, signal nobody outside. OSError if the kernel has no Landlock."""
    version = _check(_libc.syscall(_NR_LANDLOCK, None, ctypes.c_size_t(0), 1), "landlock")
    num_rights = {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)
    handled = (1 << num_rights) - 1
    rules = struct.pack("QQQ", handled, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _check(_libc.syscall(_NR_LANDLOCK, rules, ctypes.c_size_t(size), 0), "landlock ruleset")
    directory = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        rights = (1, 2, 3, 4, 5, 7, 8, 13, 14) if with_files else (3, 4, 5)  # no devices; else only to clear it
        allowed = handled & sum(1 << bit for bit in rights)
        _check(_libc.syscall(_NR_LANDLOCK + 1, ruleset, 1, struct.pack("<Qi", allowed, directory), 0), "landlock rule")
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        _check(_libc.syscall(_NR_LANDLOCK + 2, ruleset, 0), "landlock restrict")
    finally:
        os.close(directory)
        os.close(ruleset)


# seccomp

_RUN = {
    "read": 0, "write": 1, "close": 3, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12,
    "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17, "pwrite64": 18, "readv": 19,
    "writev": 20, "select": 23, "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32, "dup2": 33,
    "nanosleep": 35, "getpid": 39, "exit": 60, "uname": 63, "ftruncate": 77, "getcwd": 79,
    "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100, "getuid": 102, "getgid": 104,
    "geteuid": 107, "getegid": 108, "getppid": 110, "sigaltstack": 131, "gettid": 186, "time": 201, "futex": 202,
    "sched_getaffinity": 204, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231,
    "pselect6": 270, "ppoll": 271, "dup3": 292, "getrandom": 318, "membarrier": 324, "rseq": 334, "fstat": 5,
}  # fmt: skip
_FILES = {
    "open": 2, "stat": 4, "lstat": 6, "access": 21, "fsync": 74, "fdatasync": 75, "truncate": 76, "chdir": 80,
    "rename": 82, "mkdir": 83, "rmdir": 84, "unlink": 87, "readlink": 89, "getdents64": 217, "openat": 257,
    "mkdirat": 258, "newfstatat": 262, "unlinkat": 263, "renameat": 264, "readlinkat": 267, "faccessat": 269,
    "renameat2": 316, "statx": 332, "faccessat2": 439,
}  # fmt: skip
_PROCESSES = {"clone": 56, "fork": 57, "vfork": 58, "wait4": 61}
_ZYGOTE = {
    "sendto": 44, "recvfrom": 45, "recvmsg": 47, "kill": 62, "chmod": 90, "setpgid": 109,
    "setgroups": 116, "setresuid": 117, "setresgid": 119, "capset": 126, "prctl": 157, "setrlimit": 160,
    "fchmodat": 268, "prlimit64": 302, "seccomp": 317,
}  # fmt: skip
_FCNTL, _FCNTL_COMMANDS = 72, (0, 1, 2, 3, 4, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC. Others send signals to whom they like (F_SETOWN with
F_SETSIG), lock, or lease."""
_OTHER_REFUSALS = {435: errno.ENOSYS, 16: errno.ENOTTY}
"""clone3 and ioctl: with these errors the C library and Python fall back to other calls."""
_ARCH_X86_64 = 0xC000003E
_LOAD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NEW_NAMESPACES = 0x7E020000
_SECCOMP_MODE_FILTER = 2


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _allow_list(numbers: Sequence[int]) -> list[bytes]:
    """BPF: these calls and nothing else, and fcntl with few commands; no new namespaces through clone."""
    ops = [_op(_LOAD, 4), _op(_JUMP_EQUAL, _ARCH_X86_64, 1, 0), _op(_RETURN, _KILL), _op(_LOAD, 0)]
    for number, code in _OTHER_REFUSALS.items():
        ops += [_op(_JUMP_EQUAL, number, 0, 1), _op(_RETURN, _ERRNO | code)]
    ops += [_op(_JUMP_EQUAL, _PROCESSES["clone"], 0, 4), _op(_LOAD, 16), _op(_JUMP_SET, _NEW_NAMESPACES, 0, 1)]
    ops += [_op(_RETURN, _ERRNO | errno.EPERM), _op(_RETURN, _ALLOW)]
    commands = [op for k in _FCNTL_COMMANDS for op in (_op(_JUMP_EQUAL, k, 0, 1), _op(_RETURN, _ALLOW))]
    ops += [_op(_JUMP_EQUAL, _FCNTL, 0, len(commands) + 2), _op(_LOAD, 24), *commands]
    ops += [_op(_RETURN, _ERRNO | errno.EPERM)]
    for number in numbers:
        ops += [_op(_JUMP_EQUAL, number, 0, 1), _op(_RETURN, _ALLOW)]
    return [*ops, _op(_RETURN, _ERRNO | errno.EPERM)]


def _deny_list(numbers: Sequence[int]) -> list[bytes]:
    ops = [_op(_LOAD, 0)]
    ops += [_op(_JUMP_EQUAL, number, len(numbers) - k, 0) for k, number in enumerate(numbers)]
    return [*ops, _op(_RETURN, _ALLOW), _op(_RETURN, _ERRNO | errno.EPERM)]


class Filter:
    """A seccomp filter, ready to be installed in this process for good."""

    def __init__(self, ops: Sequence[bytes]) -> None:
        self._ops = ctypes.create_string_buffer(b"".join(ops))
        self._program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(ops), ctypes.addressof(self._ops)))

    def install(self) -> None:
        """OSError if the kernel has no seccomp."""
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        _check(_libc.prctl(PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, self._program, 0, 0), "seccomp")

    def prepared(self) -> Callable[[], int]:
        """Installs it in a process that may gain no privileges any more; see `prepared_prctl`."""
        second = ctypes.c_ulong(_SECCOMP_MODE_FILTER)
        return partial(_libc_holding_gil.prctl, ctypes.c_int(PR_SET_SECCOMP), second, self._program)


def zygote_filter(with_files: bool) -> Filter:
    """What the zygote needs besides what programs need. with_files: whether files may be opened at all (only where
    another layer says which). OSError where the calls' numbers are not known."""
    if platform.machine() != "x86_64":
        raise OSError(errno.ENOSYS, f"seccomp: no list of calls for {platform.machine()}")
    lists = [_RUN, _PROCESSES, _ZYGOTE] + ([_FILES] if with_files else [])
    return Filter(_allow_list([number for calls in lists for number in calls.values()]))


def program_filter(may_fork: bool) -> Filter:
    """What is taken from a program after the zygote's filter."""
    lists = [_ZYGOTE] if may_fork else [_ZYGOTE, _PROCESSES]
    return Filter(_deny_list([number for calls in lists for number in calls.values()]))


# limits


def address_space_bytes() -> int:
    """Address space of this process now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def allowed_limit(which: int, soft: int, hard: int | None = None) -> tuple[int, int]:
    """Soft and hard value for one resource, never above what is allowed already. hard: as soft if not given."""
    ceiling = resource.getrlimit(which)[1]
    hard = soft if hard is None else hard
    return (soft, hard) if ceiling == resource.RLIM_INFINITY else (min(soft, ceiling), min(hard, ceiling))
