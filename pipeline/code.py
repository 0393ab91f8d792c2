"""The key of code: a hash of the source that a computation runs, without comments and docstrings.

What a module runs is its own source and that of the modules that it imports, and theirs: those of
the project, and those of the user's own that no package has installed. Of packages, and of Python,
the version counts. A reworded docstring changes nothing, nor does a module that only carries values
about: the store, the workers, what is printed.
"""

import hashlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.errors import UserError
from pipeline.raw_files import checksum, data_files
from pipeline.source import Source, SourceCache, compiled_code

PACKAGE = Path(__file__).parent
# these carry values and report progress, and cannot change what a value is
IGNORED = frozenset(
    f"pipeline.{name}"
    for name in (
        "cluster.client",
        "cluster.requests",
        "code",
        "codec",
        "errors",
        "files",
        "parallel",
        "progress",
        "source",
        "store",
        "threads",
    )
)
CHECKERS = frozenset(("pydantic", "rich", "typer"))  # they check settings, and print
INSTALLED = {"site-packages", "dist-packages"}  # folders of packages, of which the version counts
OUTSIDE = "../"  # how parts begin that lie outside the package
# found at once; others by looking at all
DISTRIBUTIONS = {"sklearn": "scikit-learn", "xgboost": "xgboost-cpu"}


def key(*modules: str) -> str:
    """One hash of everything that these modules run."""
    listed = "\n".join(f"{name} {part}" for name, part in parts(*modules).items())
    return hashlib.sha256(listed.encode()).hexdigest()


@cache
def parts(*modules: str) -> dict[str, str]:
    """Every file (`encoding/numbers.py`) and package (`numpy`) that they run -> hash or version.

    A module of the user's own, beside the package, is `../helpers.py`. Raises UserError where a
    file was edited after this process began.
    """
    _imported_before(modules)
    names, packages = _closure(modules)
    found = {_part(name): _source(name).hash for name in sorted(names)}
    for path in sorted({path for name in names for path in _read_by(name)}):
        found[path.relative_to(PACKAGE).as_posix()] = checksum(path)
    versions = {name: _version(name) for name in sorted({"python", *packages} - CHECKERS)}
    _cache_in(PACKAGE).save()
    return found | {name: version for name, version in versions.items() if version}


def now(part: str) -> str | None:
    """Today's hash or version of a part that `parts` named; None where it has gone."""
    if "/" not in part and not part.endswith(".py"):
        return _version(part)
    path = file_of(part)
    if not path.is_file():
        return None
    return _source(_module_of(part)).hash if path.suffix == ".py" else checksum(path)


def file_of(part: str) -> Path:
    """Where a file lies that `parts` named."""
    return _path(_module_of(part)) if part.startswith(OUTSIDE) else PACKAGE / part


def _part(name: str) -> str:
    """A module as `parts` names it: its file, as seen from the package."""
    inside, path = name.split(".")[0] == "pipeline", _path(name)
    if inside:
        return path.relative_to(PACKAGE).as_posix()
    folder = _folder_of(name)
    assert folder is not None
    return OUTSIDE + path.relative_to(folder).as_posix()


def _module_of(part: str) -> str:
    """The module that `parts` named so."""
    names = Path(part.removeprefix(OUTSIDE)).with_suffix("").parts
    above = () if part.startswith(OUTSIDE) else ("pipeline",)
    return ".".join((*above, *names)).removesuffix(".__init__")


def _read_by(name: str) -> list[Path]:
    """What it may read besides code: a page its templates, features what lies beside them."""
    if name == "pipeline.page":
        return [path for path in (PACKAGE / "templates").iterdir() if path.is_file()]
    return data_files(PACKAGE) if name.startswith("pipeline.competitions.") else []


def refresh() -> None:
    """Look at the files again, as a process does that makes several runs."""
    for cached in _CACHED:
        cached.cache_clear()


def confirm(*modules: str) -> None:
    """Raise UserError where a file was edited after this process began, and before it was run.

    The key would then name other code than the one that ran. What was imported before is safe.
    """
    for name in sorted(_closure(modules)[0]):
        if name not in _imported_before(modules) and _content(_path(name)) != _at_start(name):
            raise _edited(name)


@cache
def _imported_before(modules: tuple[str, ...]) -> frozenset[str]:
    """The modules that were there when the key was made; their files were as at the start."""
    names = _closure(modules)[0]
    for name in sorted(names):
        if _content(_path(name)) != _at_start(name):
            raise _edited(name)
    return frozenset(names & sys.modules.keys())


def _edited(name: str) -> UserError:
    return UserError(
        f"{_shown(_path(name))}: this was edited after the process had begun, so that it is not "
        "known which version ran; nothing of it was kept. Run the same command again. In a "
        "notebook, restart the kernel first: to reload the module is not enough, as others keep "
        "what they imported of it."
    )


