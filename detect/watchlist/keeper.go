package watchlist

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// Keeper holds the lists. New makes one.
type Keeper struct {
	lists map[string]*List
	// streams holds the lists whose records have not taken effect yet, or whose addresses came
	// before their list.
	streams map[string]*stream
	// gone holds the lists that the last window removed, because their last records still name
	// them.
	gone  map[string]*List
	notes []string
}

// stream holds the records of one list since the last window closed.
type stream struct {
	list     *List // all its parts have come
	removed  bool
	gathered *gathered
	hosts    map[string]Host
	// problem is the reason why the newest list was refused. It stays until a list is complete, or
	// removed.
	problem string
}

// gathered holds the parts of a list whose last part has not come.
type gathered struct {
	list  List
	epoch uint64
	next  uint32
}

// New returns a Keeper without lists.
func New() *Keeper {
	return &Keeper{lists: make(map[string]*List), streams: make(map[string]*stream)}
}

// Change is the change of one list when a window closed.
type Change struct {
	Name string
	// List is the list in effect now; nil if it was removed.
	List *List
	// Members: the members changed, or the list is new. Hosts: addresses changed. Both are false if
	// only texts changed.
	Members, Hosts bool
}

// Note reads a record of the open window. ok is false if the record neither concerns a watch list
// nor belongs to the stream of one. The error wraps codec.ErrInvalid.
func (k *Keeper) Note(rec *pb.RouteRecord) (ok bool, err error) {
	switch b := rec.GetBody().(type) {
	case *pb.RouteRecord_WatchList:
		return true, k.noteList(rec.GetPosition(), b.WatchList)
	case *pb.RouteRecord_HostAddresses:
		return true, k.noteHost(rec.GetPosition(), b.HostAddresses)
	}
	name, ok := StreamOf(rec.GetPosition().GetCollector())
	if !ok {
		return false, nil
	}
	if rec.GetRecordsLost() != nil {
		k.lost(name)
		return true, nil
	}
	return true, invalid("a record of %T in the stream of the watch list %.80q", rec.GetBody(), name)
}

// stream returns the stream of a list, and makes one if there is room. Beyond MaxLists the order of
// the lists' records decides which lists are refused.
func (k *Keeper) stream(name string) (*stream, error) {
	if s := k.streams[name]; s != nil {
		return s, nil
	}
	if k.lists[name] == nil {
		n := len(k.lists)
		for other := range k.streams {
			if k.lists[other] == nil {
				n++
			}
		}
		if n >= MaxLists {
			return nil, invalid("watch list %s: there are %d lists already", name, MaxLists)
		}
	}
	s := &stream{hosts: make(map[string]Host)}
	k.streams[name] = s
	return s, nil
}

func (k *Keeper) noteList(p *pb.Position, in *pb.WatchList) error {
	name := in.GetName()
	if err := checkStream(p, name); err != nil {
		return err
	}
	s, err := k.stream(name)
	if err != nil {
		return err
	}
	if in.GetRemoved() {
		s.gathered, s.list, s.removed, s.problem = nil, nil, true, ""
		return nil
	}
	if err := k.gather(s, p, in); err != nil {
		s.gathered, s.problem = nil, "the newest list was refused: "+err.Error()
		return err
	}
	g := s.gathered
	if in.GetMoreParts() {
		return nil
	}
	g.list.Members = distinct(g.list.Members)
	s.gathered, s.list, s.removed, s.problem = nil, &g.list, false, ""
	return nil
}

// gather adds a part to those that have come.
func (k *Keeper) gather(s *stream, p *pb.Position, in *pb.WatchList) error {
	g := s.gathered
	if in.GetPart() == 0 {
		if g != nil {
			k.incomplete(in.GetName(), s, "then a list began anew")
		}
		head, err := header(in)
		if err != nil {
			return err
		}
		g = &gathered{list: head, epoch: p.GetEpoch()}
	}
	switch {
	case g == nil:
		return invalid("watch list %s: part %d came without those before it", in.GetName(), in.GetPart())
	case in.GetPart() != g.next || p.GetEpoch() != g.epoch:
		return invalid("watch list %s: part %d of epoch %d came where part %d of epoch %d was expected",
			in.GetName(), in.GetPart(), p.GetEpoch(), g.next, g.epoch)
	}
	members, err := readMembers(in)
	if err != nil {
		return err
	}
	if n := len(g.list.Members) + len(members); n > MaxMembers {
		return invalid("watch list %s: more than %d members", in.GetName(), MaxMembers)
	}
	g.list.Members = append(g.list.Members, members...)
	g.next++
	s.gathered = g
	return nil
}

// incomplete records that the parts that came do not make a list, with the reason.
func (k *Keeper) incomplete(name string, s *stream, why string) {
	held := "no list of that name holds"
	if k.lists[name] != nil {
		held = "the list before it holds on"
	}
	s.problem = fmt.Sprintf("of the newest list %s came and not the last one, %s: %s",
		bgp.Count(int(s.gathered.next), "part"), why, held)
	s.gathered = nil
	k.note(fmt.Sprintf("watch list %s: %s", name, s.problem))
}

