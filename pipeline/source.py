"""What one file of source does, without its words: a hash, and what it imports.

To parse the whole project takes a second, so what was found is kept beside Python's own compiled
files, by content. It is only ever looked up under the hash of the very bytes that it was found for.
"""

import ast
import hashlib
import importlib.util
import marshal
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeGuard

from pipeline.files import read_checked, with_checksum, write_atomically

CHECKING_TYPES = ("TYPE_CHECKING", "typing.TYPE_CHECKING")
CHOSEN = ("competitions", "models", "stages")  # whoever asks names the module of these folders
MOST_KEPT = 5000  # files; beyond, those of this process alone are kept


@dataclass(frozen=True)
class Source:
    """A hash of what a file does; dotted names of its imports, wherever they stand; and folders of
    the package of which it may import any module."""

    hash: str
    imports: tuple[str, ...]
    folders: tuple[str, ...]


def parse(content: bytes, package: Sequence[str]) -> Source:
    """`package` is what relative imports start from. Raises SyntaxError."""
    tree = ast.parse(content)
    imports, folders = set(_imports(tree, list(package))), set(_folders(tree))
    _strip_words(tree)
    meaning = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return Source(meaning, tuple(sorted(imports)), tuple(sorted(folders)))


class SourceCache:
    """`parse` of files, and which compiled files are theirs; kept in a folder that can be deleted.

    A cache that is damaged, of another Python or cannot be written costs time and nothing else.
    """

    def __init__(self, folder: Path) -> None:
        own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
        self.path = folder / f"source.{sys.implementation.cache_tag}.json"
        self.version = f"{sys.version} {own}"
        self.known: dict[str, Any] = self._kept()
        self.used: set[str] = set()
        self.new = False

    def source(self, content: bytes, package: Sequence[str]) -> Source:
        """Raises SyntaxError."""
        key = _digest(".".join(package).encode(), content)
        if key not in self.known:
            self._add(key, asdict(parse(content, package)))
        self.used.add(key)
        found = self.known[key]
        return Source(found["hash"], tuple(found["imports"]), tuple(found["folders"]))

    def is_compiled_from(self, compiled: bytes, content: bytes, path: Path) -> bool:
        """Whether a file of Python's cache holds what this content compiles to."""
        key = _digest(compiled, content)
        if key not in self.known:
            code = compile(content, str(path), "exec", dont_inherit=True)
            if marshal.loads(compiled) != code:
                return False
            self._add(key, {})
        self.used.add(key)
        return True

    def save(self) -> None:
        """Write what was added, if anything, beside what other processes have added meanwhile."""
        if not self.new or sys.dont_write_bytecode:
            return
        found = self._kept() | self.known
        if len(found) > MOST_KEPT:
            found = {key: found[key] for key in self.used}
        try:
            write_atomically(self.path, with_checksum({"version": self.version, "files": found}))
        except OSError:
            return  # a read-only project
        self.new = False

    def _add(self, key: str, value: dict[str, Any]) -> None:
        self.known[key] = value
        self.new = True

    def _kept(self) -> dict[str, Any]:
        try:
            content = read_checked(self.path)
        except (OSError, ValueError):
            return {}
        return content["files"] if content.get("version") == self.version else {}


def _digest(*parts: bytes) -> str:
    """A hash of parts of any length, in this order."""
    lengths = struct.pack(f"<{len(parts)}Q", *map(len, parts))
    return hashlib.sha256(lengths + b"".join(parts)).hexdigest()


def compiled_code(path: Path) -> bytes | None:
    """What Python's cache holds for a file of this size and time; None where it compiles anew."""
    cached = Path(importlib.util.cache_from_source(str(path)))
    if not cached.is_file():
        return None
    kept = cached.read_bytes()
    stat = path.stat()
    recorded = struct.unpack("<II", kept[8:16]) if kept[4:8] == bytes(4) else None
    same = recorded == (int(stat.st_mtime) & 0xFFFFFFFF, stat.st_size & 0xFFFFFFFF)
    return kept[16:] if same else None


def _imports(tree: ast.AST, package: list[str]) -> Iterator[str]:
    """Dotted names of what is imported anywhere; not what type checkers alone import.

    `package` is what relative imports start from.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in CHECKING_TYPES:
            yield from _imports(ast.Module(node.orelse, []), package)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{start}.{alias.name}" for alias in node.names)
        else:
            if isinstance(node, ast.Call) and "import_module" in ast.dump(node.func):
                yield from (str(part.value) for part in node.args if _is_string(part))
            yield from _imports(node, package)


def _is_string(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _folders(tree: ast.AST) -> Iterator[str]:
    """Folders of which any module may be imported: import_module(f"pipeline.report.{name}")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
            start = str(node.values[0].value).split(".")
            if len(start) == 3 and start[0] == "pipeline" and start[1] not in CHOSEN:
                yield start[1]


def _strip_words(tree: ast.AST) -> None:
    """Take out what is for readers: docstrings, and the descriptions of settings."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            del body[0]
        if isinstance(node, ast.Call) and _is_field(node.func):
            node.keywords = [word for word in node.keywords if word.arg != "description"]


def _is_field(node: ast.AST) -> bool:
    """Whether this is pydantic's `Field`, or `pydantic.Field`."""
    return "Field" in (getattr(node, "id", ""), getattr(node, "attr", ""))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and _is_string(node.value)
