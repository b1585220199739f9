r"""Bytes of a file as text lines: unpacking, hashing, encodings, line ends.

Everything streams: memory does not grow with the file. Text formats see UTF-8 with `\n` line ends whatever the file
has; bytes that are no text of the declared encoding stay in their line as bytes that are no UTF-8 either, so that
the line can be told from its neighbours and quarantined alone.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

import pyarrow as pa

from orchestration.ingestion.reasons import Unreadable

BLOCK_BYTES: Final = 4 * 1024 * 1024
MAX_UNPACKED_RATIO: Final = 250
"""Unpacked bytes per packed byte. CSV of one KPI repeated for years packs 60 to 1; a bomb packs 400 to 1 and more."""
RATIO_APPLIES_FROM: Final = 256 * 1024 * 1024
"""Unpacked bytes below which the ratio does not matter: small files cannot hurt."""

MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""A longer line is no line of a table: the file is of another format, and would have to be held in memory."""

_MAGIC: Final = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PAR1": "Parquet",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "PDF",
}
_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_BAD_BYTES: Final = "los_bad_bytes"


@dataclass(frozen=True)
class Block:
    r"""Some whole lines of a file.

    Attributes:
        first_line: physical line of the first, from 1.
        data: UTF-8, each line closed by `\n`; the file's last one too.
    """

    first_line: int
    data: bytes


def sha256_of(path: Path) -> tuple[str, int]:
    """Return the sha256 (hex) of a file's bytes as they lie on disk, and their number."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as handle:
        while chunk := handle.read(BLOCK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


class Hashing:
    """The sha256 of a file, computed by a thread of its own while others read the file.

    Args:
        path: the file.
        known: the hash, where it is known already.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, known: str | None = None) -> None:
        with path.open("rb") as handle:
            self.size = os.fstat(handle.fileno()).st_size
        self._pool = ThreadPoolExecutor(1)
        self._hash: Future[str] = self._pool.submit(lambda: known or sha256_of(path)[0])

    @property
    def sha256(self) -> str:
        """Wait for the hash (hex); raises the OSError of a file that cannot be read to its end."""
        return self._hash.result()

    @property
    def sha256_if_readable(self) -> str | None:
        """Wait for the hash; None when the file cannot be read to its end."""
        return None if isinstance(self._hash.exception(), OSError) else self._hash.result()

    def close(self) -> None:
        """Wait for the thread."""
        self._pool.shutdown()


@contextmanager
def unpacked(path: Path, name: str) -> Iterator[BinaryIO]:
    """Open a file for reading, unpacked by the suffix of its name (.gz, .zst).

    Raises:
        Unreadable: it is not packed as its name says, or is cut off, damaged, or a bomb.
    """
    suffix = Path(name).suffix.lower()
    try:
        with path.open("rb") as raw:
            if suffix == ".gz":
                with gzip.GzipFile(fileobj=raw, mode="rb") as packed:
                    yield cast("BinaryIO", _Counted(cast("BinaryIO", packed), path.stat().st_size))
            elif suffix == ".zst":
                with pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd") as packed:
                    yield cast("BinaryIO", _Counted(cast("BinaryIO", packed), path.stat().st_size))
            else:
                yield raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Unreadable("unreadable_file", f"the gzip file is cut off or damaged: {error}") from error
    except OSError as error:
        if error.errno is None and suffix == ".zst":  # raised by Arrow for damaged data, not by the system
            raise Unreadable("unreadable_file", f"the zstd file is cut off or damaged: {error}") from error
        raise


class _Counted(io.RawIOBase):
    """A packed stream that refuses to unpack without measure."""

    def __init__(self, stream: BinaryIO, packed_bytes: int) -> None:
        self._stream = stream
        self._limit = max(packed_bytes * MAX_UNPACKED_RATIO, RATIO_APPLIES_FROM)
        self._read = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._stream.read(BLOCK_BYTES if size is None or size < 0 else size)
        self._read += len(chunk)
        if self._read > self._limit:
            raise Unreadable(
                "unreadable_file",
                f"it unpacks to more than {MAX_UNPACKED_RATIO} times its size; if that is meant, deliver it unpacked",
            )
        return chunk


def line_blocks(path: Path, name: str, encoding: str) -> Iterator[Block]:
    """Yield a text file as blocks of whole lines.

    Lines end with LF, CR LF or CR, also mixed. A byte order mark is dropped.

    Raises:
        Unreadable: it cannot be unpacked, or is evidently no text of the encoding.
    """
    line = 1
    rest = b""
    for chunk in _normalised(path, name, encoding):
        data = rest + chunk if rest else chunk
        cut = data.rfind(b"\n") + 1
        if not cut:
            rest = data
            if len(rest) > MAX_LINE_BYTES:
                raise Unreadable("unreadable_file", f"a line longer than {MAX_LINE_BYTES >> 20} MiB", line=line)
            continue
        rest = data[cut:]
        block = data[:cut] if rest else data
        yield Block(line, block)
        line += block.count(b"\n")
    if rest:
        yield Block(line, rest + b"\n")


def _normalised(path: Path, name: str, encoding: str) -> Iterator[bytes]:
    r"""Yield UTF-8 with `\n` line ends, cut anywhere."""
    pending = b""  # a CR at the end of a chunk may be half of a CR LF
    for chunk in _as_utf8(path, name, encoding):
        data = pending + chunk if pending else chunk
        pending = b""
        if b"\r" in data:
            if data.endswith(b"\r"):
                data, pending = data[:-1], b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if data:
            yield data
    if pending:
        yield b"\n"


def _as_utf8(path: Path, name: str, encoding: str) -> Iterator[bytes]:
    with unpacked(path, name) as stream:
        chunk = stream.read(BLOCK_BYTES)
        _refuse_other_formats(chunk, encoding)
        if encoding == "utf-8":
            chunk = chunk.removeprefix(codecs.BOM_UTF8)
            while chunk:
                yield chunk
                chunk = stream.read(BLOCK_BYTES)
            return
        codecs.register_error(_BAD_BYTES, _keep_bad_bytes)
        decoder = codecs.getincrementaldecoder(encoding)(errors=_BAD_BYTES)
        first = True
        while chunk:
            text = decoder.decode(chunk)
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            yield text.encode("utf-8", "surrogatepass")
            chunk = stream.read(BLOCK_BYTES)
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def _keep_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    """Turn undecodable bytes into lone surrogates: text that no valid UTF-8 can hold."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in bad), error.end


def _refuse_other_formats(start: bytes, encoding: str) -> None:
    for magic, what in _MAGIC.items():
        if start.startswith(magic):
            raise Unreadable("unreadable_file", f"the content is {what}, not text; correct the file's name or format")
    for mark, actual in _MARKS.items():
        if start.startswith(mark) and not encoding.startswith(("utf-16", "utf-32")):
            raise Unreadable(
                "bad_encoding",
                f"the file begins with the byte order mark of {actual}, and its feed declares {encoding}; "
                f"do: write `encoding: {actual}` in feeds.yml, or export the file as {encoding}",
                line=1,
            )


def readable_text(raw: bytes) -> str:
    r"""Return bytes as text for people: what is no UTF-8 shows as \xNN."""
    return raw.decode("utf-8", "backslashreplace")
