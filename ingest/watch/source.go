package watch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/darkmap/darkmap/ingest/watch/hosts"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/telemetry"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// again is the time after which an unchanged list is written again.
	again = time.Hour
	// turnEvery is the time between two turns of the loop.
	turnEvery = time.Second
	// retryEvery is the pause before another attempt to reach the memory.
	retryEvery = 5 * time.Second
	// lastWrite bounds the time for the last writes to the memory at the end.
	lastWrite = 5 * time.Second
)

// Producer writes to bgp.updates. kafka.Producer implements it.
type Producer interface {
	Produce(ctx context.Context, collector string, value []byte) error
	PartitionOf(collector string) int32
	Mark() kafka.Mark
	Acked(m kafka.Mark) (bool, error)
}

// Epochs issues fencing epochs. stream.Set implements it.
type Epochs interface {
	Epoch() uint64
	RaiseEpoch(n uint64)
}

// Deps are the dependencies of a Source.
type Deps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	// Now is the clock to which feeds are compared.
	Now     func() time.Time
	Kafka   kafka.Config
	Updates Producer
	Epochs  Epochs
	// Ask asks DNS about a host.
	Ask hosts.Ask
	// Hangup makes the files be read at once. nil: no signal does.
	Hangup <-chan os.Signal
}

// Source writes watch lists. Except for shares and fresh, its fields belong to the goroutine of
// write.
type Source struct {
	d       Deps
	reader  *Reader
	table   *hosts.Table
	memory  *memory
	metrics metrics
	limited *telemetry.Limited

	shares chan []int32 // the newest partitions, until write reads them
	fresh  chan []List  // the newest lists, until write reads them

	partitions []int32
	all        []List // all lists of the configuration
	// the lists whose partition this process has; nil: to be chosen
	lists map[string]*owned
	// the memory of those lists; nil: not read since the partitions changed
	known   map[string]*remembered
	written map[string]*written
	forget  []forgotten
	retry   time.Time // until then the memory is not used
}

// owned is a list that this process writes. sum differs between versions of the list.
type owned struct {
	List
	sum [sha256.Size]byte
}

// written is the state of a list as this process last wrote it.
type written struct {
	epoch, sequence uint64
	sum             [sha256.Size]byte
	at              time.Time
	hosts           map[string]hosts.Host
	never           map[string]bool // hosts that were logged as never resolved
}

// forgotten is a list that was written as removed. It is deleted from the memory once that record
// is acknowledged.
type forgotten struct {
	list string
	keys []string
	mark kafka.Mark
}

// NewSource allocates the Source. It starts nothing.
func NewSource(r *Reader, d Deps) *Source {
	return &Source{
		d: d, reader: r, table: hosts.NewTable(d.Ask, time.Now), memory: &memory{cfg: d.Kafka, log: d.Log},
		metrics: newMetrics(d.Registerer),
		limited: telemetry.NewLimited(d.Log, time.Minute, 20), shares: make(chan []int32, 1),
		fresh: make(chan []List, 1), all: r.Lists(), written: map[string]*written{},
	}
}

// Own sets the partitions of bgp.updates that this process has from now on. The Source writes the
// lists whose streams are in them. It does not block. Only one goroutine may call it at a time.
func (s *Source) Own(partitions []int32) { newest(s.shares, partitions) }

// newest puts a value into a channel of capacity one, and replaces a value that is still in it.
// Only one goroutine may call it at a time.
func newest[T any](c chan T, v T) {
	select {
	case <-c:
	default:
	}
	c <- v
}

// Run writes lists until ctx ends. It returns the error of the producer of bgp.updates.
func (s *Source) Run(ctx context.Context) error {
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return s.table.Run(running) })
	g.Go(func() error {
		s.reader.follow(running, s.d.Log, s.d.Hangup, func(l []List) {
			s.metrics.reloads.Inc()
			newest(s.fresh, l)
		})
		return nil
	})
	g.Go(func() error { return s.write(running) })
	err := g.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if e := s.memory.flush(last); e != nil && err == nil {
		s.d.Log.Warn("the last addresses of hosts may be lost", "err", e)
	}
	s.memory.drop()
	return err
}

// write is the loop that writes lists. A step of the memory that fails is tried again at a later
// turn.
func (s *Source) write(ctx context.Context) error {
	t := time.NewTicker(turnEvery)
	defer t.Stop()
	dirty := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case s.partitions = <-s.shares:
			s.known, s.retry = nil, time.Time{}
		case s.all = <-s.fresh:
			s.lists = nil
		case <-s.table.Changed():
			dirty = true
			continue
		case <-t.C:
		}
		if err := s.turn(ctx, dirty); err != nil && ctx.Err() == nil {
			return err
		}
		dirty = false
	}
}