def _shown(path: Path) -> str:
    inside = path.is_relative_to(PACKAGE.parent)
    return str(path.relative_to(PACKAGE.parent) if inside else path)


def _content(path: Path) -> str:
    """A hash of a file's bytes; empty where it has gone."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _at_start(name: str) -> str:
    """A file's content when this process began, or when it was first asked for."""
    path = _path(name)
    return _CONTENTS.setdefault(path, _content(path))


def _closure(modules: Iterable[str]) -> tuple[set[str], set[str]]:
    """The project's modules that these run, and the other packages that those import."""
    names: set[str] = set()
    packages: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in names or name in IGNORED:
            continue
        names.add(name)
        source = _source(name)
        waiting += [*source.modules, *_parents(name)]
        packages |= source.packages
    return names, packages


def _parents(name: str) -> list[str]:
    """The packages that importing a module runs as well; that of the project holds nothing."""
    parts = name.split(".")
    above = [".".join(parts[:length]) for length in range(1, len(parts))]
    return [each for each in above if each != "pipeline" and _path(each).is_file()]


@dataclass(frozen=True)
class _Module:
    """One module: a hash of what it does, and what it imports."""

    hash: str
    modules: frozenset[str]
    packages: frozenset[str]


@cache
def _source(name: str) -> _Module:
    modules: set[str] = set()
    packages: set[str] = set()
    source = _parsed(name)
    for found in source.imports:
        if _folder_of(found) is None:
            packages.add(found.split(".")[0])
        elif (module := _module(found)) is not None:
            modules.add(module)
    for folder in source.folders:
        modules.update(f"pipeline.{folder}.{path.stem}" for path in _modules_in(folder))
    return _Module(
        source.hash, frozenset(modules - {name}), frozenset(packages - sys.stdlib_module_names)
    )


def _parsed(name: str) -> Source:
    """Raises UserError where there is no such file, or no Python in it."""
    path = _path(name)
    if not path.is_file():
        raise UserError(
            f"there is no {_shown(path)}, which the competition's TOML names. Write the file, or "
            "correct the name."
        )
    content = path.read_bytes()
    _refuse_stale(path, content)
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    try:
        return _cache_in(PACKAGE).source(content, package)
    except SyntaxError as error:
        raise UserError(
            f"{_shown(path)}, line {error.lineno}: this is no Python: {error.msg}. Correct it."
        ) from None


@cache
def _cache_in(package: Path) -> SourceCache:
    return SourceCache(package / "__pycache__")


def _refuse_stale(path: Path, content: bytes) -> None:
    """Raise UserError where Python has run an older version of a file, from its cache.

    Python takes what it compiled for that of a file of the same size and time; a file that was put
    back with its old time may be another.
    """
    compiled = compiled_code(path)
    if compiled is None or _cache_in(PACKAGE).is_compiled_from(compiled, content, path):
        return
    cached = Path(importlib.util.cache_from_source(str(path)))
    cached.unlink(missing_ok=True)
    raise UserError(
        f"{_shown(path)}: Python ran an older version of this file from {cached.name}, as both "
        "have the same size and time. The older one was deleted: run the same command again."
    )


def _modules_in(folder: str) -> list[Path]:
    return sorted((PACKAGE / folder).glob("[a-z]*.py"))


def _module(dotted: str) -> str | None:
    """The module that an imported name is, or comes from."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if _path(name).is_file():
            return name
    return None


@cache
def _path(name: str) -> Path:
    top, *inside = name.split(".")
    folder = _folder_of(name)
    assert folder is not None
    path = (PACKAGE if top == "pipeline" else folder / top).joinpath(*inside)
    return path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")


def _folder_of(name: str) -> Path | None:
    """Where Python finds a module of the project, or of the user's own; None for a package's."""
    top = name.split(".")[0]
    return PACKAGE.parent if top == "pipeline" else _own_folder(top)


@cache
def _own_folder(top: str) -> Path | None:
    try:
        spec = None if top in sys.stdlib_module_names else importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    folders = spec.submodule_search_locations
    place = Path(next(iter(folders)) if folders else spec.origin or "")
    if INSTALLED & {*place.parts} or not (folders or place.suffix == ".py"):
        return None
    return place.parent


def _version(package: str) -> str | None:
    """The installed version; None for what no package brings."""
    if package == "python":
        return ".".join(map(str, sys.version_info[:2]))
    try:
        return importlib.metadata.version(DISTRIBUTIONS.get(package, package))
    except importlib.metadata.PackageNotFoundError:
        named = _distributions().get(package, [])  # xgboost comes as xgboost or as xgboost-cpu
        return ", ".join(map(importlib.metadata.version, sorted(named))) or None


@cache
def _distributions() -> Mapping[str, list[str]]:
    """The installed distributions that bring a package, by its import name. Takes a moment."""
    return importlib.metadata.packages_distributions()


_CONTENTS = {path: _content(path) for path in PACKAGE.rglob("*.py")}
_CACHED = (parts, _source, _imported_before)
