package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/schemas"
	"github.com/darkmap/darkmap/sink"
)

// sinceText is the time in the commands of docs/operations.md to which the sink goes back.
const sinceText = "2026-01-02T02:00:00.000Z"

// documented runs the commands of docs/operations.md, Backup, whose lines hold a text: those of
// darkmap with the drill's flags, and that of Kafka's tools by Kafka's API. It fails if there is
// none.
func (d *drill) documented(text string) {
	d.t.Helper()
	page, err := os.ReadFile(filepath.Join(datatest.Root(d.t), "docs", "operations.md"))
	if err != nil {
		d.t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Backup\n")
	section, _, _ = strings.Cut(section, "\n## ")
	since := d.begun.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	ran := false
	for line := range strings.Lines(section) {
		command, isCommand := strings.CutPrefix(line, "    ")
		if !isCommand || !strings.Contains(command, text) {
			continue
		}
		ran = true
		words, err := shellWords(strings.ReplaceAll(strings.TrimSpace(command), sinceText, since), d.dir)
		switch {
		case err != nil:
			d.t.Fatal(err)
		case words[0] == "kafka-consumer-groups.sh":
			d.sinkBack(words, since)
		case words[0] == "darkmap" && words[1] == "sink":
			d.once(append(words[1:], "--dataset", chaosDataset)...)
		default:
			d.once(words[1:]...)
		}
	}
	if !ran {
		d.t.Fatalf("docs/operations.md has no command with %q", text)
	}
}

// sinkBack sets the offsets of the sink's group to those of a time, as the words of the command
// ask. The group must have no member.
func (d *drill) sinkBack(words []string, since string) {
	d.t.Helper()
	for _, word := range []string{"--reset-offsets", "--all-topics", "--execute", "darkmap.sink", since} {
		if !slices.Contains(words, word) {
			d.t.Fatalf("%q has no %s", words, word)
		}
	}
	adm, err := kafka.NewAdmin(d.cfg, kafkatest.Log())
	if err != nil {
		d.t.Fatal(err)
	}
	defer adm.Close()
	var topics []string
	for _, topic := range sink.Topics() {
		topics = append(topics, d.cfg.Topic(topic))
	}
	at, err := time.Parse(time.RFC3339, since)
	if err != nil {
		d.t.Fatal(err)
	}
	group := d.cfg.Group(sink.Name)
	waittest.Until(d.t, time.Minute, "the group has no member", func() bool {
		ctx, cancel := context.WithTimeout(d.t.Context(), 10*time.Second)
		defer cancel()
		groups, err := adm.DescribeGroups(ctx, group)
		return err == nil && len(groups[group].Members) == 0
	})
	offsets, err := adm.ListOffsetsAfterMilli(d.t.Context(), at.UnixMilli(), topics...)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := adm.CommitAllOffsets(d.t.Context(), group, offsets.Offsets()); err != nil {
		d.t.Fatal(err)
	}
}

// restore loses the store, restores the backup by the commands of docs/operations.md, and lets the
// sink read what came since, and what the backup has already. All other stages are ended.
func (d *drill) restore() {
	d.t.Helper()
	whole := d.routeRows()
	d.documented("RESTORE")
	restored := d.routeRows()
	if restored == 0 || restored >= whole {
		d.t.Fatalf("the backup has %d of %d rows of route changes: want some of them", restored, whole)
	}
	d.documented("darkmap migrate")
	d.documented("kafka-consumer-groups.sh")
	var again int
	for _, rec := range kafkatest.Read(d.t, d.cfg, schemas.TopicRoutes) {
		if !rec.Timestamp.Before(d.begun.Truncate(time.Millisecond)) {
			again++
		}
	}
	for _, m := range d.members {
		if m.stage == sink.Name {
			m.start()
			d.t.Cleanup(m.kill)
		}
	}
	d.drain(kafka.Reading{Stage: sink.Name, Topics: sink.Topics()})
	d.end()
	d.documented("darkmap sink verify")
	if got := d.routeRows(); got != whole {
		d.t.Errorf("there are %d rows of route changes, before there were %d", got, whole)
	}
	d.t.Logf("the backup had %d of %d rows of route changes; the sink read all %d records of bgp.routes again",
		restored, whole, again)
}

// routeRows counts the rows of route_change_log as they are stored: without FINAL, and with those
// that repeat another.
func (d *drill) routeRows() (n uint64) {
	d.t.Helper()
	conn, err := clickhouse.Open(d.t.Context(), d.store)
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // only read
	row := conn.QueryRow(d.t.Context(), "SELECT count() FROM "+d.store.Database+".route_change_log")
	if err := row.Scan(&n); err != nil {
		d.t.Fatal(err)
	}
	return n
}