// turn writes the differences between the written and the configured lists. It returns the error of
// bgp.updates. After an error of the memory it tries again later.
func (s *Source) turn(ctx context.Context, dirty bool) error {
	if s.known == nil && !s.recall(ctx) {
		return nil
	}
	if s.lists == nil {
		s.choose()
	}
	for _, name := range slices.Sorted(maps.Keys(s.lists)) {
		if err := s.writeList(ctx, s.lists[name]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.known)) {
		if _, ok := s.lists[name]; !ok && !s.isForgotten(name) {
			if err := s.remove(ctx, name); err != nil {
				return err
			}
		}
	}
	if dirty {
		if err := s.writeHosts(ctx); err != nil {
			return err
		}
	}
	s.settle(ctx)
	return nil
}

// recall reads the memory after the partitions changed, and forgets lists that now belong to other
// replicas. It reports whether it could read the memory.
func (s *Source) recall(ctx context.Context) bool {
	now := time.Now()
	if now.Before(s.retry) {
		return false
	}
	all, err := s.memory.read(ctx)
	if err != nil {
		s.later(ctx, now, err)
		return false
	}
	for name, r := range all {
		s.d.Epochs.RaiseEpoch(r.epoch)
		if !s.isOurs(name) {
			delete(all, name)
		}
	}
	s.known, s.forget, s.lists = all, nil, nil
	maps.DeleteFunc(s.written, func(name string, _ *written) bool { return !s.isOurs(name) })
	return true
}

// later logs that the memory cannot be reached, and sets the time of the next attempt.
func (s *Source) later(ctx context.Context, now time.Time, err error) {
	s.retry = now.Add(retryEvery)
	s.memory.drop()
	if ctx.Err() == nil {
		s.limited.Warn("watch lists are not written yet, trying again", "err", err)
	}
}

func (s *Source) isOurs(list string) bool {
	return slices.Contains(s.partitions, s.d.Updates.PartitionOf(Collector(list)))
}

// choose selects the lists whose partition this process has, and sets their hosts in the table.
func (s *Source) choose() {
	s.lists = map[string]*owned{}
	var ours []List
	for _, l := range s.all {
		if s.isOurs(l.Name) {
			s.lists[l.Name] = &owned{l, l.Sum()}
			ours = append(ours, l)
		}
	}
	known := map[string]hosts.Host{}
	for _, r := range s.known {
		for name, h := range r.hosts {
			if old, ok := known[name]; !ok || h.ResolvedAt.After(old.ResolvedAt) {
				known[name] = h
			}
		}
	}
	s.table.Set(Hosts(ours), known)
	s.metrics.lists.Set(float64(len(ours)))
}

// writeList writes a list that has changed, or was not written for an hour, and then the addresses
// of its hosts.
func (s *Source) writeList(ctx context.Context, l *owned) error {
	w := s.written[l.Name]
	if w != nil && w.sum == l.sum && s.d.Now().Sub(w.at) < again {
		return nil
	}
	if w == nil {
		if w = s.begin(ctx, l.List); w == nil {
			return nil
		}
	}
	for _, body := range l.Bodies() {
		if err := s.produce(ctx, l.Name, w, &pb.UpdateRecord{Body: &pb.UpdateRecord_WatchList{
			WatchList: body,
		}}); err != nil {
			return err
		}
	}
	w.sum, w.at = l.sum, s.d.Now()
	w.hosts = map[string]hosts.Host{}
	s.forgetHosts(ctx, l.List)
	return s.writeHostsOf(ctx, l.List, w)
}

// forgetHosts deletes hosts from the memory that the list no longer names.
func (s *Source) forgetHosts(ctx context.Context, l List) {
	named := Hosts([]List{l})
	known := s.known[l.Name].hosts
	for _, host := range slices.Sorted(maps.Keys(known)) {
		if _, ok := slices.BinarySearch(named, host); ok {
			continue
		}
		if err := s.memory.note(ctx, key(l.Name, host), nil); err != nil {
			s.later(ctx, time.Now(), err)
			return
		}
		delete(known, host)
	}
}

// begin starts the epoch of a list. It writes the epoch to the memory before any record of it goes
// to bgp.updates. It returns nil if the memory cannot be reached.
func (s *Source) begin(ctx context.Context, l List) *written {
	now := time.Now()
	if now.Before(s.retry) {
		return nil
	}
	w := &written{epoch: s.d.Epochs.Epoch(), never: map[string]bool{}}
	err := s.memory.note(ctx, key(l.Name, ""), &pb.WatchMemory{List: l.Name, Title: l.Title, Epoch: w.epoch})
	if err == nil {
		err = s.memory.flush(ctx)
	}
	if err != nil {
		s.later(ctx, now, err)
		return nil
	}
	s.forget = slices.DeleteFunc(s.forget, func(f forgotten) bool { return f.list == l.Name })
	if s.known[l.Name] == nil {
		s.known[l.Name] = &remembered{hosts: map[string]hosts.Host{}}
	}
	s.known[l.Name].title, s.known[l.Name].epoch = l.Title, w.epoch
	s.written[l.Name] = w
	return w
}

