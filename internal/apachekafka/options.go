package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Options configure a cluster.
type Options struct {
	// Dir holds data, settings and secrets. A cluster that is started again with it keeps its data.
	Dir string
	// Brokers is the number of brokers; 0 is 1.
	Brokers int
	// Port is the first port on loopback; 0 takes free ports. Broker i, from 0, listens on Port+i
	// for clients, on Port+100+i for clients with a certificate (secure clusters), on Port+200+i as
	// controller.
	Port int
	// HeapMB bounds the heap of each broker's Java process, in MiB; 0 is 512.
	HeapMB int
	// Secure requires a login (SCRAM-SHA-512 over TLS on one port, a certificate on the other), and
	// allows only operations with an access rule (StandardAuthorizer).
	Secure bool
	// Audit also logs operations that access rules allow. Without it only refusals are logged.
	Audit bool
}

// mostBrokers bounds Options.Brokers, because the ports of brokers must not overlap.
const mostBrokers = 9

func (o *Options) check() error {
	if o.Brokers == 0 {
		o.Brokers = 1
	}
	if o.HeapMB == 0 {
		o.HeapMB = 512
	}
	switch {
	case o.Dir == "":
		return errors.New("starting Kafka: no folder is given")
	case o.Brokers < 1 || o.Brokers > mostBrokers:
		return fmt.Errorf("starting Kafka: %d brokers: 1 to %d are possible", o.Brokers, mostBrokers)
	case o.Port < 0 || o.Port > 65_000:
		return fmt.Errorf("starting Kafka: port %d: want 0 (free ports) to 65000", o.Port)
	}
	return nil
}

// ports are the addresses of one broker.
type ports struct {
	client, certificate, controller string
}

// addresses selects the ports of all brokers.
func (o *Options) addresses(ctx context.Context) ([]ports, error) {
	out := make([]ports, o.Brokers)
	for i := range out {
		for kind, at := range []*string{&out[i].client, &out[i].certificate, &out[i].controller} {
			port := 0
			if o.Port > 0 {
				port = o.Port + 100*kind + i
			}
			free, err := freePort(ctx, port)
			if err != nil {
				return nil, fmt.Errorf("starting Kafka: %w", err)
			}
			*at = free
		}
	}
	return out, nil
}

// freePort returns the loopback address of a port that is free now; 0 is any port.
func freePort(ctx context.Context, port int) (string, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return "", err
	}
	defer func() { _ = ln.Close() }() // the port is known
	return ln.Addr().String(), nil
}
