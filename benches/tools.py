"""The tools, and the commands by which they do a row."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from measure import Contestant, Failed
from rows import WORKERS
from work import Work

PEERS = ("curl", "aria2c", "wget2", "axel")
# Raw sockets and the slow server: see benches/raw.
RAW = ("floor", "delay")
TEACHING = Path(__file__).resolve().parent / "teaching.py"


def haul_command(work: Work) -> list[str]:
    row, haul = work.row, work.ground.tools["haul"]
    if row.kind == "version":
        return [haul, "--version"]
    common = [haul, "-q", "-d", str(work.out)]
    if row.kind == "tiny":
        return common + work.urls
    common.append(f"-j{row.workers}")
    if row.kind == "hash":
        return common + ["--base-url", work.base, "-i", str(work.sums)]
    return common + ["-i", str(work.list)]


def curl_command(work: Work) -> list[str]:
    row, curl = work.row, work.ground.tools["curl"]
    # -q: not the settings of whoever runs this.
    if row.kind == "version":
        return [curl, "-q", "--version"]
    common = [curl, "-q", "-sS", "-f", "--no-progress-meter", "--cacert", str(work.ground.ca)]
    if row.kind == "tiny":
        return common + ["-o", str(work.out / work.names[0]), work.urls[0]]
    if row.kind == "resume":
        common += ["-C", "-"]
    parallel = ["-Z", "--parallel-max", str(row.workers), "--parallel-immediate"]
    return common + parallel + ["-K", str(work.curl_config)]


def aria2c_command(work: Work) -> list[str]:
    row, aria2c = work.row, work.ground.tools["aria2c"]
    if row.kind == "version":
        return [aria2c, "--no-conf", "--version"]
    common = [aria2c, "--no-conf", "-q", "-d", str(work.out), "--file-allocation=none"]
    common.append(f"--ca-certificate={work.ground.ca}")
    common.append("-c" if row.kind == "resume" else "--allow-overwrite=true")
    # It has no limit for all files together: several connections a file can be more than the others
    # have for all.
    many = [f"-x{WORKERS}", f"-s{WORKERS}", "-k1M"]
    common += many if row.is_paced else ["-x1", "-s1"]
    if row.kind == "tiny":
        return common + work.urls
    lines = work.aria2_list if row.kind == "hash" else work.list
    return common + [f"-j{row.workers}", "-i", str(lines)]


def wget2_command(work: Work) -> list[str]:
    row, wget2 = work.row, work.ground.tools["wget2"]
    if row.kind == "version":
        return [wget2, "--no-config", "--version"]
    common = [wget2, "--no-config", "-q", "--no-hsts", "--tries=1", "-P", str(work.out)]
    common.append(f"--ca-certificate={work.ground.ca}")
    if row.kind == "tiny":
        return common + work.urls
    if row.is_paced and len(work.names) == 1:
        common.append("--chunk-size=1M")
    common += {"resume": ["-c"], "there": ["-nc"]}.get(row.kind, [])
    return common + [f"--max-threads={row.workers}", "-i", str(work.list)]


def axel_command(work: Work) -> list[str]:
    axel, target = work.ground.tools["axel"], str(work.out / work.names[0])
    return [axel, "-q", f"-n{work.row.workers}", "-o", target, work.urls[0]]


def floor_command(work: Work) -> list[str]:
    return [work.ground.tools["floor"], str(work.row.workers), str(work.out), str(work.list)]


COMMANDS = {
    "haul": haul_command,
    "curl": curl_command,
    "aria2c": aria2c_command,
    "wget2": wget2_command,
    "axel": axel_command,
    "floor": floor_command,
}


# Why the peers have no figures for a list of files that are all there.
SKIPS_NOTHING = {
    "curl": "before 8.10 it has no option to skip what exists",
    "aria2c": "at 12 KB a line it would need 12 GB",
    "wget2": "it asks the server for every file also with `-nc`",
}


def absent_from(work: Work, tool: str) -> str | None:
    """Returns why a tool does not do a row; empty where there is nothing to explain."""
    row = work.row
    # It takes one file, and does not accept the name in the certificate.
    if tool == "axel" and (len(work.names) != 1 or row.kind not in ("fetch", "tiny") or row.tls):
        return ""
    if tool == "floor" and (row.tls or row.kind != "fetch" or row.is_paced):
        return ""
    if tool == "wget2" and row.kind == "hash":
        return ""
    return SKIPS_NOTHING.get(tool) if row.kind == "there" else None


def contestants(work: Work) -> tuple[dict[str, Contestant], dict[str, str]]:
    """Returns who does the row, by what the table calls them, and why others do not."""
    special = SPECIAL.get(work.row.kind)
    if special:
        return {name: c for name, c in special(work).items() if c}, {}
    found, left_out = {}, {}
    for tool in COMMANDS:
        if tool not in work.ground.tools:
            continue
        reason = absent_from(work, tool)
        if reason is None:
            found[tool] = Contestant(COMMANDS[tool](work))
        elif reason:
            left_out[tool] = reason
    if work.row.kind == "hash" and "curl" in found:
        found.update(curl_and_sums(work))
        del found["curl"]
    return found, left_out


def stream(work: Work) -> dict[str, Contestant | None]:
    tools, url, folder = work.ground.tools, work.urls[0], str(work.out)
    haul, curl = tools["haul"], tools.get("curl")
    to_file = [curl, "-q", "-sS", "-f", "-o", str(work.out / work.names[0]), url]
    return {
        "haul, to a pipe": Contestant([haul, "-q", f"-j{WORKERS}", "-o", "-", url], is_piped=True),
        "haul, 1 worker, to a file": Contestant([haul, "-q", "-j1", "-d", folder, url]),
        "curl, to a pipe": curl and Contestant([curl, "-q", "-sS", "-f", url], is_piped=True),
        "curl, to a file": curl and Contestant(to_file),
    }


def curl_and_sums(work: Work) -> dict[str, Contestant]:
    """What scripts do: a pipe for each file, or a second reading of all."""
    one = 'curl -q -sSf "$0$2" | tee "$1/$2" | sha256sum'
    pipes = ["xargs", "-a", str(work.name_list), "-P", str(work.row.workers), "-n", "1"]
    pipes += ["sh", "-c", one, work.base, str(work.out)]
    then = 'out=$0; sums=$1; shift; "$@" && cd "$out" && sha256sum --quiet -c "$sums"'
    after = ["sh", "-c", then, str(work.out), str(work.sums), *curl_command(work)]
    return {
        "curl | tee | sha256sum, by xargs": Contestant(pipes, is_tree=True, prints_sums=True),
        "curl -Z, sha256sum -c after it": Contestant(after, is_tree=True),
    }


def wait(work: Work) -> dict[str, Contestant | None]:
    """Work that waits: threads, one thread with many sockets, a process for each file, Python."""
    tools, workers, out = work.ground.tools, str(work.row.workers), str(work.out)
    each = ["xargs", "-a", str(work.list), "-P", workers, "-n", "1"]
    curl = tools.get("curl")
    one = [curl, "-q", "-sSf", "--output-dir", out, "-O"]
    return {
        "haul": Contestant(haul_command(work)),
        "curl -Z": curl and Contestant(curl_command(work)),
        "xargs, curl": curl and Contestant(each + one, is_tree=True),
        "xargs, haul -j1": Contestant(
            [*each, tools["haul"], "-q", "-j1", "-d", out], is_tree=True
        ),
        **python(work, "fetch", work.list),
    }


def compute(work: Work) -> dict[str, Contestant | None]:
    """Work that computes, in C or Rust."""
    each = ["xargs", "-a", str(work.paths), "-P", str(work.row.workers), "-n", "1", "sha256sum"]
    haul = [work.ground.tools["haul"], "-q", f"-j{work.row.workers}", "-d", str(work.source)]
    return {
        # The files are there, so that it only reads and compares them.
        "haul": Contestant(haul + ["--base-url", work.base, "-i", str(work.sums)]),
        "xargs, sha256sum": Contestant(each, is_tree=True, prints_sums=True),
        **python(work, "sha256", work.paths),
    }


def pure(work: Work) -> dict[str, Contestant | None]:
    """Work that computes in Python's own bytecode."""
    return python(work, "pure", work.paths)


