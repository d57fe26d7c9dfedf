package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/darkmap/darkmap/internal/telemetry"
)

// gated starts a broker behind a gate and returns its address.
func gated(t *testing.T) (string, *gate) {
	t.Helper()
	var g *gate
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "darkmap", "right"),
		kfake.ListenFn(func(network, addr string) (net.Listener, error) {
			ln, err := new(net.ListenConfig).Listen(t.Context(), network, addr)
			g = newGate(ln, telemetry.NewLimited(slog.New(slog.DiscardHandler), time.Second, 1))
			return g, err
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()[0], g
}

// loggedIn lists the topics with a password.
func loggedIn(t *testing.T, addr, password string) error {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequestRetries(0), kgo.SASL(scram.Auth{User: "darkmap", Pass: password}.AsSha256Mechanism()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	topics, err := kadm.NewClient(cl).ListTopics(ctx)
	if err == nil && !topics.Has("t") {
		err = errors.New("there is no topic t")
	}
	return err
}

// request returns the header of a request without a client id, and the first octets of the body.
func request(size uint32, key, version int16, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, size)
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = append(b, 0, 0, 0, 1, 0xff, 0xff) // correlation id, null
	return append(b, body...)
}

// TestGateRefuses: a request that would make the broker panic, allocate gigabytes or serve a
// stranger ends its connection, and the broker continues.
func TestGateRefuses(t *testing.T) {
	t.Parallel()
	addr, _ := gated(t)
	for name, b := range map[string][]byte{
		"an unknown API key":       request(10, 999, 0),
		"a negative API key":       request(10, -1, 0),
		"4 GiB":                    request(1<<32-1, int16(kmsg.SASLHandshake), 1),
		"HTTP":                     []byte("GET / HTTP/1.1\r\n\r\n"),
		"a size of 0":              request(0, int16(kmsg.ApiVersions), 0),
		"Metadata without a login": request(14, int16(kmsg.Metadata), 1, 0xff, 0xff, 0xff, 0xff),
		"Produce without a login":  request(64, int16(kmsg.Produce), 7),
		"DeleteTopics":             request(18, int16(kmsg.DeleteTopics), 0, 0, 0, 0, 0, 0, 0, 0, 9),
		"a long login":             request(maxLoginBytes+1, int16(kmsg.SASLAuthenticate), 1),
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := io.ReadAll(c); len(got) > 0 { // the end of the connection, by FIN or by RST
			t.Errorf("%s: got %d octets, %v; want a closed connection", name, len(got), err)
		}
		_ = c.Close()
	}
	if err := loggedIn(t, addr, "right"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestGateLogin: a wrong password gets Kafka's own error, and not only the end of the connection.
func TestGateLogin(t *testing.T) {
	t.Parallel()
	addr, _ := gated(t)
	if err := loggedIn(t, addr, "wrong"); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("a wrong password: got %v, want %v", err, kerr.SaslAuthenticationFailed)
	}
	if err := loggedIn(t, addr, "right"); err != nil {
		t.Errorf("the right password: %v", err)
	}
}

// TestGateSlots: connections that never log in do not keep others out. The gate closes the oldest
// of them.
func TestGateSlots(t *testing.T) {
	t.Parallel()
	addr, g := gated(t)
	var idle []net.Conn
	for range maxLogins + 1 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // nothing is pending
		idle = append(idle, c)
	}
	if n, err := idle[0].Read(make([]byte, 1)); err == nil {
		t.Errorf("the oldest of %d: got %d octets, want it closed", len(idle), n)
	}
	if err := loggedIn(t, addr, "right"); err != nil {
		t.Errorf("beside them: %v", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.logins) > maxLogins {
		t.Errorf("%d connections wait, at most %d may", len(g.logins), maxLogins)
	}
}
