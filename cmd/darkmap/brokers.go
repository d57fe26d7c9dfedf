package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// printBrokers prints how other programs read the topics of the running instance, or of the
// configured brokers. It names the file of the password and prints no password.
func (g *globals) printBrokers(dataset string) error {
	cfg, running, err := g.reachKafka(dataset)
	if err != nil {
		return err
	}
	text := []string{
		"The configured Kafka.", "",
		"  brokers    " + strings.Join(cfg.Brokers, ", "),
		"  outages    " + outageTopics(cfg),
	}
	if running != nil && running.KafkaCredentials != (kafka.Credentials{}) {
		path, err := datadir.Path(g.DataDir)
		if err != nil {
			return err
		}
		text = embeddedBrokers(filepath.Join(path, "run.json"), running, cfg)
	}
	_, err = fmt.Fprintln(g.stdout, strings.Join(text, "\n"))
	return err
}

// outageTopics names the topics that hold outages.
func outageTopics(cfg kafka.Config) string {
	return "topic " + cfg.Topic(schemas.TopicOutagesJSON) + " (JSON) or " +
		cfg.Topic(schemas.TopicOutages) + " (Protocol Buffers)"
}

// embeddedBrokers returns the text on how to reach the embedded broker of the running instance.
func embeddedBrokers(runFile string, running *datadir.Run, cfg kafka.Config) []string {
	c := running.KafkaCredentials
	settings := `"bootstrap.servers=\(.kafka|join(","))\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=` +
		strings.ToUpper(c.Mechanism) +
		`\nsasl.username=\(.kafka_credentials.user)\nsasl.password=\(.kafka_credentials.password)"`
	return []string{
		fmt.Sprintf(
			"The embedded Kafka of darkmap %s (process %d), for programs of the same user on this machine.",
			running.Command, running.PID,
		), "",
		"  brokers    " + strings.Join(running.Kafka, ", "),
		"  mechanism  " + strings.ToUpper(c.Mechanism) + ", without TLS (SASL_PLAINTEXT)",
		"  user       " + c.User,
		"  password   kafka_credentials.password in " + runFile,
		"  outages    " + outageTopics(cfg),
		"",
		"kcat, or another program of librdkafka, reads them so (bash):",
		"  kcat -F <(jq -r '" + settings + "' " + shellWord(runFile) + ") -C -t " +
			cfg.Topic(schemas.TopicOutagesJSON),
		"Port and password change with every start.",
	}
}
