"""Names of image attributes: which are the service's own, which a client may never write, which are never shown."""

from __future__ import annotations

from glancetui.errors import BadRequest, Forbidden

MAX_NAME = 255  # characters of a custom property's name, and of a tag
MAX_INTEGER = 2**31 - 1  # what the database holds of min_ram and min_disk

WRITABLE = frozenset(
    {
        "name", "visibility", "protected", "os_hidden", "owner", "container_format", "disk_format",
        "min_disk", "min_ram", "tags",
    }
)  # fmt: skip
INTEGERS = ("min_ram", "min_disk")  # of the writable ones
READ_ONLY = frozenset(
    {
        "status", "checksum", "size", "virtual_size", "created_at", "updated_at", "os_hash_algo", "os_hash_value",
        "direct_url", "self", "file", "schema", "stores",
    }
)  # fmt: skip
RESERVED = frozenset({"location", "deleted", "deleted_at"})
RESERVED_PREFIX = "os_glance"
HIDDEN = frozenset({"os_glance_stage_host", "os_glance_hash_op_host"})  # written for the service's own use


def refuse_reserved(name: str) -> None:
    """Raises Forbidden for an attribute that only the service writes, BadRequest for a name that cannot be one."""
    if name in READ_ONLY:
        raise Forbidden(f"Attribute {name} is read-only. Leave it out.")
    if name in RESERVED or name.startswith(RESERVED_PREFIX):
        raise Forbidden(f"Attribute {name} is reserved for the service. Choose another name.")
    if not name.strip():
        raise BadRequest("A property needs a name that is not empty.")
    if len(name) > MAX_NAME:
        raise BadRequest(f"The property name {name[:40]}… is longer than {MAX_NAME} characters. Choose a shorter one.")
    if "\0" in name:
        raise BadRequest("A property name holds no NUL character.")
