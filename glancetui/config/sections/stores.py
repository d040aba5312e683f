"""Options of [glance_store] and of each backend's own section, glance_store's names."""

from __future__ import annotations

from glancetui.config.kinds import Kind
from glancetui.config.option import Option, Section

DIRECT_FILES = "files are read and written without a pool of threads of their own"
NO_DRIVER = "this version has no driver for this kind of store"

GLANCE_STORE = Section(
    "glance_store",
    (
        "Stores: which is the default, and the options of a single store. Where enabled_backends is set, "
        "each backend has a section of its own instead."
    ),
    (
        Option(
            "default_backend",
            Kind.TEXT,
            None,
            "Store that takes data when a request names none; needed where enabled_backends has more than one.",
        ),
        Option("stores", Kind.LIST, ["file", "http"], "Kinds of stores in use, where enabled_backends is not set."),
        Option(
            "default_store",
            Kind.TEXT,
            "file",
            "Kind of the single store, where enabled_backends is not set.",
            choices=(
                "file",
                "filesystem",
                "http",
                "https",
                "swift",
                "swift+http",
                "swift+https",
                "swift+config",
                "rbd",
                "cinder",
                "vsphere",
                "s3",
            ),
        ),
    ),
)

FILE = Section(
    "file",
    "A store on a file system.",
    (
        Option(
            "filesystem_store_datadir",
            Kind.TEXT,
            None,
            "Folder of the store's files.",
            shown_default="`images` in the data folder; for a backend /var/lib/glance/images",
        ),
        Option(
            "filesystem_store_datadirs",
            Kind.MULTI,
            [],
            "Folder and priority (`/path:200`), repeatable; the highest priority with room is written to.",
        ),
        Option(
            "filesystem_store_file_perm",
            Kind.INTEGER,
            0,
            "Permissions of files, in octal digits such as 640; 0: as the umask has it.",
        ),
        Option(
            "filesystem_store_chunk_size",
            Kind.INTEGER,
            1048576,
            "Bytes read at once where the kernel cannot send the file itself, at most 1 MiB. In Glance: 65536.",
            minimum=1,
        ),
        Option("filesystem_thin_provisioning", Kind.BOOLEAN, False, "Leave holes where the data is zero."),
        Option(
            "filesystem_store_metadata_file",
            Kind.TEXT,
            None,
            "JSON file whose entry for the folder is added to each location's metadata.",
            no_effect="a location's metadata name its store and nothing else",
        ),
        Option(
            "filesystem_store_timeout", Kind.INTEGER, 0, "Seconds for one operation.", no_effect=DIRECT_FILES, minimum=0
        ),
        Option(
            "filesystem_store_thread_pool_size",
            Kind.INTEGER,
            10,
            "Threads for file operations.",
            no_effect=DIRECT_FILES,
            minimum=1,
        ),
        Option(
            "filesystem_store_threadpool_threshold",
            Kind.INTEGER,
            75,
            "Percentage of busy threads that is logged.",
            no_effect=DIRECT_FILES,
            minimum=0,
            maximum=100,
        ),
    ),
)

HTTP = Section(
    "http",
    "A read-only store of URLs. It reads what [import_filtering_opts] lets an import read, and nothing else.",
    (
        Option(
            "https_ca_certificates_file",
            Kind.TEXT,
            None,
            "File of the certificates that servers are checked against; https_insecure then means nothing.",
        ),
        Option(
            "https_insecure",
            Kind.BOOLEAN,
            True,
            "Do not check servers' certificates. Without it they are checked against the system's.",
        ),
        Option(
            "http_proxy_information",
            Kind.MAPPING,
            {},
            "Proxies by scheme of the URL, such as `http:10.0.0.1:3128`. Each must let CONNECT through: it is asked "
            "for a tunnel to the address that was checked.",
        ),
    ),
)

RBD = Section(
    "rbd",
    "A store in a Ceph pool.",
    (
        Option("rbd_store_chunk_size", Kind.INTEGER, 8, "Object size in MiB.", no_effect=NO_DRIVER, minimum=1),
        Option("rbd_store_pool", Kind.TEXT, "images", "Pool.", no_effect=NO_DRIVER),
        Option("rbd_store_user", Kind.TEXT, None, "Ceph user.", no_effect=NO_DRIVER),
        Option("rbd_store_ceph_conf", Kind.TEXT, "", "Ceph's configuration file.", no_effect=NO_DRIVER),
        Option("rados_connect_timeout", Kind.INTEGER, -1, "Seconds to connect.", no_effect=NO_DRIVER),
        Option(
            "rbd_thin_provisioning", Kind.BOOLEAN, False, "Leave holes where the data is zero.", no_effect=NO_DRIVER
        ),
    ),
)

