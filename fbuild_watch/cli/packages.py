"""`fbuild packages`: the installed cores, tools and libraries."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fbuild_watch.cli.common import run_async

if TYPE_CHECKING:
    from fbuild_watch.packages import Manifest, Store, Wanted

HEADINGS = ("PACKAGE", "VERSION", "SIZE", "LAST USED", "FOLDER")
_DAY_S = 86400


@click.group()
def command() -> None:
    """Cores, tools and libraries: what is installed, and installing more.

    They are shared by all projects, and lie where FBUILD_PACKAGES_DIR says, else with your data.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_packages(as_json: bool) -> None:
    """List what is installed."""
    store = _store()
    found = store.all()
    if as_json:
        click.echo(json.dumps([_as_json(store, one) for one in found], indent=2))
    elif found:
        from fbuild_watch.cli.ports import table

        for line in table([HEADINGS, *(_row(store, one) for one in found)]):
            click.echo(line)
    else:
        click.echo(f"nothing is installed in {store.places.root}", err=True)


@command.command()
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE...")
@click.option("--index", "indexes", multiple=True, metavar="URL",
              help="A package_*_index.json or library_index.json to look in first.")  # fmt: skip
@click.option("--tool", "is_tool", is_flag=True, help="NAME @ URL is a tool, not a library.")
@click.option("--offline", is_flag=True, help="Ask no server (as FBUILD_OFFLINE=1 does).")
@click.option("--verify", is_flag=True, help="Read every file of what is installed already.")
def install(
    packages: tuple[str, ...],
    indexes: tuple[str, ...],
    is_tool: bool,
    offline: bool,
    verify: bool,
) -> None:
    """Install packages, with what they need; one that is damaged is installed anew.

    A PACKAGE is a core (VENDOR:ARCH[@VERSION]) with its tools, a library of Arduino's index
    (NAME[@VERSION]), or a URL: an archive or a git repository, also as "NAME @ URL".
    """
    from fbuild_watch.cli.progress import PackageProgress
    from fbuild_watch.packages import Packages, Requirements

    required = Requirements(tuple(_read(text, is_tool=is_tool) for text in packages), indexes)
    session = Packages()
    with PackageProgress() as progress:
        installed = run_async(
            session.ensure,
            required,
            offline=offline,
            verify=verify,
            on_progress=progress.show_package,
        )
    folders = [*installed.platforms.values(), *installed.tools.values(), *installed.libraries]
    for folder in dict.fromkeys(folders):
        click.echo(folder)


@command.command()
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE...")
def remove(packages: tuple[str, ...]) -> None:
    """Remove packages, named as `list` names them; without @VERSION every version."""
    from fbuild_watch.errors import PackageInUse

    store = _store()
    chosen = [one for text in packages for one in _matching(store, text)]
    for one in chosen:
        if not store.remove(one.identity):
            raise PackageInUse(str(one.identity))
        click.echo(f"removed {one.identity}", err=True)


@command.command()
@click.option("--days", type=click.FloatRange(min=0), default=90, show_default=True,
              help="How long nobody may have used it.")  # fmt: skip
def gc(days: float) -> None:
    """Remove what no project used for a while. What is in use now stays."""
    removed = _store().collect(days)
    for one in removed:
        click.echo(f"removed {one.identity}", err=True)
    size = sum(one.size for one in removed)
    click.echo(f"{len(removed)} packages, {_megabytes(size)} freed")


def _store() -> Store:
    from fbuild_watch.packages import Store, user_places

    return Store(user_places())


def _read(text: str, *, is_tool: bool) -> Wanted:
    from fbuild_watch.packages import wanted

    here = Path.cwd()
    if is_tool or wanted.names_platform(text):
        return wanted.platform_package(text, here)
    return wanted.library(text, here)


def _matching(store: Store, text: str) -> list[Manifest]:
    from fbuild_watch.errors import PackageNotFound

    found = [
        one
        for one in store.all()
        if text in (one.identity.full_name, f"{one.identity.full_name}@{one.identity.version}")
    ]
    if not found:
        hint = "fbuild packages list names what is installed"
        raise PackageNotFound(text, searched=[str(store.places.root)], hint=hint)
    return found


def _row(store: Store, one: Manifest) -> tuple[str, ...]:
    days = int((time.time() - store.last_used(one)) / _DAY_S)
    used = "today" if days <= 0 else f"{days} days ago"
    folder = str(store.folder(one.identity))
    return (one.identity.full_name, one.identity.version, _megabytes(one.size), used, folder)


def _as_json(store: Store, one: Manifest) -> dict[str, Any]:
    return {
        "kind": one.identity.kind,
        "name": one.identity.full_name,
        "version": one.identity.version,
        "source": one.source,
        "size": one.size,
        "installed_at": one.installed_at,
        "last_used": store.last_used(one),
        "folder": str(store.folder(one.identity)),
    }


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
