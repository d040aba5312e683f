"""All options: sections that are always there, those of a backend by its kind, and those of libraries not used here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from glancetui.config.option import Option, Section
from glancetui.config.sections import access, database, formats, general, imports, messaging, ours, stores, wire

KINDS_OF_STORE: Mapping[str, Section] = {
    "file": stores.FILE,
    "http": stores.HTTP,
    "rbd": stores.RBD,
    "s3": stores.S3,
    "sftp": stores.SFTP,
    "swift": stores.SWIFT,
    "vmware": stores.VMWARE,
    "cinder": stores.CINDER,
}
OTHER_NAMES_OF_KINDS: Mapping[str, str] = {  # those that glance_store registers beside the plain ones
    "filesystem": "file",
    "https": "http",
    "swift+http": "swift",
    "swift+https": "swift",
    "swift+config": "swift",
    "s3+http": "s3",
    "s3+https": "s3",
    "vsphere": "vmware",
}

GLANCE_STORE = Section(
    "glance_store",
    stores.GLANCE_STORE.help,
    (
        *stores.GLANCE_STORE.options,
        *(option for kind in KINDS_OF_STORE.values() for option in kind.options),
    ),
)

SECTIONS: tuple[Section, ...] = (
    ours.GLANCETUI,
    general.DEFAULT,
    database.DATABASE,
    GLANCE_STORE,
    formats.IMAGE_FORMAT,
    imports.OS_GLANCE_STAGING_STORE,
    imports.OS_GLANCE_TASKS_STORE,
    imports.IMPORT_FILTERING_OPTS,
    imports.IMAGE_IMPORT_OPTS,
    imports.IMAGE_CONVERSION,
    imports.INJECT_METADATA_PROPERTIES,
    imports.GLANCE_DOWNLOAD_PROPERTIES,
    imports.TASK,
    imports.TASKFLOW_EXECUTOR,
    access.PASTE_DEPLOY,
    access.KEYSTONE_AUTHTOKEN,
    access.SERVICE_USER,
    access.OSLO_POLICY,
    access.OSLO_LIMIT,
    wire.CORS,
    wire.HEALTHCHECK,
    wire.OSLO_MIDDLEWARE,
    wire.OSLO_MIDDLEWARE_TRACING,
    wire.WSGI,
    wire.OSLO_CONCURRENCY,
    messaging.OSLO_MESSAGING_NOTIFICATIONS,
)

SECTIONS_OF_LIBRARIES: Mapping[
    str, str
] = {  # whole sections that Glance's file has and that libraries read, or that have no effect
    "oslo_messaging_amqp": "oslo.messaging reads it itself, where notifications are sent",
    "oslo_messaging_kafka": "oslo.messaging reads it itself, where notifications are sent",
    "oslo_messaging_rabbit": "oslo.messaging reads it itself, where notifications are sent",
    "oslo_reports": "the service writes no Guru Meditation Reports",
    "profiler": "the service is not instrumented for osprofiler",
    "key_manager": "castellan reads it itself, where images are signed",
    "barbican": "castellan reads it itself, where images are signed",
    "barbican_service_user": "castellan reads it itself, where images are signed",
    "vault": "castellan reads it itself, where images are signed",
    "cache": "the service has no shared cache",
    "audit": "the service has no audit middleware",
}


def backend_section(name: str, kind: str) -> Section:
    """The section of one configured backend."""
    described = KINDS_OF_STORE[kind]
    return Section(name, described.help, (*described.options, *stores.BACKEND.options))


def plain_kind(kind: str) -> str:
    return OTHER_NAMES_OF_KINDS.get(kind, kind)


def all_options() -> Iterator[tuple[Section, Option]]:
    for section in SECTIONS:
        for option in section.options:
            yield section, option
