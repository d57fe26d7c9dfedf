package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// flags are the flags of the command line.
type flags struct {
	run, brokers, mechanism, user, passwordFile string
	tls                                         bool
	topic, group, dataset, state                string
	untilEnd                                    bool
}

func parse(args []string) (flags, error) {
	var f flags
	set := flag.NewFlagSet("consumer", flag.ContinueOnError)
	set.StringVar(&f.run, "run", defaultRun(), "run.json of a darkmap that has a Kafka of its own")
	set.StringVar(&f.brokers, "brokers", "", "brokers of a cluster, HOST:PORT,...; then run.json is not read")
	set.StringVar(&f.mechanism, "mechanism", "", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty is no password")
	set.StringVar(&f.user, "user", "", "user of the cluster")
	set.StringVar(&f.passwordFile, "password-file", "", "file with the user's password")
	set.BoolVar(&f.tls, "tls", false, "encrypt connections to the cluster")
	set.StringVar(
		&f.topic, "topic", "bgp.outages.json.v1",
		"the topic, with the prefix and dataset that darkmap feeds --print-connection says",
	)
	set.StringVar(
		&f.group, "group", "outage-alerts-go", "the consumer group, whose offsets say how far all is handled",
	)
	set.StringVar(&f.dataset, "dataset", "live", "the dataset that alerts are about; others are passed over")
	set.StringVar(&f.state, "state", "outages-go.json", "file with what people were told")
	set.BoolVar(&f.untilEnd, "until-end", false, "end when all that is there has been handled")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	if set.NArg() > 0 {
		return f, fmt.Errorf("too many arguments: %v", set.Args())
	}
	return f, nil
}

// defaultRun returns the path of run.json in darkmap's default data directory.
func defaultRun() string {
	home := os.Getenv("XDG_STATE_HOME")
	if home == "" {
		home = filepath.Join(os.Getenv("HOME"), ".local", "state")
	}
	return filepath.Join(home, "darkmap", "run.json")
}

// connection holds the addresses of the brokers and the login.
type connection struct {
	brokers, mechanism, user, password string
	tls                                bool
}

// connection returns the connection that the flags describe. darkmap's own Kafka has another port
// and password after each start, so run.json is read again and again.
func (f flags) connection() (connection, error) {
	if f.brokers != "" {
		c := connection{brokers: f.brokers, mechanism: strings.ToUpper(f.mechanism), user: f.user, tls: f.tls}
		if f.passwordFile != "" {
			b, err := os.ReadFile(f.passwordFile)
			if err != nil {
				return c, fmt.Errorf("reading the password: %w", err)
			}
			c.password = strings.TrimRight(string(b), "\r\n")
		}
		return c, nil
	}
	var run struct {
		Kafka       []string
		Credentials struct{ Mechanism, User, Password string } `json:"kafka_credentials"`
	}
	b, err := os.ReadFile(f.run)
	if err == nil {
		err = json.Unmarshal(b, &run)
	}
	if err == nil && len(run.Kafka) == 0 {
		err = errors.New("what runs there has no Kafka of its own")
	}
	if err != nil {
		return connection{}, fmt.Errorf("reading where Kafka is: %w", err)
	}
	return connection{
		brokers: strings.Join(run.Kafka, ","), mechanism: strings.ToUpper(run.Credentials.Mechanism),
		user: run.Credentials.User, password: run.Credentials.Password,
	}, nil
}

// options returns the options of the client.
func (c connection) options() ([]kgo.Opt, error) {
	opts := []kgo.Opt{kgo.SeedBrokers(strings.Split(c.brokers, ",")...)}
	if c.tls {
		opts = append(opts, kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	var m sasl.Mechanism
	switch c.mechanism {
	case "":
		return opts, nil
	case "PLAIN":
		m = plain.Auth{User: c.user, Pass: c.password}.AsMechanism()
	case "SCRAM-SHA-256":
		m = scram.Auth{User: c.user, Pass: c.password}.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		m = scram.Auth{User: c.user, Pass: c.password}.AsSha512Mechanism()
	default:
		return nil, fmt.Errorf("mechanism %s: it is none of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512", c.mechanism)
	}
	return append(opts, kgo.SASL(m)), nil
}
