package hosts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// queryTimeout bounds one question to one server. attempts is how often each server is asked.
	queryTimeout = 3 * time.Second
	attempts     = 2
	// maxQueries bounds the questions about one host. hostTimeout bounds their time.
	maxQueries  = 80
	hostTimeout = 40 * time.Second
	// udpOctets is the largest answer requested over UDP. A larger one might be fragmented, and
	// fragments get lost. TCP carries larger answers.
	udpOctets = 1232
)

// problemError is the reason why there is no answer, in words that are the same each time.
type problemError string

func (e problemError) Error() string { return string(e) }

// The reasons for having no addresses.
const (
	errNoServer  = problemError("no DNS server is known: name one in watch_dns.servers")
	errNoAnswer  = problemError("no answer from the DNS servers")
	errFailed    = problemError("the name servers of the zone gave no answer (SERVFAIL)")
	errRefused   = problemError("the DNS servers refused to answer")
	errNoName    = problemError("there is no such name (NXDOMAIN)")
	errNone      = problemError("the name has no addresses")
	errLocal     = problemError("the name has only addresses that no route leads to, such as 127.0.0.1")
	errLoop      = problemError("its aliases (CNAME) form a loop")
	errLong      = problemError("it has more than 8 aliases (CNAME) in a row")
	errMalformed = problemError("the answer of the DNS servers cannot be read")
	errQuestions = problemError("it takes more than 80 questions to the DNS servers")
)

// asking is the work on one host. It belongs to one goroutine.
type asking struct {
	servers []string
	left    int // questions that are left
}

// ask asks the servers in turn. The returned message repeats the question, and its code is NOERROR
// or NXDOMAIN. The error is a problemError.
func (a *asking) ask(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	if len(a.servers) == 0 {
		return nil, errNoServer
	}
	why := errNoAnswer
	for range attempts {
		for _, server := range a.servers {
			if a.left--; a.left < 0 {
				return nil, errQuestions
			}
			msg, err := question(ctx, "udp", server, name, kind)
			if err == nil && msg.Truncated {
				msg, err = question(ctx, "tcp", server, name, kind)
			}
			switch {
			case ctx.Err() != nil:
				return nil, errNoAnswer
			case err != nil:
				if isMalformed(err) {
					why = errMalformed
				}
			case msg.Rcode == dns.RcodeSuccess || msg.Rcode == dns.RcodeNameError:
				return msg, nil
			case msg.Rcode == dns.RcodeRefused:
				why = errRefused
			default:
				why = errFailed
			}
		}
	}
	return nil, why
}

// isMalformed reports whether err is an invalid answer, and not an error of the network.
func isMalformed(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return !network
}

// question asks one server once. The error is that of the network, or reports an invalid answer.
func question(ctx context.Context, network, server, name string, kind uint16) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	q.SetEdns0(udpOctets, false)
	client := dns.Client{Net: network, Timeout: queryTimeout}
	conn, err := client.DialContext(ctx, server)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", server, err)
	}
	defer conn.Close() //nolint:errcheck // only a question
	// the library heeds only the deadline
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	msg, _, err := client.ExchangeWithConnContext(ctx, q, conn)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", server, err)
	}
	if !msg.Response || len(msg.Question) != 1 || msg.Question[0].Qtype != kind ||
		!strings.EqualFold(msg.Question[0].Name, dns.Fqdn(name)) {
		return nil, errMalformed
	}
	return msg, nil
}

// systemServers returns the servers of a file in the form of resolv.conf(5). It returns none if it
// cannot read the file.
func systemServers(file string) []string {
	c, err := dns.ClientConfigFromFile(file)
	if err != nil {
		return nil
	}
	servers := make([]string, 0, len(c.Servers))
	for _, s := range c.Servers {
		servers = append(servers, net.JoinHostPort(s, c.Port))
	}
	return slices.Clip(servers[:min(len(servers), maxServers)])
}

// maxServers bounds the servers of resolv.conf. The system's own resolver asks three.
const maxServers = 3
