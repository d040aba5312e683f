"""Who is who and who may what: Keystone, policies, limits."""

from __future__ import annotations

from glancetui.config.kinds import Kind
from glancetui.config.option import Option, Section

AT_URL = "Keystone is asked at endpoint_override or else at auth_url, version 3"
ONE_WAY = "Keystone is asked as for tokens: 30 seconds, and a second attempt where it cannot be reached"
PRIVATE_CACHE = "each worker caches tokens in its own memory"
NO_SERVICE_CALLS = "this version calls no other service on a user's behalf"
NO_REMOTE_CHECKS = "policies are not checked at remote servers"

PASTE_DEPLOY = Section(
    "paste_deploy",
    "The chain of filters in front of the API. The paste file is not read; the flavor chooses.",
    (
        Option(
            "flavor",
            Kind.TEXT,
            None,
            (
                "A flavor with `keystone` in it means auth = keystone; an empty one, auth = none. [glancetui] "
                "auth goes before it. With `cach` in it, downloads go through the cache, and JSON is compressed for "
                "clients that take gzip."
            ),
        ),
        Option(
            "config_file",
            Kind.TEXT,
            None,
            "Paste file.",
            no_effect="the paste file is not read; `flavor` chooses what it would",
        ),
    ),
)

KEYSTONE_AUTHTOKEN = Section(
    "keystone_authtoken",
    (
        "The service's own account at Keystone, and how tokens are validated. Options of the chosen auth "
        "plug-in belong here too."
    ),
    (
        Option("www_authenticate_uri", Kind.TEXT, None, "Address of Keystone as clients are told in a 401."),
        Option(
            "token_cache_time",
            Kind.INTEGER,
            60,
            (
                "Seconds for which a validated token is trusted again without asking Keystone; a revoked one may "
                "live so long. Negative or 0: never."
            ),
            minimum=None,
        ),
        Option("service_token_roles", Kind.LIST, ["service"], "Roles that a service token must have one of."),
        Option("cafile", Kind.TEXT, None, "Certificates that Keystone is checked against."),
        Option("certfile", Kind.TEXT, None, "Certificate of the service."),
        Option("keyfile", Kind.TEXT, None, "Key of that certificate."),
        Option("insecure", Kind.BOOLEAN, False, "Do not check Keystone's certificate."),
        Option("region_name", Kind.TEXT, None, "Region of Keystone."),
        Option("interface", Kind.TEXT, "internal", "Which endpoint of Keystone is used."),
        Option("http_connect_timeout", Kind.INTEGER, None, "Seconds to wait for Keystone."),
        Option("http_request_max_retries", Kind.INTEGER, 3, "Attempts of a request to Keystone."),
        Option(
            "auth_type",
            Kind.TEXT,
            None,
            "Plug-in that the service authenticates with, such as `password`.",
            former=(("keystone_authtoken", "auth_plugin"),),
        ),
        Option("auth_section", Kind.TEXT, None, "Section that holds the plug-in's options instead of this one."),
        Option("auth_url", Kind.TEXT, None, "Address of Keystone."),
        Option("username", Kind.TEXT, None, "User.", former=(("keystone_authtoken", "user_name"),)),
        Option("user_id", Kind.TEXT, None, "Id of the user."),
        Option("password", Kind.TEXT, None, "Password.", secret=True),
        Option("user_domain_name", Kind.TEXT, None, "Domain of the user."),
        Option("user_domain_id", Kind.TEXT, None, "Id of the user's domain."),
        Option("project_name", Kind.TEXT, None, "Project.", former=(("keystone_authtoken", "tenant_name"),)),
        Option("project_id", Kind.TEXT, None, "Id of the project.", former=(("keystone_authtoken", "tenant_id"),)),
        Option("project_domain_name", Kind.TEXT, None, "Domain of the project."),
        Option("project_domain_id", Kind.TEXT, None, "Id of the project's domain."),
        Option("domain_name", Kind.TEXT, None, "Domain, for a token of a domain."),
        Option("domain_id", Kind.TEXT, None, "Id of that domain."),
        Option("default_domain_name", Kind.TEXT, None, "Domain where none is named."),
        Option("default_domain_id", Kind.TEXT, None, "Id of the domain where none is named."),
        Option("system_scope", Kind.TEXT, None, "Scope of a token of the system."),
        Option("trust_id", Kind.TEXT, None, "Trust."),
        Option("token", Kind.TEXT, None, "Token, for auth_type v3token.", secret=True),
        Option("application_credential_id", Kind.TEXT, None, "Application credential."),
        Option("application_credential_name", Kind.TEXT, None, "Name of the application credential."),
        Option("application_credential_secret", Kind.TEXT, None, "Secret of the application credential.", secret=True),
        Option(
            "service_token_roles_required",
            Kind.BOOLEAN,
            True,
            "Insist on those roles.",
            no_effect="they are always insisted on",
        ),
        Option("auth_version", Kind.TEXT, None, "Version of the identity API.", no_effect="version 3 is always used"),
        Option(
            "delay_auth_decision",
            Kind.BOOLEAN,
            False,
            "Let requests without identity through.",
            no_effect="the service answers 401 itself, or serves them where allow_anonymous_access is set",
        ),
        Option(
            "service_type",
            Kind.TEXT,
            None,
            "Service type that access rules of application credentials are checked for.",
            no_effect="it is always `image`",
        ),
        Option(
            "include_service_catalog",
            Kind.BOOLEAN,
            True,
            "Ask Keystone for the catalogue.",
            no_effect="the service needs none",
        ),
        Option(
            "enforce_token_bind",
            Kind.TEXT,
            "permissive",
            "Check the binding of tokens.",
            no_effect="Keystone binds none any more",
        ),
        Option("cache", Kind.TEXT, None, "WSGI environment key of a cache.", no_effect=PRIVATE_CACHE),
        Option(
            "memcached_servers",
            Kind.LIST,
            None,
            "Memcached servers.",
            no_effect=PRIVATE_CACHE,
            former=(("keystone_authtoken", "memcache_servers"),),
        ),
        Option(
            "memcache_security_strategy",
            Kind.TEXT,
            "None",
            "Protection of tokens in Memcached.",
            no_effect=PRIVATE_CACHE,
            choices=("None", "MAC", "ENCRYPT"),
        ),
        Option("memcache_secret_key", Kind.TEXT, None, "Key of that protection.", no_effect=PRIVATE_CACHE, secret=True),
        Option("memcache_tls_enabled", Kind.BOOLEAN, False, "TLS to Memcached.", no_effect=PRIVATE_CACHE),
        Option(
            "memcache_tls_cafile",
            Kind.TEXT,
            None,
            "Certificates that Memcached is checked against.",
            no_effect=PRIVATE_CACHE,
        ),
        Option("memcache_tls_certfile", Kind.TEXT, None, "Certificate for Memcached.", no_effect=PRIVATE_CACHE),
        Option("memcache_tls_keyfile", Kind.TEXT, None, "Key of that certificate.", no_effect=PRIVATE_CACHE),
        Option("memcache_tls_allowed_ciphers", Kind.TEXT, None, "Ciphers for Memcached.", no_effect=PRIVATE_CACHE),
        Option(
            "memcache_pool_dead_retry",
            Kind.INTEGER,
            300,
            "Seconds before a dead server is tried again.",
            no_effect=PRIVATE_CACHE,
        ),
        Option("memcache_pool_maxsize", Kind.INTEGER, 10, "Connections to Memcached.", no_effect=PRIVATE_CACHE),
        Option("memcache_pool_socket_timeout", Kind.INTEGER, 3, "Seconds for one operation.", no_effect=PRIVATE_CACHE),
        Option(
            "memcache_pool_unused_timeout",
            Kind.INTEGER,
            60,
            "Seconds after which an idle connection is closed.",
            no_effect=PRIVATE_CACHE,
        ),
        Option(
            "memcache_pool_conn_get_timeout",
            Kind.INTEGER,
            10,
            "Seconds to wait for a connection.",
            no_effect=PRIVATE_CACHE,
        ),
        Option("memcache_use_advanced_pool", Kind.BOOLEAN, True, "Use a shared pool.", no_effect=PRIVATE_CACHE),
        Option("memcache_sasl_enabled", Kind.BOOLEAN, False, "SASL to Memcached.", no_effect=PRIVATE_CACHE),
        Option("memcache_username", Kind.TEXT, None, "User at Memcached.", no_effect=PRIVATE_CACHE),
        Option("memcache_password", Kind.TEXT, None, "Password at Memcached.", no_effect=PRIVATE_CACHE, secret=True),
    ),
)

