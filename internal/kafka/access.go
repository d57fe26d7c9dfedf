package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/schemas"
)

// Grant is one access rule: an operation that is permitted on a resource.
type Grant struct {
	Resource kmsg.ACLResourceType // topic, group or transactional id
	// Name is the full name, or a prefix of it if Prefixed is set.
	Name      string
	Prefixed  bool
	Operation kmsg.ACLOperation
}

// kinds holds the resources' names in sentences, and their options of kafka-acls.sh.
var kinds = map[kmsg.ACLResourceType]struct{ noun, option string }{
	kmsg.ACLResourceTypeTopic:           {"topic", "--topic"},
	kmsg.ACLResourceTypeGroup:           {"group", "--group"},
	kmsg.ACLResourceTypeTransactionalId: {"transactional id", "--transactional-id"},
}

// String returns for example WRITE on topic bgp.routes.v1.
func (g Grant) String() string { return g.operation() + " on " + g.resource() }

func (g Grant) operation() string { return strings.ToUpper(g.Operation.String()) }

func (g Grant) resource() string {
	name := g.Name
	if g.Prefixed {
		name += "*"
	}
	return kinds[g.Resource].noun + " " + name
}

// Grants returns the rules that a row of the table of rights needs for this configuration's
// dataset, in a fixed order. No rule is implied by another one: READ and WRITE imply DESCRIBE, and
// ALTER_CONFIGS implies DESCRIBE_CONFIGS.
func (c Config) Grants(a schemas.Access) []Grant {
	var out []Grant
	add := func(names []string, ops ...kmsg.ACLOperation) {
		for _, n := range names {
			for _, op := range ops {
				out = append(out, Grant{Resource: kmsg.ACLResourceTypeTopic, Name: c.Topic(n), Operation: op})
			}
		}
	}
	add(a.Read, kmsg.ACLOperationRead)
	add(a.Write, kmsg.ACLOperationWrite)
	add(a.Describe, kmsg.ACLOperationDescribe)
	add(a.Create, kmsg.ACLOperationCreate, kmsg.ACLOperationDescribe, kmsg.ACLOperationAlterConfigs)
	group := func(stage string, op kmsg.ACLOperation) {
		of, _ := schemas.AccessOf(stage)
		out = append(out, Grant{
			Resource: kmsg.ACLResourceTypeGroup, Name: c.Group(stage), Prefixed: of.Apart, Operation: op,
		})
	}
	if a.Group {
		group(a.Name, kmsg.ACLOperationRead)
	}
	for _, stage := range a.DescribeGroups {
		group(stage, kmsg.ACLOperationDescribe)
	}
	if a.Transactional {
		out = append(out, Grant{
			Resource: kmsg.ACLResourceTypeTransactionalId, Name: c.Group(a.Name), Prefixed: true,
			Operation: kmsg.ACLOperationWrite,
		})
	}
	return out
}

// Commands returns the commands that add grants for a principal, such as User:detect. There is one
// command for each resource, with all of its operations.
func Commands(bootstrap, principal string, grants []Grant) []string {
	var out []string
	for i := 0; i < len(grants); {
		g := grants[i]
		words := []string{
			"kafka-acls.sh --bootstrap-server", bootstrap,
			"--command-config admin.properties --add --allow-principal", principal,
		}
		for ; i < len(grants) && grants[i].Name == g.Name && grants[i].Resource == g.Resource; i++ {
			words = append(words, "--operation", pascal(grants[i].operation()))
		}
		words = append(words, kinds[g.Resource].option, g.Name)
		if g.Prefixed {
			words = append(words, "--resource-pattern-type prefixed")
		}
		out = append(out, strings.Join(words, " "))
	}
	return out
}

