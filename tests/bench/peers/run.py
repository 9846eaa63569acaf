"""The clients that people use instead of us, each sending the same notifications to the same stand-ins.

`python3 tests/bench/peers/run.py <vendors.json> <count>`: `vendors.json` is what the bench's stand-ins print when they are
ready. Each client runs in a process of its own, and what is compared is that process's CPU time per accepted notification,
from the second notification on. Everything is pinned, and installed on first use below `.venv` and `target`; a client whose tool
(cargo, Node, Python's venv) is missing is left out, and that is said aloud.

`--install` only installs, which is not to be timed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
WORK = ROOT / "target" / "bench-peers"
sys.path.insert(0, str(ROOT / "tests" / "deploy"))

from venv_of import python_of

PATIENCE_S = 120
"""How long one client may take to send."""


class Missing(Exception):
    """A tool that a client needs is not there; the text says which."""


@dataclass(frozen=True)
class Peer:
    """A client."""

    name: str
    section: str
    install: Callable[[], list[str]]
    """Installs it and answers the command, without its arguments."""
    settings: Callable[[Mapping[str, Any]], dict[str, str]] = lambda vendors: {}
    """What its environment has beside ours."""


def tool(name: str) -> str:
    """The path of a program."""
    found = shutil.which(name)
    if found is None:
        raise Missing(f"there is no `{name}`")
    return found


def node(script: str) -> list[str]:
    """Installs the packages for Node and answers how to run a script of ours."""
    runs, manager = tool("node"), tool("npm")
    folder = WORK / "node"
    folder.mkdir(parents=True, exist_ok=True)
    for file in HERE.joinpath("node").iterdir():
        if file.is_file():
            shutil.copy2(file, folder)
    pins = folder / "package-lock.json"
    installed = folder / "installed.json"
    if not installed.exists() or installed.read_bytes() != pins.read_bytes():
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional", "--loglevel=error"]
        subprocess.run([manager, "ci", *options], cwd=folder, check=True, stdout=sys.stderr)
        shutil.copy2(pins, installed)
    return [runs, str(folder / script)]


def aioapns() -> list[str]:
    """Installs aioapns and answers how to run its sender."""
    return [str(python_of("aioapns", HERE / "python")), str(HERE / "python" / "sender.py")]


ELSEWHERE = {
    "a2": (
        (
            "src/client.rs",
            """        let host = match self {
            Endpoint::Production => "api.push.apple.com",
            Endpoint::Sandbox => "api.development.push.apple.com",
        };

        write!(f, "{}", host)""",
            """        static HOST: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| std::env::var("PEER_HOST").unwrap());
        f.write_str(&HOST)""",
        ),
        (
            "src/client.rs",
            """fn default_connector() -> HyperConnector {
    HttpsConnectorBuilder::new()
        .with_webpki_roots()""",
            """fn default_connector() -> HyperConnector {
    let pem = std::fs::read(std::env::var("PEER_ROOT").unwrap()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    for root in rustls_pemfile::certs(&mut pem.as_slice()) {
        roots.add(root.unwrap()).unwrap();
    }
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    HttpsConnectorBuilder::new()
        .with_tls_config(config)""",
        ),
        (
            "src/signer.rs",
            """            key: Self::create_signature(&secret, &key_id, &team_id, issued_at)?,
            issued_at,""",
            """            key: std::env::var("PEER_TOKEN").unwrap(),
            issued_at,""",
        ),
    ),
    "fcm_v1": (
        (
            "src/client.rs",
            """            .post(format!(
                "https://fcm.googleapis.com/v1/projects/{}/messages:send",
                self.project_id
            ))""",
            """            .post({
                static URL: std::sync::LazyLock<String> =
                    std::sync::LazyLock::new(|| std::env::var("PEER_URL").unwrap());
                format!("{}/v1/projects/{}/messages:send", *URL, self.project_id)
            })""",
        ),
    ),
    "yup-oauth2": (
        (
            "src/service_account.rs",
            "base64::engine::general_purpose::URL_SAFE.encode_string(s, out)",
            "base64::engine::general_purpose::URL_SAFE_NO_PAD.encode_string(s, out)",
        ),
    ),
}
"""What others' crates have built in and is not so here: file, what stands there, and what goes there instead. a2 and fcm_v1
name the vendor's host, and a2 its roots. a2 also begins with the token that all clients show: Apple takes one new one in
twenty minutes, and so does the stand-in. yup-oauth2, by which fcm_v1 gets its token, pads the base64 of what it signs, and the
stand-in reads a signed token as RFC 7515 has it, without. Nothing that costs anything per notification changes."""


def crate(name: str) -> list[str]:
    """Builds the senders on crates of others and answers how to run one."""
    cargo = tool("cargo")
    folder = WORK / "rust"
    for part in ("Cargo.toml", "Cargo.lock"):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(HERE / "rust" / part, folder)
    shutil.copytree(HERE / "rust" / "src", folder / "src", dirs_exist_ok=True)
    command = [
        cargo,
        "metadata",
        "--locked",
        "--format-version=1",
        "--manifest-path",
        str(HERE / "rust" / "Cargo.toml"),
    ]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    patches: list[str] = []
    for package in metadata["packages"]:
        changes = ELSEWHERE.get(package["name"])
        if changes is not None:
            copy = folder / "elsewhere" / package["name"]
            point(Path(package["manifest_path"]).parent, copy, changes)
            patches += ["--config", f'patch.crates-io.{package["name"]}.path="{copy}"']
    subprocess.run([cargo, "build", "--quiet", "--release", *patches], cwd=folder, check=True, stdout=sys.stderr)
    return [str(folder / "target" / "release" / name)]


def point(source: Path, copy: Path, changes: tuple[tuple[str, str, str], ...]) -> None:
    """Copies a crate, changed. What is as it was is left alone, or cargo would build it again."""
    changed: dict[Path, str] = {}
    for file, old, new in changes:
        path = source / file
        text = changed.get(path, path.read_text(encoding="utf-8"))
        if text.count(old) != 1:
            raise SystemExit(f"{path} does not have, exactly once: {old}")
        changed[path] = text.replace(old, new)
    for path in source.rglob("*"):
        target = copy / path.relative_to(source)
        if path.is_file() and path.name not in (".cargo-ok", "Cargo.lock"):
            content = changed[path].encode() if path in changed else path.read_bytes()
            if not target.exists() or target.read_bytes() != content:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)


def host_of(url: str) -> str:
    """Host and port of a URL."""
    return url.split("//", 1)[1].split("/", 1)[0]


PEERS = (
    Peer(
        "a2",
        "throughput.apns",
        lambda: crate("a2"),
        lambda vendors: {
            "PEER_HOST": host_of(vendors["apns"]),
            "PEER_ROOT": vendors["root"],
            "PEER_TOKEN": vendors["apns_jwt"],
        },
    ),
    Peer("aioapns", "throughput.apns", aioapns),
    Peer("node-apn", "throughput.apns", lambda: node("apn.js")),
    Peer(
        "fcm_v1",
        "throughput.fcm",
        lambda: crate("fcm_v1"),
        lambda vendors: {"PEER_URL": vendors["fcm"], "SSL_CERT_FILE": vendors["root"]},
    ),
    Peer(
        "firebase-admin",
        "throughput.fcm",
        lambda: node("firebase.js"),
        lambda vendors: {"NODE_EXTRA_CA_CERTS": vendors["root"]},
    ),
)


def send(peer: Peer, command: list[str], vendors: Path, count: int) -> dict[str, Any]:
    """Runs one; what it says of itself."""
    known: dict[str, Any] = json.loads(vendors.read_text(encoding="utf-8"))
    ran = subprocess.run(
        [*command, str(vendors), str(count)],
        env=os.environ | peer.settings(known),
        check=False,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_S,
    )
    if ran.returncode != 0:
        raise SystemExit(f"peers: {peer.name} ended with {ran.returncode}")
    said: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return said


def row(peer: Peer, said: Mapping[str, Any]) -> dict[str, Any]:
    """As the bench's table takes it."""
    return {
        "section": peer.section,
        "name": peer.name,
        "value": round(said["deliveries"] / said["cpu_seconds"], 1),
        "unit": "deliveries per CPU second",
        "target": None,
        "better": "higher",
        "peer": True,
        "note": f"{peer.name} {said['version']}; {said['deliveries'] / said['seconds']:.0f} per second",
        "deliveries": said["deliveries"],
        "cpu_seconds": round(said["cpu_seconds"], 3),
    }


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests/bench/peers/run", description=__doc__)
    parser.add_argument("vendors", type=Path, nargs="?", help="what the stand-ins print when they are ready, as a file")
    parser.add_argument("count", type=int, nargs="?", default=10_000, help="notifications per client")
    parser.add_argument("--install", action="store_true", help="install them and end")
    parser.add_argument("--only", nargs="*", help="only these clients", choices=[peer.name for peer in PEERS])
    arguments = parser.parse_args()
    if not arguments.install and arguments.vendors is None:
        parser.error("where are the stand-ins?")
    left_out = 0
    for peer in PEERS:
        if arguments.only and peer.name not in arguments.only:
            continue
        try:
            command = peer.install()
            if arguments.install:
                print(f"peers: {peer.name} is installed", file=sys.stderr, flush=True)
                continue
            found = row(peer, send(peer, command, arguments.vendors, arguments.count))
        except (Missing, OSError, SystemExit, subprocess.SubprocessError) as failure:
            left_out += 1
            print(f"peers: SKIPPED: {peer.name} was NOT measured: {failure}", file=sys.stderr, flush=True)
            continue
        print(
            f"{found['section']:16} {peer.name:16} {found['value']:10.1f} {found['unit']} ({found['note']})", flush=True
        )
        if kept := os.environ.get("BENCH_ROWS"):
            with Path(kept).open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
    return 1 if left_out else 0


if __name__ == "__main__":
    sys.exit(main())