SERVICE_USER = Section(
    "service_user",
    "The account with which the service calls other services on a user's behalf.",
    (
        Option(
            "send_service_user_token", Kind.BOOLEAN, False, "Send a service token along.", no_effect=NO_SERVICE_CALLS
        ),
        Option("auth_type", Kind.TEXT, None, "Plug-in to authenticate with.", no_effect=NO_SERVICE_CALLS),
        Option(
            "auth_section", Kind.TEXT, None, "Section that holds the plug-in's options.", no_effect=NO_SERVICE_CALLS
        ),
        Option("auth_url", Kind.TEXT, None, "Address of Keystone.", no_effect=NO_SERVICE_CALLS),
        Option("username", Kind.TEXT, None, "User.", no_effect=NO_SERVICE_CALLS),
        Option("user_id", Kind.TEXT, None, "Id of the user.", no_effect=NO_SERVICE_CALLS),
        Option("password", Kind.TEXT, None, "Password.", no_effect=NO_SERVICE_CALLS, secret=True),
        Option("user_domain_name", Kind.TEXT, None, "Domain of the user.", no_effect=NO_SERVICE_CALLS),
        Option("user_domain_id", Kind.TEXT, None, "Id of the user's domain.", no_effect=NO_SERVICE_CALLS),
        Option("project_name", Kind.TEXT, None, "Project.", no_effect=NO_SERVICE_CALLS),
        Option("project_id", Kind.TEXT, None, "Id of the project.", no_effect=NO_SERVICE_CALLS),
        Option("project_domain_name", Kind.TEXT, None, "Domain of the project.", no_effect=NO_SERVICE_CALLS),
        Option("project_domain_id", Kind.TEXT, None, "Id of the project's domain.", no_effect=NO_SERVICE_CALLS),
        Option("region_name", Kind.TEXT, None, "Region.", no_effect=NO_SERVICE_CALLS),
        Option("cafile", Kind.TEXT, None, "Certificates that servers are checked against.", no_effect=NO_SERVICE_CALLS),
        Option("certfile", Kind.TEXT, None, "Certificate of the service.", no_effect=NO_SERVICE_CALLS),
        Option("keyfile", Kind.TEXT, None, "Key of that certificate.", no_effect=NO_SERVICE_CALLS),
        Option("insecure", Kind.BOOLEAN, False, "Do not check certificates.", no_effect=NO_SERVICE_CALLS),
        Option("timeout", Kind.NUMBER, None, "Seconds for a call.", no_effect=NO_SERVICE_CALLS),
    ),
)

