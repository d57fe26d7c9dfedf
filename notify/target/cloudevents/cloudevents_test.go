package cloudevents

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/format"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
	"github.com/darkmap/darkmap/notify/target/text"
)

func deps() target.Deps {
	return target.Deps{Name: "events", Version: "1", PublicURL: "https://darkmap.example.net", Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
}

// messages returns an outage with hostile names in header fields, a large one, and a message
// without a record.
func messages(t *testing.T) []*target.Message {
	t.Helper()
	var all []*target.Message
	for _, prefixes := range []int{4, 20_000} {
		o := bgp.Outage{
			ID: "watch-x-ipv4-20141222T1615Z", Sequence: 7, Event: bgp.EventOpened, State: bgp.StateOpen, Family: "ipv4", Entity: bgp.Entity{Type: bgp.EntityWatch, Code: "kp 100%\r\nX: \"é国\"", Name: "x"},
			Start: time.Date(2014, 12, 22, 16, 15, 0, 0, time.UTC), LostPrefixesTotal: prefixes,
		}
		for i := range prefixes {
			o.LostPrefixes = append(o.LostPrefixes, fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255))
		}
		record, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &target.Message{
			ID: "0123", Incident: o.ID, Kind: target.Open, Subject: target.SubjectOutage, Route: "mine", Time: o.Start.Add(5 * time.Minute),
			Events: []bgp.Outage{o}, EventsTotal: 1, Record: record, Exercise: true,
		})
	}
	return append(all, &target.Message{ID: "4567", Kind: target.Test, Subject: target.SubjectNone, Time: time.Unix(0, 0), Headline: "a test"})
}

// check compares an event that the SDK has read with its message.
func check(t *testing.T, what string, e *cloudevents.Event, m *target.Message) {
	t.Helper()
	if err := e.Validate(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if e.SpecVersion() != "1.0" || e.Type() != "net.darkmap."+m.Event() || e.Source() != "https://darkmap.example.net" || !e.Time().Equal(m.Time) || e.DataContentType() != typeJSON ||
		!json.Valid(e.Data()) || len(e.Data()) > maxEvent {
		t.Errorf("%s: got %v", what, e)
	}
	if m.Kind == target.Test {
		if e.ID() != m.ID || e.DataSchema() != "" {
			t.Errorf("%s: got %v", what, e)
		}
		return
	}
	o := m.Events[0]
	var data bgp.Outage
	if err := e.DataAs(&data); err != nil {
		t.Fatal(err)
	}
	truncated := ""
	if len(o.LostPrefixes) > 4 {
		truncated = "lost_prefixes"
	}
	if e.ID() != o.ID+"/7" || e.Subject() != "watch/"+text.Line(o.Entity.Code) || e.DataSchema() != schema || data.ID != o.ID || data.LostPrefixesTotal != o.LostPrefixesTotal ||
		fmt.Sprint(e.Extensions()["truncated"]) != truncated && truncated != "" || e.Extensions()["sequence"] != "0000000007" || e.Extensions()["partitionkey"] != o.ID ||
		e.Extensions()["exercise"] != "true" {
		t.Errorf("%s: got %v", what, e)
	}
}

// TestHTTP checks that the SDK reads the posted events, in both content modes.
func TestHTTP(t *testing.T) {
	t.Parallel()
	got := make(chan *cloudevents.Event, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			if strings.ContainsFunc(values[0], func(c rune) bool { return c > '~' || c < ' ' }) || strings.HasPrefix(name, "Ce-") && strings.ContainsAny(values[0], ` "`) {
				t.Errorf("header %s: %q", name, values[0])
			}
		}
		for name, values := range r.Header { // the SDK does not decode the encoding of the protocol binding
			if plain, err := url.PathUnescape(values[0]); err == nil && strings.HasPrefix(name, "Ce-") {
				r.Header.Set(name, plain)
			}
		}
		e, err := binding.ToEvent(r.Context(), cehttp.NewMessageFromHttpRequest(r))
		if err != nil {
			t.Error(err)
			body, _ := io.ReadAll(r.Body)
			t.Errorf("%v %.200s", r.Header, body)
		}
		got <- e
		w.WriteHeader(http.StatusAccepted)
	}))
	defer s.Close()
	for _, mode := range []string{"", structured, binary} {
		server, err := New(Config{Endpoint: httpclient.Endpoint{URL: s.URL}, Event: Event{Mode: mode}}, deps())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = server.Close() }()
		for i, m := range messages(t) {
			if _, err := server.Send(t.Context(), m, nil); err != nil {
				t.Fatal(err)
			}
			check(t, fmt.Sprintf("%q %d", mode, i), <-got, m)
		}
	}
	if got := percent("a \"%é~\x7f\n"); got != "a%20%22%25%C3%A9~%7F%0A" {
		t.Errorf("percent makes %q", got)
	}
}

