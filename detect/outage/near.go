package outage

import "github.com/darkmap/darkmap/internal/bgp"

// nearness shows whether an entity without an event has a pending one. lost: the loss is at least
// half of the loss that opens an outage. moved: the moved space is at least half of the space that
// opens an event of kind moved. An open event becomes quiet at the same half.
type nearness struct{ lost, moved bool }

// nearnessOf compares the minute's loss and moved space with the thresholds. A small loss of a
// large entity does not count if too few origins have lost something. The world and watch lists
// are never pending: half of their threshold does not show that an event is a part of their loss.
func (e *Engine) nearnessOf(ent *entity, rd *reading) nearness {
	if ent.key.Type == bgp.EntityWorld || ent.key.Type == bgp.EntityWatch {
		return nearness{}
	}
	half := func(space, least uint64) bool { return least > 0 && space > 0 && space*2 >= least }
	large := half(rd.loss.space, rd.largeFrom) && (ent.large == nil || !ent.large.rejected)
	return nearness{
		lost:  half(rd.loss.space, rd.threshold) || large || e.cfg.many(rd),
		moved: half(rd.movedLoss.space, rd.threshold),
	}
}

// noteNear stores the nearness. If an entity has become pending, narrower events look for their
// parents in this minute.
func (e *Engine) noteNear(ent *entity, n nearness) {
	if n.lost && !ent.near.lost || n.moved && !ent.near.moved {
		e.changed = max(e.changed, ent.key.Type.Breadth())
	}
	ent.near = n
}

// pendingFor reports whether an event of the kind would be a part of the event that the entity may
// open.
func (ent *entity) pendingFor(kind bgp.Kind) bool {
	if kind == bgp.KindMoved {
		return ent.near.moved
	}
	return ent.near.lost && kind != bgp.KindOrigin
}
