package kafka_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// strangers lists clients that the embedded broker must reject.
func strangers(t *testing.T, cfg kafka.Config, old kafka.Credentials) map[string]kafka.Config {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(cfg.Credentials().Password), 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := cfg.Credentials()
	wrong.Password = "wrong"
	nobody := cfg.Credentials()
	nobody.User = "nobody"
	plain := cfg.Through(cfg.Brokers, kafka.Credentials{}) // the right password, in clear
	plain.SASL = kafka.SASL{Mechanism: "plain", User: cfg.Credentials().User, Password: config.Secret{File: password}}
	configured := plain
	configured.SASL.Mechanism, configured.SASL.User = "scram-sha-256", "nobody"
	out := map[string]kafka.Config{
		"without credentials": cfg.Through(cfg.Brokers, kafka.Credentials{}), "wrong password": cfg.Through(cfg.Brokers, wrong),
		"unknown user": cfg.Through(cfg.Brokers, nobody), "password in clear": plain, "configured": configured,
	}
	if old != (kafka.Credentials{}) {
		out["password of an earlier start"] = cfg.Through(cfg.Brokers, old)
	}
	return out
}

// refused tries the requests of a stranger: list, produce, delete.
func refused(t *testing.T, name string, cfg kafka.Config) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cl, err := kafka.NewClient(cfg, kafkatest.Log(), kgo.RequestRetries(3), kgo.RetryTimeout(3*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	_, list := adm.ListTopics(ctx)
	_, remove := adm.DeleteTopics(ctx, schemas.TopicOutages)
	limited, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	produce := cl.ProduceSync(limited, &kgo.Record{Topic: schemas.TopicOutages, Value: []byte("forged")}).FirstErr()
	for what, err := range map[string]error{"listing topics": list, "deleting a topic": remove, "producing": produce} {
		if err == nil {
			t.Errorf("%s: %s was served", name, what)
		}
	}
	if cfg.Credentials() != (kafka.Credentials{}) || cfg.SASL.Mechanism == "scram-sha-256" {
		if !errors.Is(list, kerr.SaslAuthenticationFailed) {
			t.Errorf("%s: got %v, want %v", name, list, kerr.SaslAuthenticationFailed)
		}
	}
}

// TestAuthentication: the embedded broker serves only clients with its password. The password
// changes at every start, also on the folder of an earlier start.
func TestAuthentication(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "kafka")
	var old kafka.Credentials
	for range 2 {
		b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		cfg := b.Use(kafka.DefaultConfig())
		if _, err := kafka.Apply(t.Context(), cfg, kafkatest.Log(), schemas.Topics); err != nil {
			t.Fatal(err)
		}
		kafkatest.Produce(t, cfg, schemas.TopicUpdates, "ris/rrc00", []byte("a"))
		for name, c := range strangers(t, cfg, old) {
			refused(t, name, c)
		}
		if got := kafkatest.Read(t, cfg, schemas.TopicOutages); len(got) > 0 {
			t.Errorf("got %d outages, want none", len(got))
		}
		if cfg.Credentials() == old {
			t.Error("the password is that of the earlier start")
		}
		old = cfg.Credentials()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("the folder has mode %v, want 0700", info.Mode().Perm())
		}
	}
}

// TestUnauthenticated: the answers to a client without a login reveal nothing of the broker's data.
func TestUnauthenticated(t *testing.T) {
	t.Parallel()
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // in memory
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		req := kmsg.RequestForKey(key)
		if req == nil || key == int16(kmsg.ApiVersions) || key == int16(kmsg.SASLHandshake) {
			continue
		}
		cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...), kgo.RequestRetries(0), kgo.RetryTimeout(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := cl.Broker(0).Request(t.Context(), req)
		if seeds := cl.SeedBrokers(); err != nil && len(seeds) > 0 {
			resp, err = seeds[0].Request(t.Context(), req)
		}
		auth, ok := resp.(*kmsg.SASLAuthenticateResponse)
		if refused := ok && auth.ErrorCode == kerr.SaslAuthenticationFailed.Code; err == nil && !refused {
			t.Errorf("request %d (%s) was answered: %v", key, kmsg.NameForKey(key), resp)
		}
		cl.Close()
	}
}

// TestCredentialsHidden: a password appears only where it is needed.
func TestCredentialsHidden(t *testing.T) {
	t.Parallel()
	c := kafka.Credentials{Mechanism: "scram-sha-256", User: "darkmap", Password: "geheim"}
	if got := fmt.Sprintf("%v %+v %#v %s", c, c, c, c.LogValue()); strings.Contains(got, c.Password) {
		t.Errorf("%q shows the password", got)
	}
	var back kafka.Credentials
	if b, err := json.Marshal(c); err != nil || json.Unmarshal(b, &back) != nil || back != c {
		t.Errorf("got %v (%v) back", back, err)
	}
}