S3 = Section(
    "s3",
    "A store in an S3 bucket.",
    (
        Option("s3_store_host", Kind.TEXT, None, "Address of the S3 service.", no_effect=NO_DRIVER),
        Option("s3_store_region_name", Kind.TEXT, "", "Region.", no_effect=NO_DRIVER),
        Option("s3_store_access_key", Kind.TEXT, None, "Access key.", no_effect=NO_DRIVER, secret=True),
        Option("s3_store_secret_key", Kind.TEXT, None, "Secret key.", no_effect=NO_DRIVER, secret=True),
        Option("s3_store_bucket", Kind.TEXT, None, "Bucket.", no_effect=NO_DRIVER),
        Option(
            "s3_store_create_bucket_on_put",
            Kind.BOOLEAN,
            False,
            "Create the bucket when it is missing.",
            no_effect=NO_DRIVER,
        ),
        Option("s3_store_bucket_url_format", Kind.TEXT, "auto", "How the bucket is addressed.", no_effect=NO_DRIVER),
        Option(
            "s3_store_large_object_size",
            Kind.INTEGER,
            100,
            "Size in MB from which uploads have parts.",
            no_effect=NO_DRIVER,
            minimum=0,
        ),
        Option("s3_store_large_object_chunk_size", Kind.INTEGER, 10, "Size in MB of a part.", no_effect=NO_DRIVER),
        Option("s3_store_thread_pools", Kind.INTEGER, 10, "Threads that send parts.", no_effect=NO_DRIVER),
        Option(
            "s3_store_cacert", Kind.TEXT, "", "Certificates that the service is checked against.", no_effect=NO_DRIVER
        ),
        Option(
            "s3_store_enable_data_integrity_protection",
            Kind.BOOLEAN,
            False,
            "Have checksums protect data in transfer.",
            no_effect=NO_DRIVER,
        ),
        Option(
            "s3_store_request_checksum_calculation",
            Kind.TEXT,
            "when_required",
            "When requests carry a checksum.",
            no_effect=NO_DRIVER,
            choices=("when_required", "when_supported"),
        ),
        Option(
            "s3_store_response_checksum_validation",
            Kind.TEXT,
            "when_required",
            "When answers' checksums are checked.",
            no_effect=NO_DRIVER,
            choices=("when_required", "when_supported"),
        ),
    ),
)