def python(work: Work, what: str, lines: Path) -> dict[str, Contestant]:
    """The ways that courses teach."""
    methods = {"Python threads": "threads", "Python processes": "processes"}
    if work.row.workers == 1:
        methods["Python in sequence"] = "sequence"
    return {
        name: Contestant(
            [sys.executable, str(TEACHING), method, str(work.row.workers), what]
            + [str(lines), str(work.out)],
            is_tree=method == "processes",
            prints_sums=what != "fetch",
        )
        for name, method in methods.items()
    }


SPECIAL = {"stream": stream, "wait": wait, "compute": compute, "pure": pure}


def find_tools(haul: Path, without: list[str], note) -> dict[str, str]:
    """Returns the tools that are installed, by name; says which are not."""
    if not haul.is_file():
        raise Failed(f"{haul} is not there: `cargo build --release` makes it")
    tools = {"haul": str(haul.resolve())}
    for name in PEERS:
        path = shutil.which(name)
        if name in without:
            continue
        if path:
            tools[name] = path
        else:
            note(f"{name} is not installed and left out")
    return tools | build_raw(note)


def build_raw(note) -> dict[str, str]:
    """Builds the floor and the slow server; says what is missing without them."""
    root = Path(__file__).resolve().parent
    target = root.parent / "target" / "raw"
    command = ["cargo", "build", "--release", "--quiet", "--target-dir", str(target)]
    try:
        subprocess.run([*command, "--manifest-path", str(root / "raw/Cargo.toml")], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        note(f"benches/raw cannot be built ({error}): no floor, and no row of a server far away")
        return {}
    return {name: str(target / "release" / name) for name in RAW}


def versions(tools: dict[str, str], nginx: str) -> dict[str, str]:
    """Returns the versions of all that takes part."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name, program in {**tools, "nginx": nginx}.items():
        if name in RAW:
            continue
        flag = "-v" if name == "nginx" else "--version"
        done = subprocess.run([program, flag], capture_output=True, text=True, env=os.environ)
        number = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
        found[name] = number.group() if number else "?"
    return found
