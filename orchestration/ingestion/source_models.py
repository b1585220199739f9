"""The sources that a contract can name: files, S3, SQL, REST. Typed models, no I/O.

Credentials stand in environment variables, and a contract only names these. A contract that holds one itself is
refused, with a message that does not repeat it.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from orchestration.company.fields import FileModel, Line, refuse
from orchestration.errors import nearest

_Raw = StringConstraints(strict=True, min_length=1, max_length=500)
_Query = StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=100_000)

_SECRET_NAME: Final = re.compile(
    r"(?i)(^|[-_.])(authorization|cookie|.*token|.*secret|.*passw(or)?d|pwd|.*signature|sig|.*credentials?)($|[-_.])"
    r"|(api|access|private|subscription|auth)[-_.]?key|^key$|^auth$"
)
_SECRET_TEXT: Final = re.compile(
    r"(?i:\b(bearer|basic)\s+\S{8})|\b(gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|sk_live_|AKIA|ASIA|eyJ[\w-]{10})"
)
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OWN_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_METADATA_HOSTS: Final = frozenset({"metadata", "metadata.google.internal", "instance-data", "metadata.azure.internal"})
_METADATA_ADDRESSES: Final = frozenset(
    ipaddress.ip_address(text) for text in ("100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254")
)


def is_loopback(host: str) -> bool:
    """Tell whether a host is written as this machine itself."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def forbidden_address(address: str, *, loopback_allowed: bool) -> str | None:
    """Return why no request may go to an IP address, or None.

    Args:
        address: IPv4 or IPv6, as text.
        loopback_allowed: the contract itself names this machine.
    """
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if ip.is_link_local or ip in _METADATA_ADDRESSES:
        return "the address of a cloud's metadata service, or of a neighbour without a router between"
    if ip.is_multicast or ip.is_unspecified:
        return "not the address of one machine"
    if ip.is_loopback and not loopback_allowed:
        return "an address of this machine, under another name"
    return None


def _pattern(text: str) -> str:
    """Refuse a path that could leave the landing folder, whatever the platform thinks of its parts."""
    expected = "a path or pattern relative to the landing folder, such as carrier_on_time/*.csv"
    if "://" in text or text.startswith(("file:", "~")):
        refuse("not a path below the landing folder", expected=expected)
    if "\\" in text or re.match(r"[A-Za-z]:", text):
        refuse("backslashes and drive letters are not allowed", expected=expected)
    if not text.isprintable():
        refuse("a path with an invisible character", expected=expected)
    path = PurePosixPath(text)
    if path.is_absolute():
        refuse("an absolute path", expected=expected, remedy="leave out the folder above, or set LOS_LANDING_DIR")
    if ".." in path.parts:
        refuse("a path that climbs out of the landing folder", expected=expected, remedy="remove `..`")
    return text


def _pointer(text: str) -> str:
    if text and not text.startswith("/"):
        refuse("not a JSON pointer", expected="a path such as /data/items; empty for the document itself")
    return text


def _check_environment_name(name: str | None, field: str) -> None:
    """Refuse what is no name of a variable, without repeating it: it may be the secret itself."""
    if name is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]{0,199}", name):
        refuse(
            "not the name of an environment variable",
            expected="a name such as WAREHOUSE_URL; the secret stands in the environment, never here",
            remedy="set a variable where the pipeline runs and write its name here",
            field=field,
        )


Pointer = Annotated[str, StringConstraints(strict=True, max_length=500), AfterValidator(_pointer)]
"""JSON pointer: /data/items."""


class FromEnvironment(FileModel):
    """A text that stands in an environment variable."""

    env: Line = Field(description="Name of the environment variable.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_environment_name(self.env, "env")
        return self


class _Source(FileModel):
    """What all sources share: fields that name environment variables are checked."""

    spool_format: ClassVar[str | None] = None
    """The format that the source itself makes; None: the contract says how the files are written."""
    is_remote: ClassVar[bool] = True
    """Whether the outside world can fail, so that trying again may help."""

    @model_validator(mode="after")
    def _check_environment_names(self) -> Self:
        for name in type(self).model_fields:
            if name.endswith("_env"):
                _check_environment_name(getattr(self, name), name)
        return self


class FileSource(_Source):
    """Files below the landing folder."""

    is_remote: ClassVar[bool] = False

    type: Literal["file"] = Field(description="Files below the landing folder.")
    path: Annotated[str, _Raw, AfterValidator(_pattern)] = Field(
        description="Path or pattern relative to the landing folder; ** matches folders of any depth."
    )

    @property
    def expectation(self) -> str:
        """What people expect to find, in words."""
        return f"files {self.path} in the landing folder"


def _s3_url(text: str) -> str:
    expected = "s3://bucket/key, where * and ** may stand in the key"
    match = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)", text)
    if not match or not text.isprintable():
        refuse("not an S3 address", expected=expected)
    key = match[2]
    if key.startswith("/") or "//" in key or {".", ".."} & set(key.split("/")) or key.endswith("/"):
        refuse("not a plain S3 key", expected=expected, remedy="remove empty parts, `.` and `..`")
    return text


