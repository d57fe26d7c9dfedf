package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
)

// ErrRunning means that checkpoints are not removed, because a running detector may write or read
// them.
var ErrRunning = errors.New("a detector runs")

// Listed describes a checkpoint, or a fault in its place, for people and programs.
type Listed struct {
	Checkpoint string     `json:"checkpoint,omitempty"`
	Slot       *uint32    `json:"slot,omitempty"`
	Window     *time.Time `json:"window,omitempty"`
	Written    *time.Time `json:"written,omitempty"`
	Octets     uint64     `json:"octets,omitempty"`
	Chunks     int        `json:"chunks,omitempty"`
	Format     uint32     `json:"format,omitempty"`
	SHA256     string     `json:"sha256,omitempty"`
	// Fault is the reason why the checkpoint cannot be used, as far as it was checked; empty if it
	// can be used.
	Fault string `json:"fault,omitempty"`
}

// Report lists the checkpoints and faults on the topic, the newest window first. With compare it
// reads each checkpoint whole and compares it with its manifest.
func (s Store) Report(ctx context.Context, compare bool) ([]Listed, error) {
	found, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Listed, 0, len(found.Manifests)+len(found.Faults))
	for _, m := range found.Manifests {
		window := time.Unix(m.Window, 0).UTC()
		l := Listed{
			Checkpoint: m.ID, Slot: &m.Slot, Window: &window, Written: &m.Written, Octets: m.Length,
			Chunks: len(m.Chunks), Format: m.Format, SHA256: fmt.Sprintf("%x", m.Sum),
		}
		err := m.readable()
		if err == nil && compare {
			err = s.Read(ctx, m)
		}
		switch {
		case err != nil && Reason(err) == Other:
			return nil, err
		case err != nil:
			l.Fault = err.Error()
		}
		out = append(out, l)
	}
	for _, fault := range found.Faults {
		out = append(out, Listed{Fault: fault.Error()})
	}
	return out, nil
}

// readable returns an error if this version does not read the format of the checkpoint.
func (m *Manifest) readable() error {
	if m.Format != Format {
		return fmt.Errorf("%w: %d, and this version reads %d", ErrFormat, m.Format, Format)
	}
	return nil
}

// Faulty counts the entries that cannot be used.
func Faulty(all []Listed) int {
	n := 0
	for i := range all {
		if all[i].Fault != "" {
			n++
		}
	}
	return n
}

// WriteTable writes the entries for people. whole means that each was compared with its manifest.
func WriteTable(w io.Writer, all []Listed, whole bool) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w,
			"There is no checkpoint. A detector writes one every few minutes (detect.checkpoint_interval), "+
				"once it has read the log to its end.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CHECKPOINT\tLAST WINDOW (UTC)\tWRITTEN (UTC)\tSIZE\tCHUNKS\tSTATE")
	for i := range all {
		l := &all[i]
		state := l.Fault
		switch {
		case state != "":
		case whole:
			state = "whole"
		default:
			state = "has a manifest"
		}
		if l.Checkpoint == "" {
			fmt.Fprintf(t, "-\t-\t-\t-\t-\t%s\n", state)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\n", l.Checkpoint, l.Window.Format(time.DateTime),
			l.Written.Format(time.DateTime), megabytes(l.Octets), l.Chunks, state)
	}
	return t.Flush()
}

func megabytes(n uint64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// Members returns the names of the members of the detector's group.
func (s Store) Members(ctx context.Context) ([]string, error) {
	adm, err := kafka.NewAdmin(s.Kafka, s.Log)
	if err != nil {
		return nil, err
	}
	defer adm.Close()
	group := s.Kafka.Group(s.Detector)
	all, err := adm.DescribeGroups(ctx, group)
	if err == nil {
		err = all.Error()
	}
	if errors.Is(err, kerr.GroupIDNotFound) { // no member ever joined the group
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking who is in the group %s: %w", group, err)
	}
	var names []string
	for _, m := range all[group].Members {
		name := m.MemberID
		if m.InstanceID != nil {
			name = *m.InstanceID
		}
		names = append(names, name)
	}
	return names, nil
}

// Remove calls Drop if no detector runs. Otherwise the error wraps ErrRunning and names the members
// of the group.
func (s Store) Remove(ctx context.Context) (int, error) {
	names, err := s.Members(ctx)
	if err != nil {
		return 0, err
	}
	if len(names) > 0 {
		return 0, fmt.Errorf(
			"%w: the group %s has %s, %s. Stop it first; 6 seconds later it has left the group",
			ErrRunning, s.Kafka.Group(s.Detector), bgp.Count(len(names), "member"), strings.Join(names, ", "))
	}
	return s.Drop(ctx)
}