// lost drops the gathered parts of a stream, because later records of the stream are missing.
func (k *Keeper) lost(name string) {
	if s := k.streams[name]; s != nil && s.gathered != nil {
		k.incomplete(name, s, "because the log lacks records")
	}
}

func (k *Keeper) noteHost(p *pb.Position, in *pb.HostAddresses) error {
	if err := checkStream(p, in.GetList()); err != nil {
		return err
	}
	h, err := readHost(in)
	if err != nil {
		return err
	}
	s, err := k.stream(in.GetList())
	switch {
	case err != nil:
		return err
	case s.hosts[in.GetHost()].ResolvedAt == 0 && len(s.hosts) >= MaxMembers:
		return invalid("watch list %s: addresses of more than %d hosts", in.GetList(), MaxMembers)
	}
	s.hosts[in.GetHost()] = h
	return nil
}

// maxNotes bounds the notes of a window.
const maxNotes = 100

func (k *Keeper) note(s string) {
	if len(k.notes) < maxNotes {
		k.notes = append(k.notes, s)
	}
}

// TakeNotes returns and clears the notes, one sentence each, about incomplete lists. No other
// result reports them.
func (k *Keeper) TakeNotes() []string {
	out := k.notes
	k.notes = nil
	slices.Sort(out)
	return out
}

// Close applies the records of the window that ends at end, Unix seconds, and returns the changes,
// by name.
func (k *Keeper) Close(end int64) []Change {
	var out []Change
	k.gone = nil
	for _, name := range slices.Sorted(maps.Keys(k.streams)) {
		s := k.streams[name]
		if c, ok := k.take(name, s, end); ok {
			out = append(out, c)
		}
		if s.gathered == nil && s.problem == "" && (k.lists[name] != nil || len(s.hosts) == 0) {
			delete(k.streams, name)
		}
	}
	return out
}

// take applies the records of one stream.
func (k *Keeper) take(name string, s *stream, end int64) (c Change, ok bool) {
	c.Name = name
	if s.removed {
		if l := k.lists[name]; l != nil {
			if k.gone == nil {
				k.gone = make(map[string]*List)
			}
			k.gone[name] = l
		}
		delete(k.lists, name)
		s.removed, s.hosts = false, make(map[string]Host)
		return c, true
	}
	was := k.lists[name]
	now := cmp.Or(s.list, was)
	if now == nil {
		return c, false
	}
	next := *now
	if was != nil {
		next.Hosts = was.Hosts
		c.Members = !next.sameMembers(was)
	} else {
		c.Members = true
	}
	next.Hosts = next.hostsOf(s.hosts)
	clear(s.hosts)
	s.list = nil
	c.Hosts = !maps.EqualFunc(next.Hosts, hostsOrNone(was), func(a, b Host) bool {
		return a.sameAddresses(&b)
	})
	texts := was == nil || next.Title != was.Title || next.Home != was.Home || next.Public != was.Public
	if !c.Members && !c.Hosts && !texts &&
		maps.EqualFunc(next.Hosts, hostsOrNone(was), func(a, b Host) bool { return a.equal(&b) }) {
		return c, false // the hourly repetition
	}
	if next.Since = end; was != nil && !c.Members && !texts {
		next.Since = was.Since
	}
	k.lists[name] = &next
	c.List = &next
	return c, true
}

// hostsOrNone returns the hosts of a list that may be nil.
func hostsOrNone(l *List) map[string]Host {
	if l == nil {
		return nil
	}
	return l.Hosts
}

// hostsOf returns the known addresses of the list's hosts, with those of newer where it has them.
func (l *List) hostsOf(newer map[string]Host) map[string]Host {
	out := make(map[string]Host)
	for i := range l.Members {
		name := l.Members[i].Host
		if h, ok := newer[name]; name != "" && ok {
			out[name] = h
		} else if h, ok := l.Hosts[name]; name != "" && ok {
			out[name] = h
		}
	}
	return out
}

// Lists returns the lists in effect, by name.
func (k *Keeper) Lists() []*List {
	out := make([]*List, 0, len(k.lists))
	for _, name := range slices.Sorted(maps.Keys(k.lists)) {
		out = append(out, k.lists[name])
	}
	return out
}

// List returns the list of that name, or nil.
func (k *Keeper) List(name string) *List { return k.lists[name] }

// Called returns the title of a list, or else its name, even if the last window removed the list.
// It is empty if there is none.
func (k *Keeper) Called(name string) string {
	if l := cmp.Or(k.lists[name], k.gone[name]); l != nil {
		return l.Called()
	}
	return ""
}

// Problem returns the reason why a newer list of that name was refused; empty if there is none.
func (k *Keeper) Problem(name string) string {
	if s := k.streams[name]; s != nil {
		return s.problem
	}
	return ""
}