OSLO_POLICY = Section(
    "oslo_policy",
    "Who may do what.",
    (
        Option(
            "policy_file",
            Kind.TEXT,
            "policy.yaml",
            "File of policies, looked for in the folders of the configuration. Re-read when it changes.",
        ),
        Option("policy_dirs", Kind.MULTI, ["policy.d"], "Folders of further policy files, repeatable."),
        Option(
            "enforce_new_defaults", Kind.BOOLEAN, True, "Use only the present default rules, not their predecessors."
        ),
        Option("enforce_scope", Kind.BOOLEAN, True, "Check the scope of a token."),
        Option(
            "policy_default_rule",
            Kind.TEXT,
            "default",
            "Rule for what no rule is named for.",
            no_effect="every rule of the API has a default of its own",
        ),
        Option(
            "remote_content_type",
            Kind.TEXT,
            "application/x-www-form-urlencoded",
            "How remote checks are asked.",
            no_effect=NO_REMOTE_CHECKS,
            choices=("application/x-www-form-urlencoded", "application/json"),
        ),
        Option(
            "remote_ssl_verify_server_crt",
            Kind.BOOLEAN,
            False,
            "Check the certificate of remote checks.",
            no_effect=NO_REMOTE_CHECKS,
        ),
        Option(
            "remote_ssl_ca_crt_file",
            Kind.TEXT,
            None,
            "Certificates that remote checks are checked against.",
            no_effect=NO_REMOTE_CHECKS,
        ),
        Option(
            "remote_ssl_client_crt_file", Kind.TEXT, None, "Certificate for remote checks.", no_effect=NO_REMOTE_CHECKS
        ),
        Option("remote_ssl_client_key_file", Kind.TEXT, None, "Key of that certificate.", no_effect=NO_REMOTE_CHECKS),
        Option(
            "remote_timeout", Kind.NUMBER, 60.0, "Seconds for a remote check.", no_effect=NO_REMOTE_CHECKS, minimum=0
        ),
    ),
)