// kafkaMessage is a record for the SDK, written like the SDK's own Kafka protocols (Kafka protocol
// binding §3).
type kafkaMessage struct{ *kgo.Record }

var specs = spec.WithPrefix("ce_")

func (m kafkaMessage) header(key string) string {
	for _, h := range m.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func (m kafkaMessage) ReadEncoding() binding.Encoding {
	if strings.HasPrefix(m.header("content-type"), format.JSON.MediaType()) {
		return binding.EncodingStructured
	}
	return binding.EncodingBinary
}

func (m kafkaMessage) ReadStructured(ctx context.Context, w binding.StructuredWriter) error {
	if m.ReadEncoding() != binding.EncodingStructured {
		return binding.ErrNotStructured
	}
	return w.SetStructuredEvent(ctx, format.JSON, strings.NewReader(string(m.Value)))
}

func (m kafkaMessage) ReadBinary(_ context.Context, w binding.BinaryWriter) error {
	version := specs.Version(m.header(specs.PrefixedSpecVersionName()))
	for _, h := range m.Headers {
		var err error
		name, ours := strings.CutPrefix(h.Key, "ce_")
		switch attr := version.Attribute(h.Key); {
		case attr != nil:
			err = w.SetAttribute(attr, string(h.Value))
		case h.Key == "content-type":
			err = w.SetAttribute(version.AttributeFromKind(spec.DataContentType), string(h.Value))
		case ours:
			err = w.SetExtension(name, string(h.Value))
		}
		if err != nil {
			return err
		}
	}
	return w.SetData(strings.NewReader(string(m.Value)))
}

func (m kafkaMessage) GetAttribute(k spec.Kind) (spec.Attribute, any) {
	attr := specs.Version(m.header(specs.PrefixedSpecVersionName())).AttributeFromKind(k)
	return attr, m.header(attr.PrefixedName())
}

func (m kafkaMessage) GetExtension(name string) any { return m.header("ce_" + name) }

func (m kafkaMessage) Finish(error) error { return nil }

// TestTopic checks that the SDK reads the events on the topic, in both content modes, in the order
// of sending, on the pipeline's own brokers and on others.
func TestTopic(t *testing.T) {
	t.Parallel()
	own := kafkatest.Open(t, 1)
	for n, tt := range []struct {
		mode    string
		brokers []string
		topic   string
	}{
		{binary, nil, own.Topic("events")},
		{structured, own.Brokers, own.Topic("events")},
	} {
		cfg := TopicConfig{Topic: "events", Event: Event{Mode: tt.mode}, Brokers: tt.brokers}
		if len(tt.brokers) > 0 {
			cfg.Topic = tt.topic
		}
		topic, err := NewTopic(cfg, own, deps())
		if err != nil {
			t.Fatal(err)
		}
		sent := messages(t)
		for _, m := range sent {
			if _, err := topic.Send(t.Context(), m, nil); err != nil {
				t.Fatal(err)
			}
		}
		_ = topic.Close()
		for i, rec := range read(t, own, tt.topic, (n+1)*len(sent))[n*len(sent):] {
			e, err := binding.ToEvent(t.Context(), kafkaMessage{rec})
			if err != nil {
				t.Fatal(err)
			}
			check(t, fmt.Sprintf("%s %d", tt.mode, i), e, sent[i])
			if string(rec.Key) != sent[i].Incident {
				t.Errorf("got key %s", rec.Key)
			}
		}
	}
}

// read reads the given number of records of a topic.
func read(t *testing.T, cfg kafka.Config, topic string, count int) (all []*kgo.Record) {
	t.Helper()
	cl, err := kafka.NewClient(cfg, kafkatest.Log(), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(all) < count {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Records()...)
	}
	return all
}

// TestMissingTopic checks that a topic on other brokers is not created, and that the error names
// it.
func TestMissingTopic(t *testing.T) {
	t.Parallel()
	own := kafkatest.Open(t, 1)
	topic, err := NewTopic(TopicConfig{Topic: own.Topic("absent"), Brokers: own.Brokers}, own, deps())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = topic.Close() }()
	_, err = topic.Send(t.Context(), messages(t)[0], nil)
	if f := target.FaultOf(err); f == nil || f.Refused || !strings.Contains(err.Error(), "absent does not exist") {
		t.Errorf("got %v", err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	if len(Event{Source: "https://darkmap.example.net"}.Faults()) != 0 || len(Event{Source: "no uri"}.Faults()) != 1 || len(Event{Source: "https://a:b@c"}.Faults()) != 1 {
		t.Error("source")
	}
	if len(TopicConfig{Topic: "a b"}.Faults()) != 1 || len(TopicConfig{Topic: "a", SASL: kafka.SASL{Mechanism: "plain"}}.Faults()) != 1 || len(TopicConfig{Topic: "a"}.Faults()) != 0 {
		t.Error("topic")
	}
}