SWIFT = Section(
    "swift",
    "A store in Swift containers.",
    (
        Option(
            "swift_store_auth_insecure",
            Kind.BOOLEAN,
            False,
            "Do not check the identity service's certificate.",
            no_effect=NO_DRIVER,
        ),
        Option(
            "swift_store_cacert", Kind.TEXT, None, "Certificates that servers are checked against.", no_effect=NO_DRIVER
        ),
        Option("swift_store_region", Kind.TEXT, None, "Region.", no_effect=NO_DRIVER),
        Option(
            "swift_store_endpoint", Kind.TEXT, None, "Address of Swift; else from the catalogue.", no_effect=NO_DRIVER
        ),
        Option(
            "swift_store_endpoint_type",
            Kind.TEXT,
            "publicURL",
            "Which endpoint of the catalogue.",
            no_effect=NO_DRIVER,
            choices=("publicURL", "adminURL", "internalURL"),
        ),
        Option(
            "swift_store_service_type", Kind.TEXT, "object-store", "Service type in the catalogue.", no_effect=NO_DRIVER
        ),
        Option(
            "swift_store_container", Kind.TEXT, "glance", "Container, or prefix of containers.", no_effect=NO_DRIVER
        ),
        Option(
            "swift_store_large_object_size",
            Kind.INTEGER,
            5120,
            "Size in MB from which objects have segments.",
            no_effect=NO_DRIVER,
            minimum=1,
        ),
        Option(
            "swift_store_large_object_chunk_size",
            Kind.INTEGER,
            200,
            "Size in MB of a segment.",
            no_effect=NO_DRIVER,
            minimum=1,
        ),
        Option(
            "swift_store_create_container_on_put",
            Kind.BOOLEAN,
            False,
            "Create the container when it is missing.",
            no_effect=NO_DRIVER,
        ),
        Option(
            "swift_store_multi_tenant",
            Kind.BOOLEAN,
            False,
            "Keep data in each project's own account.",
            no_effect=NO_DRIVER,
        ),
        Option(
            "swift_store_multiple_containers_seed",
            Kind.INTEGER,
            0,
            "Letters of the image id that choose a container.",
            no_effect=NO_DRIVER,
            minimum=0,
            maximum=32,
        ),
        Option(
            "swift_store_admin_tenants", Kind.LIST, [], "Projects that may access all containers.", no_effect=NO_DRIVER
        ),
        Option("swift_store_ssl_compression", Kind.BOOLEAN, True, "Compress TLS.", no_effect=NO_DRIVER),
        Option(
            "swift_store_retry_get_count",
            Kind.INTEGER,
            0,
            "Attempts to continue a broken download.",
            no_effect=NO_DRIVER,
            minimum=0,
        ),
        Option(
            "swift_store_expire_soon_interval",
            Kind.INTEGER,
            60,
            "Seconds before expiry at which a token is renewed.",
            no_effect=NO_DRIVER,
            minimum=0,
        ),
        Option("swift_store_use_trusts", Kind.BOOLEAN, True, "Use trusts for long uploads.", no_effect=NO_DRIVER),
        Option("swift_buffer_on_upload", Kind.BOOLEAN, False, "Buffer segments on disk.", no_effect=NO_DRIVER),
        Option("swift_upload_buffer_dir", Kind.TEXT, None, "Folder of that buffer.", no_effect=NO_DRIVER),
        Option(
            "default_swift_reference",
            Kind.TEXT,
            "ref1",
            "Account in swift_store_config_file that is written to.",
            no_effect=NO_DRIVER,
        ),
        Option(
            "swift_store_config_file", Kind.TEXT, None, "File of accounts and their credentials.", no_effect=NO_DRIVER
        ),
        Option(
            "swift_store_auth_version",
            Kind.TEXT,
            "3",
            "Version of the identity API.",
            no_effect=NO_DRIVER,
            choices=("3",),
        ),
        Option("swift_store_auth_address", Kind.TEXT, None, "Address of the identity service.", no_effect=NO_DRIVER),
        Option("swift_store_user", Kind.TEXT, None, "User.", no_effect=NO_DRIVER, secret=True),
        Option("swift_store_key", Kind.TEXT, None, "Password.", no_effect=NO_DRIVER, secret=True),
        Option(
            "swift_store_application_credential_id",
            Kind.TEXT,
            None,
            "Application credential.",
            no_effect=NO_DRIVER,
            secret=True,
        ),
        Option(
            "swift_store_application_credential_secret",
            Kind.TEXT,
            None,
            "Secret of the application credential.",
            no_effect=NO_DRIVER,
            secret=True,
        ),
        Option("swift_store_project_name", Kind.TEXT, None, "Project.", no_effect=NO_DRIVER),
        Option("swift_store_project_id", Kind.TEXT, None, "Id of the project.", no_effect=NO_DRIVER),
    ),
)

VMWARE = Section(
    "vmware",
    "A store in a vSphere datastore.",
    (
        Option("vmware_server_host", Kind.TEXT, None, "Address of vCenter or ESX.", no_effect=NO_DRIVER),
        Option("vmware_server_username", Kind.TEXT, None, "User.", no_effect=NO_DRIVER),
        Option("vmware_server_password", Kind.TEXT, None, "Password.", no_effect=NO_DRIVER, secret=True),
        Option("vmware_api_retry_count", Kind.INTEGER, 10, "Attempts of an API call.", no_effect=NO_DRIVER, minimum=1),
        Option(
            "vmware_task_poll_interval",
            Kind.INTEGER,
            5,
            "Seconds between two looks at a task.",
            no_effect=NO_DRIVER,
            minimum=1,
        ),
        Option(
            "vmware_store_image_dir", Kind.TEXT, "/openstack_glance", "Folder in the datastore.", no_effect=NO_DRIVER
        ),
        Option(
            "vmware_insecure",
            Kind.BOOLEAN,
            False,
            "Do not check the server's certificate.",
            no_effect=NO_DRIVER,
            former=(("vmware", "vmware_api_insecure"),),
        ),
        Option(
            "vmware_ca_file", Kind.TEXT, None, "Certificates that the server is checked against.", no_effect=NO_DRIVER
        ),
        Option(
            "vmware_datastores", Kind.MULTI, [], "Datacenter, datastore and weight, repeatable.", no_effect=NO_DRIVER
        ),
    ),
)

