"""What an image and its tasks tell of imports: whether one goes on, and why the last one came to nothing."""

from __future__ import annotations

from glancetui.client.values import RemoteImage, RemoteTask

LOCK, FAILED_STORES = "os_glance_import_task", "os_glance_failed_import"  # properties, as Glance names them
WITHOUT_DATA = frozenset({"queued", "uploading", "killed"})
UNTOLD = "the endpoint does not say why"


def is_worked_on(image: RemoteImage) -> bool:
    return image.status == "importing" or bool(image.properties.get(LOCK))


def failed_stores(image: RemoteImage) -> tuple[str, ...]:
    """Stores that the last import did not reach."""
    named = (image.properties.get(FAILED_STORES) or "").split(",")
    return tuple(store for store in named if store and store not in image.stores)


def failure(image: RemoteImage, last: RemoteTask | None) -> str:
    """Why the last import came to nothing, or which stores it did not reach; empty where all is well.

    `last` is the image's newest task.
    """
    if last is None or not last.is_over or is_worked_on(image):
        return ""
    if image.status in WITHOUT_DATA:
        return (last.message or UNTOLD) if last.status == "failure" else ""
    missing = failed_stores(image)
    return f"Not in {', '.join(missing)}: {last.message or UNTOLD}" if missing else ""
