package watch

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/watch/hosts"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// memory is the topic bgp.watch.v1: the last written state of each list, and of each of its hosts.
// It belongs to the source's goroutine.
type memory struct {
	cfg      kafka.Config
	log      *slog.Logger
	producer *kafka.Producer // nil: not needed yet
	stop     func() bool     // cancels the planned end of the producer
}

// remembered is the last written state of a list, written by this process or another.
type remembered struct {
	title string
	epoch uint64
	hosts map[string]hosts.Host
}

// read returns the remembered state, by list.
func (m *memory) read(ctx context.Context) (map[string]*remembered, error) {
	all := map[string]*remembered{}
	of := func(list string) *remembered {
		r := all[list]
		if r == nil {
			r = &remembered{hosts: map[string]hosts.Host{}}
			all[list] = r
		}
		return r
	}
	err := kafka.ReadToEnd(ctx, m.cfg, m.log, schemas.TopicWatch, func(rec *kgo.Record) error {
		list, host, _ := strings.Cut(strings.TrimPrefix(string(rec.Key), collectorPrefix), "/")
		var u pb.WatchMemory
		switch {
		case rec.Value == nil && host == "":
			delete(all, list)
		case rec.Value == nil:
			if r := all[list]; r != nil {
				delete(r.hosts, host)
			}
		case u.UnmarshalVT(rec.Value) != nil:
			// only ingest writes to this topic: skip a record that cannot be decoded
		case host == "":
			r := of(list)
			r.title, r.epoch = u.GetTitle(), u.GetEpoch()
		default:
			of(list).hosts[host] = parseHost(u.GetHost())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the state of earlier watch lists: %w", err)
	}
	return all, nil
}

// note saves the state of a list or of one of its hosts; nil deletes it. It does not wait for the
// broker.
func (m *memory) note(ctx context.Context, key string, rec *pb.WatchMemory) error {
	if m.producer == nil {
		var err error
		if m.producer, err = kafka.NewProducer(ctx, m.cfg, schemas.TopicWatch, m.log, nil); err != nil {
			return err
		}
		m.stop = m.producer.EndAfter(ctx, lastWrite)
	}
	var value []byte
	if rec != nil {
		var err error
		if value, err = rec.MarshalVT(); err != nil {
			return fmt.Errorf("encoding the state of %s: %w", key, err)
		}
	}
	return m.producer.Produce(ctx, key, value)
}

// flush waits until all notes are acknowledged.
func (m *memory) flush(ctx context.Context) error {
	if m.producer == nil {
		return nil
	}
	return m.producer.Flush(ctx)
}

// drop closes the producer. The next note creates a new one, because a producer that failed never
// works again.
func (m *memory) drop() {
	if m.producer != nil {
		m.stop()
		m.producer.Close()
		m.producer = nil
	}
}

// key returns the key of a list in the memory, or of one of its hosts.
func key(list, host string) string {
	if host == "" {
		return Collector(list)
	}
	return Collector(list) + "/" + host
}

// hostBody returns a host in the form of a record.
func hostBody(list, name string, h hosts.Host) *pb.HostAddresses {
	out := &pb.HostAddresses{List: list, Host: name, Problem: h.Problem}
	for _, a := range h.Addresses {
		out.Addresses = append(out.Addresses, a.AsSlice())
	}
	for _, a := range h.NameServers {
		out.NameServers = append(out.NameServers, a.AsSlice())
	}
	if !h.ResolvedAt.IsZero() {
		out.ResolvedAtUs = h.ResolvedAt.UnixMicro()
	}
	return out
}

// parseHost is the inverse of hostBody. It leaves out invalid addresses.
func parseHost(r *pb.HostAddresses) hosts.Host {
	h := hosts.Host{
		Addresses: parseAddresses(r.GetAddresses()), NameServers: parseAddresses(r.GetNameServers()),
		Problem: r.GetProblem(),
	}
	if at := r.GetResolvedAtUs(); at != 0 {
		h.ResolvedAt = time.UnixMicro(at)
	}
	return h
}
