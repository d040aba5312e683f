"""Builds everything that a worker needs, once, and hands it on. Nothing is configured at import."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from glancetui.config.settings import Settings
from glancetui.images.deliver import Deliver
from glancetui.images.ingest import Ingest
from glancetui.images.outbox import Outbox
from glancetui.images.patrol import Patrol
from glancetui.images.policy import Policy
from glancetui.images.recovery import Recovery
from glancetui.images.rules import Images
from glancetui.images.worker import this_worker
from glancetui.metadefs.enforcement import Enforcement
from glancetui.metadefs.rules import Definitions
from glancetui.registry.interface import Registry
from glancetui.registry.sql import open_registry
from glancetui.server.auth.base import Authenticator
from glancetui.server.auth.choose import authenticator
from glancetui.server.bridge import Pools
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

    def close(self) -> None:
        """Gives leases and connections back; running calls fail from now on."""
        self.housekeeping.stop(timeout=5)
        self.ingest.close()
        self.pools.close()
        self.registry.close()


def build(settings: Settings) -> Service:
    """Raises ConfigError for what the operator must put right, Unavailable where a part cannot be reached.

    To be called in the process that serves: connections and threads do not survive a fork.
    """
    policy = Policy.load(settings.policy)
    worker = this_worker(node_name())
    registry = open_registry(settings.database, worker.node)
    catalogue = Catalogue.from_settings(settings)
    images = Images(registry, policy, catalogue, settings, Enforcement(registry, settings.metadefs))
    lease = settings.upload_lease_seconds
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
        pools=Pools(settings.server.max_uploads),
    )


def node_name() -> str:
    return socket.gethostname() or "localhost"
