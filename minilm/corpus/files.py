r"""Text files and folders of them, read as documents.

What is read is what the file holds: UTF-8, without a leading byte-order mark, line ends
as they are ("\r\n" stays). A model of the text is then a model of the file, byte for byte.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from pathlib import Path

from minilm.corpus.documents import Document
from minilm.errors import MinilmError

__all__ = ["TEXT_SUFFIXES", "decode", "find", "read", "read_file"]

PROSE = ".txt .text .md .markdown .rst .adoc .org .tex"
CODE = (
    ".c .cc .cpp .cs .f .f90 .go .h .hpp .hs .java .jl .js .kt .lua .m .ml .php .pl .py .pyi "
    ".r .rb .rs .scala .sh .sql .swift .ts"
)
TEXT_SUFFIXES = frozenset(f"{PROSE} {CODE}".split())


def read(path: str | os.PathLike[str]) -> list[Document]:
    """The documents of a text file, or of every text file below a folder.

    In a folder, files count as text by their suffix (`TEXT_SUFFIXES`, in any case). They come
    sorted by their path relative to the folder, written with "/", which is also their id.
    Hidden files and folders (a leading dot) and empty files are left out. Links are followed,
    but each file is read once, and a link that leads nowhere or in a circle is left out.

    Raises
    ------
    MinilmError
        If the path is missing, or a file cannot be read, is empty (when it is the only one),
        is not a regular file, holds NUL bytes or is not UTF-8; or a folder has no text.
    """
    root = Path(path)
    if not str(path):
        raise MinilmError("the path of the text is empty; give a file or a folder")
    if not stat.S_ISDIR(_status(root).st_mode):
        document = read_file(root, root.name)
        if not document.text:
            raise MinilmError(f"{root} is empty; give a file that has text")
        return [document]

    files = find(root)
    documents = [read_file(file, name, source=str(path)) for name, file in files]
    documents = [document for document in documents if document.text]
    if not documents:
        why = "all its text files are empty" if files else "it has no file named like text"
        raise MinilmError(
            f"no text in the folder {root}: {why} (.txt, .md, .py, ...); "
            "give another folder, or a single file, which may have any name"
        )
    return documents


def read_file(path: Path, name: str, *, source: str | None = None) -> Document:
    """One text file as the document `name`; its text may be empty."""
    mode = _status(path).st_mode
    if not stat.S_ISREG(mode):
        # Opening a pipe would wait for a writer for ever; /dev/zero never ends.
        kind = "a folder" if stat.S_ISDIR(mode) else "a device, a pipe or a socket"
        raise MinilmError(f"{path} is {kind}, not a text file; copy its text to a file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    except MemoryError as error:
        raise MinilmError(f"{path} does not fit in memory; split it") from error
    # Linux allows any bytes in names, and Python makes lone surrogates of them.
    name = name.encode("utf-8", "backslashreplace").decode()
    return Document(name, decode(data, str(path)), str(path) if source is None else source)


def decode(data: bytes, where: str) -> str:
    r"""The text of UTF-8 bytes, without a leading byte-order mark.

    Examples
    --------
    >>> decode(b"\xef\xbb\xbfone\r\n", "notes.txt")
    'one\r\n'
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise MinilmError(
            f"{where} is UTF-16, not UTF-8 (byte-order mark at byte 0); save it as UTF-8"
        )
    nul = data.find(b"\0")
    if nul >= 0:
        raise MinilmError(f"{where} is binary, not text (NUL at byte {nul}); give a text file")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MinilmError(
            f"{where} is not UTF-8: byte 0x{data[error.start]:02x} at byte {error.start}, "
            f"line {line} ({error.reason}); save it as UTF-8"
        ) from None


def find(folder: Path) -> list[tuple[str, Path]]:
    """The text files below a folder: (path relative to it with "/", path), sorted by the first.

    A file that links lead to a second time is listed once, under its own name if it has one.
    """
    own: dict[str, str] = {}  # real path -> relative name
    linked: dict[str, str] = {}
    entered: set[str] = set()
    # Linked folders wait at the far end, so that real ones name what both hold.
    pending = deque([(os.path.realpath(folder), "")])
    while pending:
        directory, prefix = pending.popleft()
        if directory in entered:
            continue
        entered.add(directory)
        for entry in _entries(directory):
            name = prefix + entry.name
            is_link = entry.is_symlink()
            # os.path.isdir is False for a link in a circle, where entry.is_dir raises.
            is_folder = os.path.isdir(entry.path) if is_link else entry.is_dir()
            if is_folder:
                # Resolved even when no symbolic link: Windows has junctions.
                real = os.path.realpath(entry.path)
                push = pending.appendleft if real == entry.path else pending.append
                push((real, name + "/"))
            elif Path(entry.name).suffix.lower() in TEXT_SUFFIXES:
                if not is_link:
                    own.setdefault(entry.path, name)
                elif os.path.exists(entry.path):
                    linked.setdefault(os.path.realpath(entry.path), name)
    return sorted((name, Path(real)) for real, name in {**linked, **own}.items())


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise _unreadable(directory, error) from error
    return sorted(visible, key=lambda entry: entry.name)


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError as error:
        where = str(path) if path.is_absolute() else f"{path} in {Path.cwd()}"
        raise MinilmError(f"no file or folder {where}; check the path") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:  # a NUL character in the path
        raise MinilmError(f"{path} is no path: {error}; check it") from error


def _unreadable(path: str | os.PathLike[str], error: OSError) -> MinilmError:
    reason = (error.strerror or type(error).__name__).lower()
    return MinilmError(f"cannot read {path}: {reason}; check the path and its permissions")
