"""Options of importing: filters, plug-ins, conversion, staging."""

from __future__ import annotations

from glancetui.config.kinds import Kind
from glancetui.config.option import Option, Section

ONE_BY_ONE = "an import fills one store after another"
NO_FILES = "tasks keep no files"
NO_TASKFLOW = "tasks do not run on TaskFlow"

IMPORT_FILTERING_OPTS = Section(
    "import_filtering_opts",
    "Which URLs an import may read.",
    (
        Option(
            "allowed_schemes",
            Kind.LIST,
            ["http", "https"],
            "Schemes that may be read; where this is empty, all but the disallowed.",
        ),
        Option("disallowed_schemes", Kind.LIST, [], "Schemes that may not be read."),
        Option(
            "allowed_hosts",
            Kind.LIST,
            [],
            "Hosts that may be read; where this is empty, all but the disallowed.",
        ),
        Option("disallowed_hosts", Kind.LIST, [], "Hosts that may not be read."),
        Option(
            "allowed_ports",
            Kind.LIST,
            ["80", "443"],
            "Ports that may be read; where this is empty, all but the disallowed.",
        ),
        Option("disallowed_ports", Kind.LIST, [], "Ports that may not be read."),
    ),
)

IMAGE_IMPORT_OPTS = Section(
    "image_import_opts",
    "What happens to imported images.",
    (
        Option(
            "image_import_plugins",
            Kind.LIST,
            [],
            (
                "Plug-ins that run on an import, in the order of their naming: inject_image_metadata, "
                "image_decompression, image_conversion."
            ),
        ),
        Option(
            "max_parallel_stores",
            Kind.INTEGER,
            1,
            "Stores that an import writes at once.",
            no_effect=ONE_BY_ONE,
            minimum=1,
        ),
    ),
)

IMAGE_CONVERSION = Section(
    "image_conversion",
    "Conversion on import.",
    (
        Option(
            "output_format",
            Kind.TEXT,
            "raw",
            "Format that imported images are converted to.",
            choices=("qcow2", "raw", "vmdk"),
        ),
    ),
)

INJECT_METADATA_PROPERTIES = Section(
    "inject_metadata_properties",
    "Properties that imports add.",
    (
        Option("ignore_user_roles", Kind.LIST, ["admin"], "Roles whose imports are left alone."),
        Option("inject", Kind.MAPPING, {}, "Properties to add."),
    ),
)

GLANCE_DOWNLOAD_PROPERTIES = Section(
    "glance_download_properties",
    "Properties that come along from another Glance.",
    (
        Option(
            "extra_properties",
            Kind.LIST,
            ["hw_", "trait:", "os_distro", "os_secure_boot", "os_type"],
            "Names, or beginnings of names, of properties to copy.",
        ),
    ),
)

OS_GLANCE_STAGING_STORE = Section(
    "os_glance_staging_store",
    "Data before import.",
    (
        Option(
            "filesystem_store_datadir",
            Kind.TEXT,
            None,
            "Folder of staged data; created when absent. Not set: `staging` in the data folder.",
            shown_default="<data folder>/staging",
        ),
    ),
)

OS_GLANCE_TASKS_STORE = Section(
    "os_glance_tasks_store",
    "Work files of tasks.",
    (
        Option(
            "filesystem_store_datadir",
            Kind.TEXT,
            "/var/lib/glance/tasks_work_dir",
            "Folder of tasks' files.",
            no_effect=NO_FILES,
        ),
    ),
)

TASK = Section(
    "task",
    "Tasks.",
    (
        Option(
            "task_time_to_live",
            Kind.INTEGER,
            48,
            "Hours for which a finished task is shown.",
            minimum=1,
            former=(("DEFAULT", "task_time_to_live"),),
        ),
        Option(
            "task_executor", Kind.TEXT, "taskflow", "What runs tasks.", no_effect=NO_TASKFLOW, choices=("taskflow",)
        ),
        Option("work_dir", Kind.TEXT, None, "Folder of tasks' files.", no_effect=NO_FILES),
    ),
)

TASKFLOW_EXECUTOR = Section(
    "taskflow_executor",
    "Glance's task engine.",
    (
        Option(
            "engine_mode",
            Kind.TEXT,
            "parallel",
            "How a task's steps run.",
            no_effect=NO_TASKFLOW,
            choices=("serial", "parallel"),
        ),
        Option("max_workers", Kind.INTEGER, 10, "Threads for tasks.", no_effect=NO_TASKFLOW, minimum=1),
        Option(
            "conversion_format",
            Kind.TEXT,
            None,
            "Format that tasks convert to.",
            no_effect=NO_TASKFLOW,
            choices=("qcow2", "raw", "vmdk"),
        ),
    ),
)