CINDER = Section(
    "cinder",
    "A store of Cinder volumes.",
    (
        Option(
            "cinder_catalog_info",
            Kind.TEXT,
            "volumev3::publicURL",
            "Service type, name and endpoint in the catalogue.",
            no_effect=NO_DRIVER,
        ),
        Option("cinder_endpoint_template", Kind.TEXT, None, "Address of Cinder.", no_effect=NO_DRIVER),
        Option("cinder_os_region_name", Kind.TEXT, None, "Region.", no_effect=NO_DRIVER),
        Option(
            "cinder_ca_certificates_file",
            Kind.TEXT,
            None,
            "Certificates that Cinder is checked against.",
            no_effect=NO_DRIVER,
        ),
        Option("cinder_http_retries", Kind.INTEGER, 3, "Attempts of an API call.", no_effect=NO_DRIVER),
        Option(
            "cinder_state_transition_timeout",
            Kind.INTEGER,
            300,
            "Seconds for a volume to change its state.",
            no_effect=NO_DRIVER,
        ),
        Option("cinder_api_insecure", Kind.BOOLEAN, False, "Do not check Cinder's certificate.", no_effect=NO_DRIVER),
        Option("cinder_store_auth_address", Kind.TEXT, None, "Address of the identity service.", no_effect=NO_DRIVER),
        Option("cinder_store_user_name", Kind.TEXT, None, "User.", no_effect=NO_DRIVER),
        Option("cinder_store_user_domain_name", Kind.TEXT, "Default", "Domain of the user.", no_effect=NO_DRIVER),
        Option("cinder_store_password", Kind.TEXT, None, "Password.", no_effect=NO_DRIVER, secret=True),
        Option("cinder_store_project_name", Kind.TEXT, None, "Project.", no_effect=NO_DRIVER),
        Option("cinder_store_project_domain_name", Kind.TEXT, "Default", "Domain of the project.", no_effect=NO_DRIVER),
        Option("cinder_volume_type", Kind.TEXT, None, "Volume type.", no_effect=NO_DRIVER),
        Option("cinder_enforce_multipath", Kind.BOOLEAN, False, "Insist on multipath.", no_effect=NO_DRIVER),
        Option("cinder_use_multipath", Kind.BOOLEAN, False, "Use multipath.", no_effect=NO_DRIVER),
        Option(
            "cinder_mount_point_base",
            Kind.TEXT,
            "/var/lib/glance/mnt",
            "Folder where volumes are mounted.",
            no_effect=NO_DRIVER,
        ),
        Option("cinder_do_extend_attached", Kind.BOOLEAN, False, "Extend volumes while attached.", no_effect=NO_DRIVER),
        Option(
            "rootwrap_config",
            Kind.TEXT,
            "/etc/glance/rootwrap.conf",
            "Configuration of the command that runs as root.",
            no_effect=NO_DRIVER,
        ),
    ),
)

SFTP = Section(
    "sftp",
    "A store on an SFTP server.",
    (
        Option("sftp_host", Kind.TEXT, None, "Address of the server.", no_effect=NO_DRIVER),
        Option("sftp_port", Kind.INTEGER, 22, "Port of the server.", no_effect=NO_DRIVER, minimum=1, maximum=65535),
        Option("sftp_user", Kind.TEXT, None, "User.", no_effect=NO_DRIVER),
        Option("sftp_password", Kind.TEXT, None, "Password, where there is no key.", no_effect=NO_DRIVER, secret=True),
        Option("sftp_key_file", Kind.TEXT, None, "Private key.", no_effect=NO_DRIVER),
        Option(
            "sftp_host_key_file",
            Kind.TEXT,
            None,
            "Known host keys; a server with another key is refused.",
            no_effect=NO_DRIVER,
        ),
        Option("sftp_path", Kind.TEXT, None, "Folder of the store's files.", no_effect=NO_DRIVER),
    ),
)

BACKEND = Section(
    "backend",
    "What every backend's section has.",
    (
        Option("weight", Kind.INTEGER, 0, "Preference among the stores that hold an image; the highest is read first."),
        Option("store_description", Kind.TEXT, None, "What clients are told about the store."),
    ),
)