// pascal returns an operation in the spelling of Kafka's tools: ALTER_CONFIGS is AlterConfigs.
func pascal(operation string) string {
	var out strings.Builder
	for word := range strings.SplitSeq(strings.ToLower(operation), "_") {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}

// MissingError lists the rights that a stage needs but its client does not have.
type MissingError struct {
	Stage   string
	Brokers []string
	Client  string
	Missing []Grant
}

// Error names every missing right, and a command that prints the commands to grant them.
func (e *MissingError) Error() string {
	names := make([]string, len(e.Missing))
	for i, g := range e.Missing {
		names[i] = g.String()
	}
	return fmt.Sprintf(
		"Kafka at %s refuses %s what %s needs: %s. "+
			"`darkmap topics acls --stage %s --user NAME` prints the commands with which an administrator allows it.",
		strings.Join(e.Brokers, ", "), e.Client, e.Stage, strings.Join(names, "; "), e.Stage)
}

// CheckAccess asks the brokers whether they accept the client, and whether it has all the rights of
// a row of the table of rights (schemas.Accesses). It waits until ctx ends for brokers that do not
// answer. A rejection is a RefusedError or a MissingError. CheckAccess does not ask about topics
// and groups that do not exist yet. instance is the instance of the member, for stages that write
// in transactions.
func CheckAccess(ctx context.Context, cfg Config, a schemas.Access, instance string) error {
	if cfg.embedded || cfg.credentials != (Credentials{}) || len(cfg.Brokers) == 0 {
		return nil // a client with the embedded broker's password has every right
	}
	// The client makes few attempts, because attempts repeats them. It has no log, because the
	// error contains any rejection.
	log := slog.New(slog.DiscardHandler)
	cl, err := NewClient(cfg, log, kgo.RequestRetries(1))
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := attempts(ctx, cfg, func() (string, error) { return cfg.login(ctx, cl, log) }); err != nil {
		return err
	}
	return attempts(ctx, cfg, func() (string, error) {
		missing, err := missing(ctx, cl, cfg.Grants(a), cfg.transactionalID(a.Name, instance))
		if err == nil && len(missing) > 0 {
			err = &MissingError{Stage: a.Name, Brokers: cfg.Brokers, Client: cfg.client(), Missing: missing}
		}
		return strings.Join(cfg.Brokers, ", "), err
	})
}

// maxAttempts is the number of failed answers of reachable brokers after which attempts returns the
// error. attempts waits for brokers that are unreachable or not ready yet.
const maxAttempts = 7

// attempts calls try until it succeeds, is rejected, or ctx ends. try returns the broker that it
// asked.
func attempts(ctx context.Context, cfg Config, try func() (broker string, err error)) error {
	var wait retry.Backoff
	for failed := 0; ; {
		broker, err := try()
		if err == nil {
			return nil
		}
		if _, missing := errors.AsType[*MissingError](err); missing {
			return err
		}
		refused := cfg.refusedLogin(err, []string{broker})
		if _, ok := errors.AsType[*RefusedError](refused); ok {
			return refused
		}
		if op, ok := errors.AsType[*net.OpError](err); (!ok || op.Op != "dial") && !kerr.IsRetriable(err) {
			failed++
		}
		if failed == maxAttempts {
			return fmt.Errorf(
				"asking Kafka at %s for the permissions of %s: %w. "+
					"Check that kafka.tls.enabled and kafka.sasl match the settings of that port",
				broker, cfg.client(), err)
		}
		if err := wait.Wait(ctx); err != nil {
			return fmt.Errorf("waiting for Kafka: %w", err)
		}
	}
}

// login tries the seed brokers in turn. It returns nil if one accepts the client, else the error of
// the first broker that rejected it, or of the last one.
func (c Config) login(ctx context.Context, cl *kgo.Client, log *slog.Logger) (broker string, err error) {
	dialer, err := newTLSDialer(c.TLS, log)
	if err != nil {
		return "", err
	}
	for i, seed := range cl.SeedBrokers() {
		broker = c.Brokers[min(i, len(c.Brokers)-1)]
		if dialer != nil && c.TLS.CertFile != "" {
			if err = dialer.probe(ctx, broker); isAlert(err) {
				return broker, err
			}
		}
		req := kmsg.NewPtrMetadataRequest()
		req.Topics = []kmsg.MetadataRequestTopic{} // no topics; nil would request all
		if _, err = seed.Request(ctx, req); err == nil {
			return broker, nil
		}
		if c.refusedLogin(err, nil) != err { //nolint:errorlint // the same error means no rejection
			return broker, err
		}
	}
	return broker, err
}

// missing returns those of grants that the client does not have.
func missing(ctx context.Context, cl *kgo.Client, grants []Grant, transactional string) ([]Grant, error) {
	allowed, err := allowedTopics(ctx, cl, grants)
	if err != nil {
		return nil, err
	}
	adm := kadm.NewClient(cl)
	groups, err := allowedGroups(ctx, adm, grants)
	if err != nil {
		return nil, err
	}
	var out []Grant
	for _, g := range grants {
		var has bool
		switch g.Resource {
		case kmsg.ACLResourceTypeTopic:
			has = allowed[g.Name].includes(g.Operation)
		case kmsg.ACLResourceTypeGroup:
			has = groups[g.Name].includes(g.Operation)
		default:
			if has, err = allowedTransactions(ctx, adm, transactional); err != nil {
				return nil, err
			}
		}
		if !has {
			out = append(out, g)
		}
	}
	return out, nil
}

// operations lists the permitted operations on a resource. Without an answer of the broker all are
// permitted.
type operations struct {
	known bool
	list  []kmsg.ACLOperation
}

func (o operations) includes(op kmsg.ACLOperation) bool {
	return !o.known || slices.Contains(o.list, op)
}

// allowedTopics asks for the permitted operations on the topics of grants.
func allowedTopics(ctx context.Context, cl *kgo.Client, grants []Grant) (map[string]operations, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	for _, g := range grants {
		if g.Resource == kmsg.ACLResourceTypeTopic {
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = new(g.Name)
			req.Topics = append(req.Topics, topic)
		}
	}
	if len(req.Topics) == 0 {
		return nil, nil
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	out := map[string]operations{}
	for _, t := range resp.Topics {
		if t.Topic == nil {
			continue
		}
		switch err := kerr.ErrorForCode(t.ErrorCode); {
		case errors.Is(err, kerr.TopicAuthorizationFailed):
			out[*t.Topic] = operations{known: true}
		case err == nil:
			list := kadm.DecodeACLOperations(t.AuthorizedOperations)
			out[*t.Topic] = operations{len(list) > 0, list}
		}
	}
	return out, nil
}

// allowedGroups asks for the permitted operations on the groups of grants. It asks for one group at
// a time, because a broker does not find the coordinator of a group that the client may not
// describe.
func allowedGroups(ctx context.Context, adm *kadm.Client, grants []Grant) (map[string]operations, error) {
	out := map[string]operations{}
	for _, g := range grants {
		if g.Resource != kmsg.ACLResourceTypeGroup {
			continue
		}
		described, err := adm.DescribeGroups(ctx, g.Name)
		d := described[g.Name]
		switch err = cmp.Or(d.Err, err); {
		case errors.Is(err, kerr.GroupAuthorizationFailed):
			out[g.Name] = operations{known: true}
		case err == nil:
			out[g.Name] = operations{len(d.AuthorizedOperations) > 0, d.AuthorizedOperations}
		case errors.Is(err, kerr.GroupIDNotFound):
		default:
			return nil, err
		}
	}
	return out, nil
}

// allowedTransactions asks whether the client may describe the transactional id. WRITE implies that
// right.
func allowedTransactions(ctx context.Context, adm *kadm.Client, id string) (bool, error) {
	described, err := adm.DescribeTransactions(ctx, id)
	d := described[id]
	switch err = cmp.Or(d.Err, err); {
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return false, nil
	case err == nil || errors.Is(err, kerr.TransactionalIDNotFound):
		return true, nil
	}
	return false, err
}