OSLO_LIMIT = Section(
    "oslo_limit",
    "Keystone's unified limits.",
    (
        Option(
            "endpoint_id",
            Kind.TEXT,
            None,
            "Id of the image endpoint that limits are registered for.",
        ),
        Option("endpoint_service_name", Kind.TEXT, None, "Service of that endpoint."),
        Option("endpoint_service_type", Kind.TEXT, None, "Type of that service."),
        Option("endpoint_region_name", Kind.TEXT, None, "Region of that endpoint."),
        Option(
            "endpoint_interface",
            Kind.TEXT,
            "public",
            "Interface of that endpoint.",
            choices=("public", "publicURL", "internal", "internalURL", "admin", "adminURL"),
        ),
        Option("auth_url", Kind.TEXT, None, "Address of Keystone."),
        Option("auth_type", Kind.TEXT, None, "Plug-in to authenticate with."),
        Option("auth_section", Kind.TEXT, None, "Section that holds the plug-in's options."),
        Option("username", Kind.TEXT, None, "User.", former=(("oslo_limit", "user_name"),)),
        Option("user_id", Kind.TEXT, None, "Id of the user."),
        Option("password", Kind.TEXT, None, "Password.", secret=True),
        Option("user_domain_id", Kind.TEXT, None, "Id of the user's domain."),
        Option("user_domain_name", Kind.TEXT, None, "Domain of the user."),
        Option("project_id", Kind.TEXT, None, "Id of the project."),
        Option("project_name", Kind.TEXT, None, "Project."),
        Option("project_domain_id", Kind.TEXT, None, "Id of the project's domain."),
        Option("project_domain_name", Kind.TEXT, None, "Domain of the project."),
        Option("tenant_id", Kind.TEXT, None, "Former name of project_id."),
        Option("tenant_name", Kind.TEXT, None, "Former name of project_name."),
        Option("domain_id", Kind.TEXT, None, "Id of the domain."),
        Option("domain_name", Kind.TEXT, None, "Domain."),
        Option("default_domain_id", Kind.TEXT, None, "Id of the domain where none is named."),
        Option("default_domain_name", Kind.TEXT, None, "Domain where none is named."),
        Option("system_scope", Kind.TEXT, None, "Scope of a token of the system."),
        Option("trust_id", Kind.TEXT, None, "Trust."),
        Option("cafile", Kind.TEXT, None, "Certificates that Keystone is checked against."),
        Option("certfile", Kind.TEXT, None, "Certificate of the service."),
        Option("keyfile", Kind.TEXT, None, "Key of that certificate."),
        Option("insecure", Kind.BOOLEAN, False, "Do not check Keystone's certificate."),
        Option("timeout", Kind.NUMBER, None, "Seconds for a call.", no_effect=ONE_WAY),
        Option("collect_timing", Kind.BOOLEAN, False, "Time the calls.", no_effect=ONE_WAY),
        Option("split_loggers", Kind.BOOLEAN, False, "Log calls in parts.", no_effect=ONE_WAY),
        Option("tls_ciphers", Kind.TEXT, None, "Ciphers.", no_effect=ONE_WAY),
        Option("tls_min_version", Kind.TEXT, None, "Lowest version of TLS.", no_effect=ONE_WAY, choices=("1.2", "1.3")),
        Option("service_type", Kind.TEXT, None, "Service type of Keystone.", no_effect=AT_URL),
        Option("service_name", Kind.TEXT, None, "Service name of Keystone.", no_effect=AT_URL),
        Option("valid_interfaces", Kind.LIST, None, "Interfaces of Keystone, the preferred first.", no_effect=AT_URL),
        Option("region_name", Kind.TEXT, None, "Region of Keystone.", no_effect=AT_URL),
        Option(
            "endpoint_override",
            Kind.TEXT,
            None,
            "Address of Keystone, whatever the catalogue says.",
        ),
        Option("version", Kind.TEXT, None, "Version of the identity API.", no_effect=AT_URL),
        Option("min_version", Kind.TEXT, None, "Lowest version of the identity API.", no_effect=AT_URL),
        Option("max_version", Kind.TEXT, None, "Highest version of the identity API.", no_effect=AT_URL),
        Option("connect_retries", Kind.INTEGER, None, "Attempts to connect.", no_effect=ONE_WAY),
        Option("connect_retry_delay", Kind.NUMBER, None, "Seconds between two of them.", no_effect=ONE_WAY),
        Option("status_code_retries", Kind.INTEGER, None, "Attempts after a bad status.", no_effect=ONE_WAY),
        Option("status_code_retry_delay", Kind.NUMBER, None, "Seconds between two of them.", no_effect=ONE_WAY),
        Option("retriable_status_codes", Kind.LIST, None, "Statuses that are tried again.", no_effect=ONE_WAY),
    ),
)
