"""Builds everything that a worker needs, once, and hands it on. Nothing is configured at import."""

from __future__ import annotations

from dataclasses import dataclass

from glancetui.cache.build import NodeCache, build_cache
from glancetui.cache.delivery import CachedDeliver
from glancetui.config.settings import Settings
from glancetui.fetch.fetcher import Fetcher
from glancetui.fetch.filter import Filter
from glancetui.images.admission import Admission
from glancetui.images.deliver import Deliver
from glancetui.images.importing.imports import Imports
from glancetui.images.importing.stage import Stage
from glancetui.images.importing.staging import Staging
from glancetui.images.importing.work import ImportWork
from glancetui.images.ingest import Ingest
from glancetui.images.jobs import JobRunner
from glancetui.images.locations import Locations
from glancetui.images.notifications import Notifications
from glancetui.images.outbox import Outbox
from glancetui.images.patrol import Patrol
from glancetui.images.policy import Policy
from glancetui.images.recovery import Recovery
from glancetui.images.rules import Images
from glancetui.images.tasks import Tasks
from glancetui.images.worker import node_name, this_worker
from glancetui.metadefs.enforcement import Enforcement
from glancetui.metadefs.rules import Definitions
from glancetui.registry.interface import Registry
from glancetui.registry.open import open_any
from glancetui.server.auth.base import Authenticator
from glancetui.server.auth.choose import authenticator, unified_limits
from glancetui.server.bridge import Pools
from glancetui.server.health import Probes
from glancetui.server.housekeeping import Housekeeping
from glancetui.stores.catalogue import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One worker's parts. `housekeeping`, `notifications`, `jobs` and the cache's keeper are not started."""

    settings: Settings
    registry: Registry
    catalogue: Catalogue
    policy: Policy
    images: Images
    metadefs: Definitions
    ingest: Ingest
    stage: Stage
    imports: Imports
    locations: Locations
    tasks: Tasks
    jobs: JobRunner
    deliver: Deliver | CachedDeliver
    cache: NodeCache | None
    authenticator: Authenticator
    housekeeping: Housekeeping
    notifications: Notifications | None  # not started; None: none are wanted
    pools: Pools
    probes: Probes

    def close(self) -> None:
        """Gives leases and connections back; running calls fail from now on."""
        self.jobs.close()
        if self.cache is not None:
            self.cache.close()
        self.housekeeping.stop(timeout=5)
        if self.notifications is not None:
            self.notifications.stop(timeout=5)
        self.ingest.close()
        self.pools.close()
        self.registry.close()


def build(settings: Settings) -> Service:
    """Raises ConfigError for what the operator must put right. A registry that is away is waited for while serving.

    To be called in the process that serves: connections and threads do not survive a fork.
    """
    policy = Policy.load(settings.policy)
    worker = this_worker(node_name())
    registry = open_any(settings, worker.node)
    catalogue = Catalogue.from_settings(settings)
    fetcher = Fetcher(Filter(settings.imports.fetch), settings.imports.fetch)
    admission = Admission(catalogue, fetcher, settings)
    enforcement = Enforcement(registry, settings.metadefs)
    limits = unified_limits(settings)
    images = Images(registry, policy, catalogue, settings, enforcement, limits, admission.admit)
    lease = settings.upload_lease_seconds
    pools = Pools(settings.server.max_uploads)
    store = catalogue[catalogue.default_store]
    ingest = Ingest(images, registry, catalogue, settings, str(worker))
    staging = Staging(catalogue, settings.staging_dir, site_of(settings, worker.node), stage_url(settings))
    work = ImportWork(registry, catalogue, ingest, staging, fetcher, settings, worker)
    runner = JobRunner(registry, worker, staging.site, lease, settings.imports.max_jobs, work.run)
    deliver = Deliver(images, catalogue, settings)
    cache = None if settings.cache is None else build_cache(settings.cache, registry, images, policy, deliver)
    imports = Imports(images, registry, catalogue, staging, fetcher, runner, settings)
    return Service(
        settings=settings,
        registry=registry,
        catalogue=catalogue,
        policy=policy,
        images=images,
        metadefs=Definitions(registry, policy, settings.metadefs.max_items),
        ingest=ingest,
        stage=Stage(images, registry, ingest, staging, settings, str(worker)),
        imports=imports,
        locations=Locations(images, registry, catalogue, admission, runner, settings),
        tasks=Tasks(registry, policy, images, imports),
        jobs=runner,
        deliver=cache.deliver if cache is not None and cache.on_downloads else deliver,
        cache=cache,
        authenticator=authenticator(settings.server, policy.is_admin),
        housekeeping=Housekeeping(
            registry,
            Recovery(registry, catalogue, worker, lease),
            Outbox(registry, catalogue, str(worker)),
            Patrol(registry, catalogue, patience=2 * lease),
            staging,
            str(worker),
            lease,
        ),
        notifications=notifications_of(settings, registry, str(worker)),
        pools=pools,
        probes=Probes({"registry": registry.check, f"store {store.store_id}": lambda: store.probe().error}, pools),
    )


def notifications_of(settings: Settings, registry: Registry, worker: str) -> Notifications | None:
    """Raises ConfigError where they are wanted and cannot be sent."""
    if settings.notifications is None:
        return None
    from glancetui.server.broker import OsloBroker

    return Notifications(registry, OsloBroker(settings.notifications, settings.config_files), worker)


def stage_url(settings: Settings) -> str | None:
    """Where other nodes reach the data that is staged here; None: nobody said."""
    url = settings.imports.self_url or settings.server.public_endpoint
    return url.rstrip("/") if url else None


def site_of(settings: Settings, node: str) -> str:
    """Who shares the staging folder: the node as it is known to others, else this machine's folder."""
    return settings.imports.self_url or f"{node}:{settings.staging_dir}"
