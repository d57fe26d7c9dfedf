package outage

import (
	"iter"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

const neighbourSeconds = 20 * minute

// neighbour is an entity that has lost something in the present minute.
type neighbour struct {
	code     string
	first    int64
	origin   bgp.ASN
	upstream bgp.ASN
	open     bool
}

// neighbours lists the entities that have lost something: prefixes by origin and by the minute in
// which their loss began, other entities by type. Each list is sorted by code.
type neighbours struct {
	byOrigin map[originMinute][]neighbour
	byType   map[bgp.EntityType][]neighbour
}

// originMinute is an origin AS and a minute since 1970.
type originMinute struct {
	origin bgp.ASN
	minute int64
}

// look returns the minute's neighbours and builds the list at the first call. Call it only after
// all entities have been measured.
func (e *Engine) look() *neighbours {
	if e.neighbours != nil {
		return e.neighbours
	}
	n := &neighbours{byOrigin: map[originMinute][]neighbour{}, byType: map[bgp.EntityType][]neighbour{}}
	var list []*entity
	for _, ent := range e.active {
		if ent.ev != nil || ent.loss != nil {
			list = append(list, ent)
		}
	}
	sortEntities(list)
	for _, ent := range list {
		t, ok := ent.neighbour()
		switch {
		case !ok:
		case ent.key.Type == bgp.EntityPrefix && t.origin != 0:
			k := originMinute{t.origin, t.first / minute}
			n.byOrigin[k] = append(n.byOrigin[k], t)
		case ent.key.Type != bgp.EntityPrefix:
			n.byType[ent.key.Type] = append(n.byType[ent.key.Type], t)
		}
	}
	e.neighbours = n
	return n
}

// neighbour describes the loss of an entity. ok is false if it has no loss.
func (ent *entity) neighbour() (n neighbour, ok bool) {
	n = neighbour{code: ent.key.Code}
	var d *digest
	switch {
	case ent.ev != nil && ent.ev.kind == bgp.KindOutage:
		n.first, n.open, d = ent.ev.first, true, ent.ev.digest
	case ent.loss != nil:
		n.first, d = ent.loss.first, ent.loss.digest
	case ent.ev != nil:
		n.first, d = ent.ev.first, ent.ev.digest
	}
	if d != nil && len(d.origins) > 0 {
		n.origin = d.origins[0]
	}
	if d != nil && len(d.upstreams) > 0 {
		n.upstream = d.upstreams[0]
	}
	return n, n.first != 0
}

// meet adds the entity's neighbours to the event's. Neighbours of a prefix are the prefixes of the
// same origin that were lost in the same minute. Neighbours of another entity are the entities of
// its type whose loss began within 20 minutes, or that have an open outage and share the upstream
// of most lost prefixes.
func (e *Engine) meet(ent *entity, ev *event) {
	if ev.digest == nil || len(ev.neighbours) >= e.cfg.MaxNeighbours {
		return
	}
	var upstream, origin bgp.ASN
	if len(ev.digest.upstreams) > 0 {
		upstream = ev.digest.upstreams[0]
	}
	if len(ev.digest.origins) > 0 {
		origin = ev.digest.origins[0]
	}
	isPrefix := ent.key.Type == bgp.EntityPrefix
	list := slices.Values(e.look().byType[ent.key.Type])
	if isPrefix {
		list = e.look().around(origin, ev.first)
	}
	for t := range list {
		e.steps++
		apart := max(t.first-ev.first, ev.first-t.first)
		near := apart <= neighbourSeconds || t.open && upstream != 0 && t.upstream == upstream
		if isPrefix {
			near = apart <= minute
		}
		if !near || t.code == ent.key.Code || slices.Contains(ev.neighbours, t.code) {
			continue
		}
		if ev.neighbours = append(ev.neighbours, t.code); len(ev.neighbours) >= e.cfg.MaxNeighbours {
			break
		}
	}
	slices.Sort(ev.neighbours)
}

// around lists the prefixes of an origin whose loss began in the minute of first, the minute
// before or the minute after, by code. Prefixes of other minutes are not compared, so that a
// prefix that is lost after many others is not compared with all of them.
func (n *neighbours) around(origin bgp.ASN, first int64) iter.Seq[neighbour] {
	var lists [3][]neighbour
	for i := range lists {
		lists[i] = n.byOrigin[originMinute{origin, first/minute + int64(i) - 1}]
	}
	return func(yield func(neighbour) bool) {
		left := lists
		for {
			var least *[]neighbour
			for i := range left {
				if l := left[i]; len(l) > 0 && (least == nil || l[0].code < (*least)[0].code) {
					least = &left[i]
				}
			}
			if least == nil || !yield((*least)[0]) {
				return
			}
			*least = (*least)[1:]
		}
	}
}