// produce writes a record of a list. It also saves a record about a host in the memory.
func (s *Source) produce(ctx context.Context, list string, w *written, rec *pb.UpdateRecord) error {
	w.sequence++
	now := s.d.Now().UnixMicro()
	rec.Position, rec.TimestampUs, rec.ReceivedAtUs = position(list, w.epoch, w.sequence), now, now
	value, err := rec.MarshalVT()
	if err != nil {
		return fmt.Errorf("encoding watch list %s: %w", list, err)
	}
	if err := s.d.Updates.Produce(ctx, Collector(list), value); err != nil {
		return err
	}
	s.metrics.records.Inc()
	host := rec.GetHostAddresses()
	if host == nil {
		return nil
	}
	// at worst the host's last addresses are lost
	if err := s.memory.note(
		ctx, key(list, host.GetHost()), &pb.WatchMemory{List: list, Host: host},
	); err != nil {
		s.later(ctx, time.Now(), err)
	}
	return nil
}

// writeHosts writes the changed hosts of all lists.
func (s *Source) writeHosts(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(s.lists)) {
		if w := s.written[name]; w != nil {
			if err := s.writeHostsOf(ctx, s.lists[name].List, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeHostsOf writes the hosts of a list that differ from their written state. For a host that was
// not asked for yet it uses the remembered state.
func (s *Source) writeHostsOf(ctx context.Context, l List, w *written) error {
	asked := s.table.Hosts()
	for _, m := range l.Members {
		h, ok := asked[m.Host]
		if !ok && m.Host != "" {
			h, ok = s.known[l.Name].hosts[m.Host]
		}
		if old, said := w.hosts[m.Host]; !ok || said && old.Equal(h) {
			continue
		}
		s.tell(l, m.Host, h, w)
		w.hosts[m.Host] = h
		s.known[l.Name].hosts[m.Host] = h
		if err := s.produce(ctx, l.Name, w, &pb.UpdateRecord{Body: &pb.UpdateRecord_HostAddresses{
			HostAddresses: hostBody(l.Name, m.Host, h),
		}}); err != nil {
			return err
		}
	}
	unresolved := 0
	for _, h := range asked {
		if h.Problem != "" {
			unresolved++
		}
	}
	s.metrics.unresolved.Set(float64(unresolved))
	return nil
}

// tell logs once that a host never resolved.
func (s *Source) tell(l List, name string, h hosts.Host, w *written) {
	if h.Problem != "" && h.ResolvedAt.IsZero() && !w.never[name] {
		w.never[name] = true
		s.limited.Warn("a host of a watch list does not resolve: nothing is known of it",
			"watch_list", l.Name, "host", name, "why", h.Problem)
	}
}

// remove writes that a list was removed from the configuration.
func (s *Source) remove(ctx context.Context, name string) error {
	r, w := s.known[name], s.written[name]
	if w == nil {
		w = &written{epoch: s.d.Epochs.Epoch()}
	}
	rec := &pb.UpdateRecord{Body: &pb.UpdateRecord_WatchList{WatchList: &pb.WatchList{
		Name: name, Title: cmp.Or(r.title, name), Removed: true,
	}}}
	if err := s.produce(ctx, name, w, rec); err != nil {
		return err
	}
	s.d.Log.Info("a watch list was taken out of the configuration", "watch_list", name)
	f := forgotten{list: name, keys: []string{key(name, "")}, mark: s.d.Updates.Mark()}
	for host := range r.hosts {
		f.keys = append(f.keys, key(name, host))
	}
	slices.Sort(f.keys)
	s.forget = append(s.forget, f)
	delete(s.written, name)
	return nil
}

func (s *Source) isForgotten(name string) bool {
	return slices.ContainsFunc(s.forget, func(f forgotten) bool { return f.list == name })
}

// settle deletes lists from the memory whose removal is acknowledged. It deletes the hosts first,
// so that the list remains known as long as they are.
func (s *Source) settle(ctx context.Context) {
	for len(s.forget) > 0 {
		f := s.forget[0]
		if ok, err := s.d.Updates.Acked(f.mark); err != nil || !ok {
			return
		}
		for _, k := range slices.Backward(f.keys) {
			if err := s.memory.note(ctx, k, nil); err != nil {
				s.later(ctx, time.Now(), err)
				return
			}
		}
		delete(s.known, f.list)
		s.forget = s.forget[1:]
	}
}

// Sum returns a hash of the list. Different lists have different hashes.
func (l List) Sum() [sha256.Size]byte {
	h := sha256.New()
	for _, b := range l.Bodies() {
		value, err := b.MarshalVT()
		if err != nil { // no field can fail
			value = []byte(err.Error())
		}
		fmt.Fprintf(h, "%d\n", len(value))
		h.Write(value)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// parseAddresses parses addresses of 4 or 16 octets. It leaves out others.
func parseAddresses(all [][]byte) []netip.Addr {
	var out []netip.Addr
	for _, b := range all {
		if a, ok := netip.AddrFromSlice(b); ok {
			out = append(out, a)
		}
	}
	return out
}