class S3Source(_Source):
    """Objects in an S3-compatible store."""

    type: Literal["s3"] = Field(description="Objects in an S3-compatible store.")
    url: Annotated[str, _Raw, AfterValidator(_s3_url)] = Field(
        description="s3://bucket/key; * matches within a part of the key, ** parts of any number."
    )
    region: Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9-]{1,50}$")] | None = Field(
        default=None, description="Region of the bucket; for other stores than AWS whatever they expect."
    )
    endpoint_env: Line | None = Field(
        default=None, description="Environment variable with the store's URL; none: AWS itself."
    )
    key_env: Line | None = Field(default=None, description="Environment variable with the access key's id.")
    secret_env: Line | None = Field(default=None, description="Environment variable with the secret access key.")
    session_token_env: Line | None = Field(
        default=None, description="Environment variable with the session token of temporary keys."
    )
    anonymous: bool = Field(default=False, description="The bucket is public: nothing is signed.")

    @property
    def bucket(self) -> str:
        """The bucket."""
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def key_pattern(self) -> str:
        """The key, or the pattern of keys."""
        return self.url.removeprefix("s3://").partition("/")[2]

    @property
    def expectation(self) -> str:
        """What people expect to find, in words."""
        return f"objects {self.url}"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.key_env is None) != (self.secret_env is None):
            missing = "secret_env" if self.secret_env is None else "key_env"
            refuse("an access key is an id and a secret", remedy=f"add {missing}, or leave both out", field=missing)
        if self.session_token_env and self.key_env is None:
            refuse("a session token without a key", remedy="add key_env and secret_env", field="session_token_env")
        if self.anonymous and self.key_env:
            refuse("anonymous, and with a key", remedy="keep one of the two", field="anonymous")
        return self


class SqlSource(_Source):
    """The result of one query."""

    spool_format: ClassVar[str | None] = "parquet"

    type: Literal["sql"] = Field(description="The result of one SQL query.")
    url_env: Line = Field(description="Environment variable with the database's SQLAlchemy URL.")
    query: Annotated[str, _Query] = Field(description="One select; its columns are the columns of the contract.")

    @property
    def expectation(self) -> str:
        """What people expect to find, in words."""
        return f"the result of the query on {self.url_env}"

    @model_validator(mode="after")
    def _check(self) -> Self:
        plain = re.sub(r"(?s)/\*.*?\*/|--[^\n]*", " ", self.query).strip().rstrip(";")
        if not re.match(r"(?i)(select|with|values|table|from)\b|\(", plain):
            refuse("the query does not read", expected="a statement that begins with select or with", field="query")
        return self


def _rest_url(text: str) -> str:
    """Check scheme and host; what is refused is not repeated by the caller (see `RestSource`)."""
    expected = "https://host/path, or http:// on this machine"
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        refuse("not a URL", expected=expected, field="url")
    if parts.username is not None or parts.password is not None:
        refuse("a URL that holds credentials", remedy="name their environment variable in token_env", field="url")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        refuse("a URL with parameters", remedy="write them under `params`", field="url")
    if parts.scheme not in ("https", "http") or not host or port == 0:
        refuse("not a URL of the kinds allowed", expected=expected, field="url")
    if not text.isprintable() or not text.isascii() or " " in text or "\\" in text:
        refuse("a URL with signs that do not belong there", expected=expected, field="url")
    if parts.scheme == "http" and not is_loopback(host):
        refuse("unencrypted: anyone on the way can read and change it", expected=expected, field="url")
    try:
        reason = forbidden_address(host.strip("[]"), loopback_allowed=True)
    except ValueError:
        # Forms such as 0x7f000001 or 2852039166 are addresses to a resolver and names to us.
        numeric = re.fullmatch(r"(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+))*", host)
        reason = "the address of a cloud's metadata service" if host in _METADATA_HOSTS else None
        reason = "an address in disguise" if numeric else reason
    if reason:
        refuse(f"the host is {reason}", expected="the name of a host that serves an API", field="url")
    return text


Parameter = Annotated[str | int | FromEnvironment, Field(union_mode="smart")]


class PagePagination(FileModel):
    """Pages by number, until one is empty."""

    kind: Literal["page"] = Field(description="Pages by number, until one is empty.")
    param: Line = Field(default="page", description="Parameter with the number of the page.")
    start: Annotated[int, Field(strict=True, ge=0)] = Field(default=1, description="Number of the first page.")
    size_param: Line | None = Field(default=None, description="Parameter with the records per page.")
    size: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = Field(
        default=None, description="Records per page to ask for."
    )


