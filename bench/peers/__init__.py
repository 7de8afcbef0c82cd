"""This project, the peers it is measured beside, and a bare table, behind one interface each."""

from __future__ import annotations

from peers.absurd import Absurd
from peers.base import Peer, Receipt
from peers.dbos import Dbos
from peers.gendurable import Gendurable
from peers.node import GraphileWorker, PgBoss
from peers.pgqueuer import PgQueuer
from peers.procrastinate import Procrastinate
from peers.raw import Raw100, Raw500

__all__ = ["PEERS", "Peer", "Receipt"]

PEERS: dict[str, type[Peer]] = {
    peer.name: peer
    for peer in (
        Gendurable,
        GraphileWorker,
        PgQueuer,
        PgBoss,
        Procrastinate,
        Absurd,
        Dbos,
        Raw100,
        Raw500,
    )
}
