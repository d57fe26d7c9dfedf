package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/internal/apachekafka"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// describe writes configuration files that reach the cluster, and returns a text on their use. On a
// secure cluster each stage has a file and a user of its own, with the rights of its row in the
// table of rights.
func describe(ctx context.Context, c *apachekafka.Cluster, o apachekafka.Options) (string, error) {
	file, err := write(o.Dir, "darkmap", c.Config())
	if err != nil {
		return "", err
	}
	text := []string{
		"Kafka runs: " + strings.Join(c.Config().Brokers, ", ") +
			" (Ctrl-C ends it; its data stay in " + o.Dir + ")", "",
		"  darkmap topics apply --config " + file,
	}
	if !o.Secure {
		return strings.Join(append(text, "  darkmap detect --config "+file), "\n"), nil
	}
	for _, a := range schemas.Accesses {
		if err := c.AddUser(ctx, a.Name, c.Config().Grants(a)); err != nil {
			return "", err
		}
		if file, err = write(o.Dir, a.Name, c.As(a.Name)); err != nil {
			return "", err
		}
		if a.Name != schemas.AccessTopics && a.Name != schemas.AccessDeadLetter {
			text = append(text, "  darkmap "+a.Name+" --config "+file)
		}
	}
	text = append(text, "", "User "+apachekafka.AdminUser+
		" of the first file may do everything; each stage's user may do what that stage needs "+
		"(darkmap topics acls).")
	return strings.Join(text, "\n"), nil
}

// write writes a configuration file with the section kafka alone.
func write(dir, name string, cfg kafka.Config) (string, error) {
	path := filepath.Join(dir, name+".yaml")
	return path, os.WriteFile(path, []byte(section(cfg)), 0o600)
}

func section(cfg kafka.Config) string {
	text := "kafka:\n  brokers: [" + strings.Join(cfg.Brokers, ", ") +
		"]\n  replication_factor: " + strconv.Itoa(int(cfg.ReplicationFactor)) + "\n"
	if cfg.TLS.Enabled {
		text += "  tls: {enabled: true, ca_file: " + strconv.Quote(cfg.TLS.CAFile) + "}\n"
	}
	if cfg.SASL.Mechanism != "" {
		text += "  sasl: {mechanism: " + cfg.SASL.Mechanism + ", user: " + cfg.SASL.User +
			", password: {file: " + strconv.Quote(cfg.SASL.Password.File) + "}}\n"
	}
	return text
}
