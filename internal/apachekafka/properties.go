package apachekafka

import (
	"fmt"
	"path/filepath"
	"strings"
)

// properties returns the settings of broker i, from 0.
func (c *Cluster) properties(i int) []string {
	o, at := c.options, c.ports[i]
	replicas, insync := min(3, o.Brokers), min(2, o.Brokers)
	voters := make([]string, len(c.ports))
	for n, p := range c.ports {
		voters[n] = fmt.Sprintf("%d@%s", n+1, p.controller)
	}
	p := []string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", i+1),
		"controller.quorum.voters=" + strings.Join(voters, ","),
		"controller.listener.names=CONTROLLER",
		"log.dirs=" + c.path(i, "data"),
		fmt.Sprintf("default.replication.factor=%d", replicas),
		fmt.Sprintf("min.insync.replicas=%d", insync),
		fmt.Sprintf("offsets.topic.replication.factor=%d", replicas),
		"offsets.topic.num.partitions=4",
		fmt.Sprintf("transaction.state.log.replication.factor=%d", replicas),
		fmt.Sprintf("transaction.state.log.min.isr=%d", insync),
		"transaction.state.log.num.partitions=4",
		fmt.Sprintf("share.coordinator.state.topic.replication.factor=%d", replicas),
		fmt.Sprintf("share.coordinator.state.topic.min.isr=%d", insync),
		"group.initial.rebalance.delay.ms=0",
		"auto.create.topics.enable=false",
		// The partitions of a killed broker move after this time.
		"broker.session.timeout.ms=6000",
		// Part of the heap; the default is half of a small heap.
		"log.cleaner.dedupe.buffer.size=16777216",
		"num.network.threads=2", "num.io.threads=4", "background.threads=4",
	}
	if o.Secure {
		return append(p, c.secureProperties(i)...)
	}
	return append(p,
		"listeners=PLAINTEXT://"+at.client+",CONTROLLER://"+at.controller,
		"advertised.listeners=PLAINTEXT://"+at.client,
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
	)
}

// secureProperties returns the settings of a broker that requires logins. Brokers authenticate to
// each other with their certificates.
func (c *Cluster) secureProperties(i int) []string {
	at := c.ports[i]
	return []string{
		"listeners=LOGIN://" + at.client + ",CERTIFICATE://" + at.certificate + ",CONTROLLER://" + at.controller,
		"advertised.listeners=LOGIN://" + at.client + ",CERTIFICATE://" + at.certificate,
		"listener.security.protocol.map=LOGIN:SASL_SSL,CERTIFICATE:SSL,CONTROLLER:SSL",
		"inter.broker.listener.name=CERTIFICATE",
		"sasl.enabled.mechanisms=SCRAM-SHA-512",
		"listener.name.login.scram-sha-512.sasl.jaas.config=" +
			"org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"listener.name.certificate.ssl.client.auth=required",
		"listener.name.controller.ssl.client.auth=required",
		"ssl.keystore.type=PEM",
		"ssl.keystore.location=" + c.secret("broker.pem"),
		"ssl.truststore.type=PEM",
		"ssl.truststore.location=" + c.secret("ca.crt"),
		"ssl.principal.mapping.rules=RULE:^CN=([^,]+).*$/$1/,DEFAULT",
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"allow.everyone.if.no.acl.found=false",
		"super.users=User:" + brokerUser + ";User:" + AdminUser,
	}
}

// logging returns the settings of a broker's log.
func (c *Cluster) logging() string {
	level := "info" // refusals
	if c.options.Audit {
		level = "debug"
	}
	return `rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1} %m%n
logger.authorizer.name = kafka.authorizer.logger
logger.authorizer.level = ` + level + "\n"
}

// path returns the path of a file of broker i.
func (c *Cluster) path(i int, name string) string {
	return filepath.Join(c.options.Dir, fmt.Sprintf("broker-%d", i+1), name)
}

// secret returns the path of a file with a certificate, a key or a password.
func (c *Cluster) secret(name string) string { return filepath.Join(c.options.Dir, "secrets", name) }
