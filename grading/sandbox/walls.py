"""The outer wall: the command that puts the zygote into bubblewrap, with an allow-list of what it can see."""

import importlib.metadata
import importlib.util
import json
import os
import shutil
import site
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from grading.sandbox.errors import SandboxError
from grading.sandbox.policy import FILES, SETTINGS_FILES, SETTINGS_PATHS, SYSTEM_PATHS


def wrapped(
    command: list[str], environment: Mapping[str, str], settings: Mapping[str, int], hidden: Sequence[str] = ()
) -> list[str]:
    """Return the command line that runs a command behind the outer wall.

    Parameters
    ----------
    environment
        All that the command gets of an environment.
    settings
        Descriptors with the texts of `SETTINGS_FILES`, by path; they are inherited.
    hidden
        Folders in which nothing is to be seen.

    Raises
    ------
    SandboxError
        Where bubblewrap is not installed, or a folder to be hidden is not there: what it holds may lie elsewhere.
    """
    if missing := [path for path in hidden if not Path(path).is_dir()]:
        remedy = "name the folder as it is on the machine that runs the notebook, or leave it out of `hidden`"
        raise SandboxError(f"the folder {missing[0]} was to be hidden and does not exist", remedy)
    return [
        bubblewrap(),
        *_namespaces(),
        "--new-session",
        *("--proc", "/proc", "--dev", "/dev", "--dir", FILES),
        *("--perms", "1777", "--tmpfs", "/tmp"),  # the zygote's; a kernel gets its own
        *_system_folders(),
        *_parents([*SETTINGS_PATHS, *SETTINGS_FILES, *readable_paths()]),
        *(word for path in SETTINGS_PATHS for word in ("--ro-bind-try", path, path)),
        *(
            word
            for path, number in settings.items()
            for word in ("--perms", "0444", "--ro-bind-data", str(number), path)
        ),
        *(word for path in readable_paths() for word in ("--ro-bind", path, path)),
        *(word for path in hidden for word in ("--tmpfs", path, "--remount-ro", path)),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--clearenv"),
        *(word for name, text in environment.items() for word in ("--setenv", name, text)),
        "--",
        *command,
    ]


def bubblewrap() -> str:
    """Return the path of `bwrap`."""
    if sys.platform != "linux":
        raise SandboxError(
            f"the sandbox is made of parts of Linux, and this is {sys.platform}",
            "grade on Linux, in a virtual machine or, on Windows, in WSL",
        )
    if not (path := shutil.which("bwrap")):
        raise SandboxError(
            "bubblewrap is not installed",
            "apt install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora), pacman -S bubblewrap (Arch)",
        )
    return path


def _namespaces() -> list[str]:
    alone = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if os.geteuid():
        return ["--unshare-user", *alone]
    # As root no user namespace is needed here. The zygote lays these rights down before it does anything else.
    rights = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID")
    return [*alone, *(word for right in rights for word in ("--cap-add", right))]


def _system_folders() -> list[str]:
    words: list[str] = []
    for path in map(Path, SYSTEM_PATHS):
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            words += ["--ro-bind", str(path), str(path)]
    return words


def _parents(paths: list[str]) -> list[str]:
    """Make the folders above these paths, which bubblewrap would close to others where the paths' owner has."""
    folders = {parent for path in paths for parent in Path(path).parents if parent not in (Path("/"), Path("/tmp"))}
    return [word for folder in sorted(folders) for word in ("--perms", "0755", "--dir", str(folder))]


def readable_paths() -> list[str]:
    """Return the folders of this interpreter and its packages that are not part of the system, outermost first.

    They lie wherever pyenv, conda or a virtual environment put them. Packages that are installed as editable add
    their own folders, and nothing beside those.
    """
    settings = map(sysconfig.get_config_var, ("LIBDIR", "LDLIBRARYDIR"))
    wanted = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, *filter(None, settings)}
    wanted |= {*site.getsitepackages(), *_editable_packages()}
    if site.ENABLE_USER_SITE:
        wanted.add(site.getusersitepackages())
    outermost: list[str] = []
    for path in sorted(path for path in wanted if Path(path).is_absolute() and Path(path).is_dir()):
        if not any(Path(path).is_relative_to(other) for other in (*SYSTEM_PATHS, *outermost)):
            outermost.append(path)
    return outermost


def _editable_packages() -> list[str]:
    folders = []
    for distribution in importlib.metadata.distributions():
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            for name in (distribution.read_text("top_level.txt") or "").split():
                found = importlib.util.find_spec(name)
                folders += list(found.submodule_search_locations or []) if found else []
    return folders


def settings_descriptors() -> dict[str, int]:
    """Return descriptors from which bubblewrap reads `SETTINGS_FILES`; the caller closes them."""
    descriptors = {}
    for path, text in SETTINGS_FILES.items():
        descriptors[path] = os.memfd_create(Path(path).name, 0)
        os.write(descriptors[path], text.encode())
        os.lseek(descriptors[path], 0, os.SEEK_SET)
    return descriptors
