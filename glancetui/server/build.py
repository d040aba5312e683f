"""Builds everything that a worker needs, once, and hands it on. Nothing is configured at import."""

from __future__ import annotations

from dataclasses import dataclass

from glancetui.config.settings import Settings
from glancetui.images.deliver import Deliver
from glancetui.images.ingest import Ingest
from glancetui.images.outbox import Outbox
from glancetui.images.patrol import Patrol
from glancetui.images.policy import Policy
from glancetui.images.recovery import Recovery
from glancetui.images.rules import Images
from glancetui.images.worker import node_name, this_worker
from glancetui.metadefs.enforcement import Enforcement
from glancetui.metadefs.rules import Definitions
from glancetui.registry.interface import Registry
from glancetui.registry.open import open_any
from glancetui.server.auth.base import Authenticator
from glancetui.server.auth.choose import authenticator
from glancetui.server.bridge import Pools
from glancetui.server.health import Probes
from glancetui.server.housekeeping import Housekeeping
from glancetui.stores.catalogue import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One worker's parts. `housekeeping` is not started."""

    settings: Settings
    registry: Registry
    catalogue: Catalogue
    policy: Policy
    images: Images
    metadefs: Definitions
    ingest: Ingest
    deliver: Deliver
    authenticator: Authenticator
    housekeeping: Housekeeping
    pools: Pools
    probes: Probes

    def close(self) -> None:
        """Gives leases and connections back; running calls fail from now on."""
        self.housekeeping.stop(timeout=5)
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
    images = Images(registry, policy, catalogue, settings, Enforcement(registry, settings.metadefs))
    lease = settings.upload_lease_seconds
    pools = Pools(settings.server.max_uploads)
    store = catalogue[catalogue.default_store]
    return Service(
        settings=settings,
        registry=registry,
        catalogue=catalogue,
        policy=policy,
        images=images,
        metadefs=Definitions(registry, policy, settings.metadefs.max_items),
        ingest=Ingest(images, registry, catalogue, settings, str(worker)),
        deliver=Deliver(images, catalogue, settings),
        authenticator=authenticator(settings.server, policy.is_admin),
        housekeeping=Housekeeping(
            registry,
            Recovery(registry, catalogue, worker, lease),
            Outbox(registry, catalogue, str(worker)),
            Patrol(registry, catalogue, patience=2 * lease),
            str(worker),
            lease,
        ),
        pools=pools,
        probes=Probes({"registry": registry.check, f"store {store.store_id}": lambda: store.probe().error}, pools),
    )
