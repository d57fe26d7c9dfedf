package kafka_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/internal/apachekafka"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/schemas"
)

// secured is a real broker with logins and access rules.
type secured struct {
	*kafkatest.ApacheCluster
	adm *kadm.Client
}

// TestSecure tests logins, certificates and rights on one real broker.
func TestSecure(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.StartApacheWith(t, apachekafka.Options{Brokers: 1, Secure: true})
	adm, err := kafka.NewAdmin(cluster.Config, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	s := secured{cluster, adm}
	if _, err := kafka.Apply(t.Context(), cluster.Config, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
	t.Run("Logins", s.testLogins)
	t.Run("Certificates", s.testCertificates)
	t.Run("Rotation", s.testRotation)
	t.Run("Rights", s.testRights)
	t.Run("Apply and Remove", func(t *testing.T) { testApplyAndRemove(t, kafkatest.Dataset(t, cluster.Config, 3)) })
	t.Run("Refused while it runs", s.testRefusedLater)
}

// check asks whether a client has the rights of detect. It must not take long, for any fault.
func check(t *testing.T, cfg kafka.Config, name string) error {
	t.Helper()
	a, ok := schemas.AccessOf(name)
	if !ok {
		t.Fatalf("no row %s", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return kafka.CheckAccess(ctx, cfg, a, "0")
}

// wantRefused checks that an error contains the expected names.
func wantRefused(t *testing.T, what string, err error, names ...string) {
	t.Helper()
	if _, ok := errors.AsType[*kafka.RefusedError](err); !ok {
		t.Errorf("%s: got %v, want a RefusedError", what, err)
		return
	}
	for _, n := range names {
		if strings.Count(err.Error(), n) != 1 {
			t.Errorf("%s: got %q, want %q in it, once", what, err, n)
		}
	}
	t.Logf("%s: %v", what, err)
}

func (s secured) testLogins(t *testing.T) {
	if err := check(t, s.Config, "detect"); err != nil {
		t.Errorf("the administrator: got %v", err)
	}
	broker := s.Config.Brokers[0]
	wrong := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(wrong, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := s.Config
	cfg.SASL.Password = config.Secret{File: wrong}
	wantRefused(t, "a wrong password", check(t, cfg, "detect"), broker, "user admin", "kafka.sasl.password")
	cfg = s.Config
	cfg.SASL.User = "nobody"
	wantRefused(t, "an unknown user", check(t, cfg, "detect"), broker, "user nobody", "kafka.sasl.user")
	cfg = s.Config
	cfg.SASL.Mechanism = "plain"
	wantRefused(t, "another mechanism", check(t, cfg, "detect"), broker, "kafka.sasl.mechanism")
	cfg = s.Config
	cfg.TLS.CAFile = ""
	wantRefused(t, "no authority", check(t, cfg, "detect"), broker, "kafka.tls.ca_file")
	cfg = s.Config
	cfg.TLS, cfg.SASL = kafka.TLS{}, kafka.SASL{}
	if err := check(t, cfg, "detect"); err == nil || !strings.Contains(err.Error(), "kafka.tls.enabled") {
		t.Errorf("without TLS: got %v", err)
	} else {
		t.Logf("without TLS: %v", err)
	}
	if _, err := kafka.Apply(t.Context(), func() kafka.Config { c := s.Config; c.SASL.User = "nobody"; return c }(), kafkatest.Log(), schemas.Topics); err == nil || !strings.Contains(err.Error(), "user nobody") {
		t.Errorf("Apply with an unknown user: got %v", err)
	}
}

func (s secured) testCertificates(t *testing.T) {
	dir := t.TempDir()
	foreign, err := apachekafka.NewAuthority("somebody else")
	if err != nil {
		t.Fatal(err)
	}
	issue := func(a *apachekafka.Authority, name string, until time.Time) kafka.Config {
		t.Helper()
		cert, key, err := a.IssueFiles(dir, name, until)
		if err != nil {
			t.Fatal(err)
		}
		return s.With(cert, key)
	}
	good := issue(s.Authority, apachekafka.AdminUser, time.Now().Add(time.Hour))
	if err := check(t, good, "detect"); err != nil {
		t.Errorf("a good certificate: got %v", err)
	}
	broker := good.Brokers[0]
	wantRefused(t, "an expired certificate", check(t, issue(s.Authority, "late", time.Now().Add(-time.Hour)), "detect"), broker, "CN=late", "expired at")
	wantRefused(t, "a foreign certificate", check(t, issue(foreign, "stranger", time.Now().Add(time.Hour)), "detect"), broker, "CN=stranger", `signed by "CN=somebody else"`)
	none := good
	none.TLS.CertFile, none.TLS.KeyFile = "", ""
	wantRefused(t, "no certificate", check(t, none, "detect"), broker, "set kafka.tls.cert_file")
	// The error names a user without rules by the name in the certificate.
	err = check(t, issue(s.Authority, "poor", time.Now().Add(time.Hour)), "enrich")
	if _, ok := errors.AsType[*kafka.MissingError](err); !ok || !strings.Contains(err.Error(), "CN=poor") {
		t.Errorf("a certificate without rights: got %v, want a MissingError", err)
	}
}

// connections counts the connections that a client has opened.
type connections struct{ opened atomic.Int64 }

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (c *connections) OnBrokerConnect(kgo.BrokerMetadata, time.Duration, net.Conn, error) {
	c.opened.Add(1)
}

// testRotation replaces the client's certificate while the client runs. The client drops briefly
// idle connections, so that it opens new ones.
func (s secured) testRotation(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile, err := s.Authority.IssueFiles(dir, apachekafka.AdminUser, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var conns connections
	cl, err := kafka.NewClient(s.With(certFile, keyFile), kafkatest.Log(), kgo.ConnIdleTimeout(100*time.Millisecond), kgo.WithHooks(&conns))
	if err != nil {
		t.Fatal(err)
	}
	adm := kadm.NewClient(cl)
	defer adm.Close()
	// ask sends a request over a new connection.
	ask := func() (topics int) {
		t.Helper()
		before := conns.opened.Load()
		await(t, "a new connection", func() bool {
			listed, err := adm.ListTopics(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			topics = len(listed)
			return conns.opened.Load() > before
		})
		return topics
	}
	if n := ask(); n == 0 {
		t.Error("the administrator sees no topics")
	}
	// In the middle of a rotation the new certificate does not fit the old key. The client
	// continues with the pair that it read last.
	cert, key, err := s.Authority.Issue("other", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(certFile, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	if n := ask(); n == 0 {
		t.Error("in the middle of a rotation the administrator sees no topics")
	}
	if err := os.WriteFile(keyFile, key, 0o600); err != nil {
		t.Fatal(err)
	}
	// The new certificate is another user's, who has no rights: topics are hidden.
	if n := ask(); n != 0 {
		t.Errorf("after the rotation: got %d topics, want none", n)
	}
}

// user creates a user with the rules of a row of the table of rights.
func (s secured) user(t *testing.T, a schemas.Access) kafka.Config {
	t.Helper()
	if err := s.AddUser(t.Context(), a.Name, s.Config.Grants(a)); err != nil {
		t.Fatal(err)
	}
	return s.As(a.Name)
}

// testRights revokes each right of each row, and restores it. Without the right, the check of the
// row's client names it, and nothing of another resource.
func (s secured) testRights(t *testing.T) {
	for _, a := range schemas.Accesses {
		cfg := s.user(t, a)
		// A client cannot ask about a group that does not exist.
		for _, g := range cfg.Grants(a) {
			if g.Resource == kmsg.ACLResourceTypeGroup {
				s.makeGroup(t, g.Name)
			}
		}
		await(t, a.Name+" has its rights", func() bool { return check(t, cfg, a.Name) == nil })
		for _, g := range cfg.Grants(a) {
			if len(a.Create) > 0 && g.Name != cfg.Topic(a.Create[0]) {
				continue // one topic represents all that are created
			}
			if err := s.Deny(t.Context(), a.Name, g); err != nil {
				t.Fatal(err)
			}
			var missing *kafka.MissingError
			await(t, a.Name+" lost "+g.String(), func() bool {
				err := check(t, cfg, a.Name)
				return errors.As(err, &missing)
			})
			// The broker hides the other rights on a topic from a client that may not describe it.
			other := slices.ContainsFunc(missing.Missing, func(m kafka.Grant) bool { return m.Name != g.Name })
			if hidden := len(a.Create) > 0 && g.Operation == kmsg.ACLOperationDescribe; !hidden {
				other = len(missing.Missing) != 1
			}
			if other || !slices.Contains(missing.Missing, g) || !strings.Contains(missing.Error(), g.String()) || !strings.Contains(missing.Error(), "user "+a.Name) {
				t.Errorf("%s without %v: got %v", a.Name, g, missing)
			}
			if err := s.Allow(t.Context(), a.Name, g); err != nil {
				t.Fatal(err)
			}
		}
		await(t, a.Name+" has its rights again", func() bool { return check(t, cfg, a.Name) == nil })
	}
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for wait := (retry.Backoff{Max: 200 * time.Millisecond}); !ok(); {
		if wait.Wait(ctx) != nil {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// makeGroup commits an offset, so that a group exists.
func (s secured) makeGroup(t *testing.T, name string) {
	t.Helper()
	var to kadm.Offsets
	to.AddOffset(s.Config.Topic(schemas.TopicUpdates), 0, 0, -1)
	if err := s.adm.CommitAllOffsets(t.Context(), name, to); err != nil {
		t.Fatal(err)
	}
}

// testRefusedLater revokes rights of running clients. Their errors name the missing right.
func (s secured) testRefusedLater(t *testing.T) {
	a, _ := schemas.AccessOf("enrich")
	cfg := s.user(t, a)
	await(t, "enrich has its rights", func() bool { return check(t, cfg, "enrich") == nil })
	p, err := kafka.NewProducer(t.Context(), cfg, schemas.TopicRoutes, kafkatest.Log(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	g := cfg.Grants(a)[1]
	if g.Operation != kmsg.ACLOperationWrite || g.Name != cfg.Topic(schemas.TopicRoutes) {
		t.Fatalf("got %v, want WRITE on the routes", g)
	}
	if err := s.Deny(t.Context(), a.Name, g); err != nil {
		t.Fatal(err)
	}
	await(t, "it is taken away", func() bool { return check(t, cfg, "enrich") != nil })
	err = errors.Join(p.Produce(t.Context(), "ris/rrc00", []byte("a")), p.Flush(t.Context()))
	wantRefused(t, "writing without the right", err, "user enrich", "WRITE", "topic "+cfg.Topic(schemas.TopicRoutes), "kafka-acls.sh")
	if err := s.Allow(t.Context(), a.Name, g); err != nil {
		t.Fatal(err)
	}
	await(t, "it is given back", func() bool { return check(t, cfg, "enrich") == nil })
	if err := s.Deny(t.Context(), a.Name, cfg.Grants(a)[0]); err != nil {
		t.Fatal(err)
	}
	await(t, "it is taken away", func() bool { return check(t, cfg, "enrich") != nil })
	_, err = kafka.NewTransactions(t.Context(), cfg, "detect", "0", kafkatest.Log())
	wantRefused(t, "another stage's transactional id", err, "user enrich", "transactional id "+cfg.Group("detect")+".0")
}