class OffsetPagination(FileModel):
    """Pages by number of records passed over, until one is empty."""

    kind: Literal["offset"] = Field(description="Pages by number of records passed over, until one is empty.")
    param: Line = Field(default="offset", description="Parameter with the records to pass over.")
    size_param: Line | None = Field(default="limit", description="Parameter with the records per page.")
    size: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = Field(
        default=None, description="Records per page to ask for; the offset moves by what came."
    )


class CursorPagination(FileModel):
    """Each page names the cursor of the next, until none does."""

    kind: Literal["cursor"] = Field(description="Each page names the cursor of the next, until none does.")
    path: Pointer = Field(description="JSON pointer to the next cursor in a page.")
    param: Line = Field(default="cursor", description="Parameter that takes the cursor.")


class LinkPagination(FileModel):
    """Each page names the address of the next, until none does."""

    kind: Literal["link"] = Field(description="Each page names the address of the next, until none does.")
    path: Pointer | None = Field(
        default=None, description="JSON pointer to the next address; none: the header Link with rel=next."
    )


Pagination = Annotated[
    PagePagination | OffsetPagination | CursorPagination | LinkPagination, Field(discriminator="kind")
]


class RestSource(_Source):
    """The records of an HTTP endpoint, all of its pages together."""

    spool_format: ClassVar[str | None] = "jsonl"

    type: Literal["rest"] = Field(description="The records of an HTTP endpoint, all pages together.")
    url: Annotated[str, _Raw] = Field(description="Address of the first page, without parameters.")
    method: Literal["GET"] = Field(default="GET", description="Reading only.")
    headers: dict[Line, Line | FromEnvironment] = Field(
        default_factory=dict, description="Headers to send; credentials as {env: NAME}."
    )
    params: dict[Line, Parameter] = Field(
        default_factory=dict, description="Parameters of the address; credentials as {env: NAME}."
    )
    token_env: Line | None = Field(
        default=None, description="Environment variable with the token, sent as Authorization: Bearer."
    )
    record_path: Pointer = Field(
        default="", description="JSON pointer to the list of records in a page; empty: the page is the list."
    )
    total_path: Pointer | None = Field(
        default=None, description="JSON pointer to the number of records in all; another number refuses the delivery."
    )
    pagination: Pagination | None = Field(default=None, description="How to come to the next page; none: one page.")
    timeout_seconds: Annotated[float, Field(strict=True, gt=0, le=3600)] = Field(
        default=30.0, description="Without an answer for so long a request counts as failed."
    )
    max_pages: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(
        default=10_000, description="More pages refuse the delivery."
    )
    max_attempts: Annotated[int, Field(strict=True, ge=1, le=20)] = Field(
        default=5, description="Attempts at each page, further and further apart."
    )

    @property
    def expectation(self) -> str:
        """What people expect to find, in words."""
        return f"records at {self.url}"

    @model_validator(mode="after")
    def _check(self) -> Self:
        _rest_url(self.url)
        for field, entries in (("headers", self.headers), ("params", self.params)):
            for name, value in entries.items():
                self._check_entry(field, name, value)
        names = [name.lower() for name in self.headers]
        if self.token_env and "authorization" in names:
            refuse("Authorization stands twice", remedy="keep token_env or the header", field="token_env")
        if len(set(names)) < len(names):
            refuse("a header stands twice", field="headers")
        own = {str(getattr(self.pagination, name, None)) for name in ("param", "size_param")}
        for name in sorted(own & set(self.params)):
            refuse(f"the parameter {name} belongs to the pagination", remedy="remove it here", field="params")
        return self

    def _check_entry(self, field: str, name: str, value: str | int | FromEnvironment) -> None:
        if field == "headers" and (not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS):
            refuse("not a header to set", expected="a name such as Accept", field=field)
        if isinstance(value, FromEnvironment):
            return
        if _SECRET_NAME.search(name) or (isinstance(value, str) and _SECRET_TEXT.search(value)):
            refuse(
                f"a credential in the contract: {name}",
                expected="{env: NAME}, with the secret in the environment variable NAME",
                remedy="move it to the environment, and replace it where it was issued: it has been written down",
                field=field,
            )


_SOURCES: Final = ("file", "s3", "sql", "rest")


def _known_type(value: Any) -> Any:
    if isinstance(value, dict):
        found = value.get("type")
        if "type" not in value:
            refuse("missing field `type`", expected="file, s3, sql or rest", remedy="add it", field="type")
        if found not in _SOURCES:
            close = nearest(found.strip().lower(), _SOURCES) if isinstance(found, str) else None
            refuse(
                "not one of the values allowed",
                expected="file, s3, sql or rest",
                remedy=f"write {close}" if close else None,
                field="type",
            )
    return value


Source = Annotated[
    Annotated[FileSource | S3Source | SqlSource | RestSource, Field(discriminator="type")],
    BeforeValidator(_known_type),
]
