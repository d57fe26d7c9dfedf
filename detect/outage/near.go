package outage

import "github.com/darkmap/darkmap/internal/bgp"

// nearness says of an entity without an event that one is pending: at least half of the loss that opens an outage is there, or half of the move that opens
// an event of kind moved. Half of it is also the loss at which an open event becomes quiet.
type nearness struct{ lost, moved bool }

// nearnessOf compares the minute's loss and move with the thresholds. A small loss of a large entity that was found to be that of one origin is none. Nor is
// one of the world: half of its threshold says of no event that it is a part of something.
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

// noteNear keeps it, and has the events that lie within look for their parents where something has become pending.
func (e *Engine) noteNear(ent *entity, n nearness) {
	if n.lost && !ent.near.lost || n.moved && !ent.near.moved {
		e.changed = max(e.changed, ent.key.Type.Breadth())
	}
	ent.near = n
}

// pendingFor reports whether an event of the kind would be a part of the event that the entity is about to open.
func (ent *entity) pendingFor(kind bgp.Kind) bool {
	if kind == bgp.KindMoved {
		return ent.near.moved
	}
	return ent.near.lost && kind != bgp.KindOrigin
}
