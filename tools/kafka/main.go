// Command kafka runs an Apache Kafka out of Maven in the foreground, for `make kafka`: one broker
// or several, plain or secure. It prints the configuration files with which darkmap reaches it.
// Ctrl-C ends all brokers.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/darkmap/darkmap/internal/apachekafka"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kafka:", err)
		os.Exit(1) //nolint:forbidigo // main
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("kafka", flag.ContinueOnError)
	var o apachekafka.Options
	flags.IntVar(&o.Brokers, "brokers", 1, "how many brokers")
	flags.IntVar(&o.Port, "port", 19092, "the first broker's port on loopback; the others follow")
	flags.StringVar(&o.Dir, "dir", "", "where data, settings and secrets are kept")
	flags.IntVar(&o.HeapMB, "heap", 512, "the heap of each broker, in MiB")
	flags.BoolVar(&o.Secure, "secure", false, "ask for logins, and allow only what access rules allow")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	o.Dir = dir
	fmt.Fprintln(os.Stderr, "kafka: starting; the first start on a machine fetches 45 MB from Maven")
	cluster, err := apachekafka.Start(ctx, o)
	if err != nil {
		return err
	}
	text, err := describe(ctx, cluster, o)
	if err == nil {
		_, err = fmt.Println(text)
	}
	if err == nil {
		<-ctx.Done()
		fmt.Fprintln(os.Stderr, "kafka: ending the brokers")
	}
	cluster.Close()
	return err
}
