package bmp_test

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/bmp/bmptest"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/waittest"
)

var (
	hostileNoise       = flag.Duration("hostile.noise", 2*time.Second, "how long TestHostile sends random bytes")
	hostileConnections = flag.Int("hostile.connections", 1000, "connections that TestHostile opens at once")
)

// attack describes one connection of a hostile router. It ends when the station has closed the
// connection, or by itself.
type attack struct {
	name string
	do   func(c net.Conn)
	// refused is the reason in the log. Empty means that the station accepts the connection.
	refused string
	// from is the number of simultaneous routers. 0 means 30.
	from int
}

func say(c net.Conn, messages ...[]byte) bool {
	for _, m := range messages {
		if _, err := c.Write(m); err != nil {
			return false
		}
	}
	return true
}

// gone waits until the station has closed the connection.
func gone(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }

func sized(n uint32) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{3}, n), byte(wire.BMPInitiation))
}

// fat returns an UPDATE of 65535 octets with a single unknown attribute.
func fat() []byte {
	n := 65535 - wire.HeaderLength - 4 - 4
	body := append([]byte{0, 0, byte((n + 4) >> 8), byte(n + 4), 0xd0, 99, byte(n >> 8), byte(n)}, make([]byte, n)...)
	return wire.AppendMessage(nil, wire.MessageUpdate, body)
}

var attacks = []attack{
	{name: "silence", do: gone, refused: "first_message"},
	{name: "slow loris", do: func(c net.Conn) {
		m := bmptest.Initiation("slow")
		for i := range m[:len(m)-1] {
			if !say(c, m[i:i+1]) {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		gone(c)
	}, refused: "first_message"},
	{name: "slow loris in a session", do: func(c net.Conn) {
		say(c, bmptest.Initiation("slow"), sized(1000))
		for say(c, []byte{0}) {
			time.Sleep(20 * time.Millisecond)
		}
	}, refused: "framing"},
	{name: "length 0", do: func(c net.Conn) { say(c, sized(0)); gone(c) }, refused: "framing"},
	{name: "length 2^32-1", do: func(c net.Conn) { say(c, sized(1<<32-1), make([]byte, 1000)); gone(c) }, refused: "framing"},
	{name: "version 4", do: func(c net.Conn) { say(c, []byte{4, 0, 0, 0, 6, 4}); gone(c) }, refused: "version"},
	{name: "termination first", do: func(c net.Conn) { say(c, bmptest.Termination()); gone(c) }, refused: "first_message"},
	{name: "no BMP", do: func(c net.Conn) { say(c, []byte("GET / HTTP/1.1\r\nHost: station\r\n\r\n")); gone(c) }, refused: "version"},
	{name: "endless Initiation", do: func(c net.Conn) {
		for say(c, bmptest.Initiation(strings.Repeat("x", 60_000))) {
		}
	}, refused: "initiations"},
	{name: "attributes of 64 kB", do: func(c net.Conn) {
		p := bmptest.Neighbour(1)
		say(c, bmptest.Initiation("fat"), bmptest.PeerUp(p))
		for range 200 {
			say(c, bmptest.Monitoring(p, fat()))
		}
	}},
	{name: "half messages of 1 MiB", do: func(c net.Conn) {
		say(c, bmptest.Initiation("half"), sized(1<<20), make([]byte, 1<<20-10))
		gone(c)
	}, refused: "framing"},
	{name: "half messages of 1 MiB from many", from: 200, do: func(c net.Conn) {
		say(c, bmptest.Initiation("half"), sized(1<<20), make([]byte, 1<<20-10))
		gone(c)
	}, refused: "large_messages"},
	{name: "70,000 peers", from: 10, do: func(c net.Conn) {
		say(c, bmptest.Initiation("many"))
		for i := range 70_000 {
			p := bmptest.Neighbour(1)
			p.Distinguisher = uint64(i)
			if !say(c, bmptest.PeerUp(p)) {
				return
			}
		}
	}},
}

// noise sends random octets, alone, after a good beginning, or in place of a good message's octets.
func noise(c net.Conn, r *rand.Rand) {
	p := bmptest.Neighbour(1)
	if r.IntN(2) == 0 {
		say(c, bmptest.Initiation("noise"), bmptest.PeerUp(p))
	}
	for range 1 + r.IntN(50) {
		var m []byte
		switch r.IntN(3) {
		case 0:
			m = make([]byte, r.IntN(4000))
			for i := range m {
				m[i] = byte(r.Uint32())
			}
		case 1: // a frame of noise
			m = bmptest.Message(wire.BMPType(r.IntN(8)), make([]byte, 48+r.IntN(4000)))
			for i := wire.BMPHeaderLength; i < len(m); i++ {
				m[i] = byte(r.Uint32())
			}
		default: // a message with some octets changed
			m = bmptest.Monitoring(p, bmptest.Announce(bmptest.Route(r.IntN(1000)), p.ASN))
			for range 1 + r.IntN(4) {
				m[r.IntN(len(m))] = byte(r.Uint32())
			}
		}
		if !say(c, m) {
			return
		}
	}
}

func dial(station net.Addr, from string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	return d.Dial("tcp", station.String())
}

// memory returns the resident memory of a process in MB.
func memory(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatalf("the station is gone: %v", err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize() >> 20
}

// TestHostile checks that the station survives hostile peers and stays small, others are not
// affected, and each refusal is in the log, with address and reason. Some of them are summed up.
func TestHostile(t *testing.T) {
	dir := t.TempDir()
	j := job{Config: bmp.DefaultConfig(), Log: filepath.Join(dir, "log"), PID: filepath.Join(dir, "pid")}
	j.Config.InitiationTimeout, j.Config.MessageTimeout = time.Second, time.Second
	j.Config.Routers = []bmp.Router{{Address: quiet}, {Address: "127.0.3.0/24"}, {Address: "127.0.5.0/24"}}
	cfg := broker(t, 1)
	addr, _ := station(t, cfg, j)
	var pid int
	await(t, j.PID, 10*time.Second, &pid)
	p := bmptest.Neighbour(9)
	calm := bmptest.Dial(t, addr, quiet)
	calm.Say(bmptest.Initiation("calm"), bmptest.PeerUp(p))
	waittest.Until(t, 10*time.Second, "the calm router's session in the log", func() bool { return logged(t, j.Log, "address="+quiet+":") })
	idle := memory(t, pid)
	var over atomic.Bool
	var others sync.WaitGroup
	most := 0
	said := 0
	others.Go(func() { // ends with the attacks
		for !over.Load() {
			calm.Say(bmptest.Monitoring(p, bmptest.Announce(bmptest.Route(said), p.ASN)))
			said++
			most = max(most, memory(t, pid))
			time.Sleep(10 * time.Millisecond)
		}
	})
	for _, a := range attacks {
		a.run(t, addr, j.Log)
		t.Logf("%s: %d MB", a.name, memory(t, pid))
	}
	crowd(t, addr)
	t.Logf("%d connections: %d MB", *hostileConnections, memory(t, pid))
	n := hiss(addr)
	t.Logf("%d connections with random bytes: %d MB", n, memory(t, pid))
	over.Store(true)
	others.Wait()
	t.Logf("%d MB idle, at most %d MB", idle, most)
	if most > idle+200 && !raced {
		t.Errorf("%d MB idle, at most %d MB: want at most 200 more", idle, most)
	}
	waittest.Until(t, 20*time.Second, fmt.Sprintf("the calm router's %d messages in Kafka", said), func() bool {
		return count(t, cfg)["bmp/"+quiet] == said
	})
	log, err := os.ReadFile(j.Log)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(log), "address="+quiet+":"); n != 1 {
		t.Errorf("%d log lines of the calm router, want that of its session's begin", n)
	}
	t.Logf("the log has %d octets, %d lines", len(log), strings.Count(string(log), "\n"))
}

// run attacks from some addresses at once, and looks into the log.
func (a attack) run(t *testing.T, addr net.Addr, log string) {
	t.Helper()
	at := a.from
	if at == 0 {
		at = 30
	}
	var all sync.WaitGroup
	for i := range at {
		all.Go(func() { // ends with the attack
			c, err := dial(addr, fmt.Sprintf("127.0.3.%d", i+1))
			// while connections of the attack before are being closed, a surplus one may be closed
			// here
			for range 100 {
				if !errors.Is(err, syscall.ECONNRESET) {
					break
				}
				time.Sleep(50 * time.Millisecond)
				c, err = dial(addr, fmt.Sprintf("127.0.3.%d", i+1))
			}
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = c.Close() }() // the station may have
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			a.do(c)
		})
	}
	all.Wait()
	if a.refused == "" {
		return
	}
	waittest.Until(t, time.Minute, a.name+": a line in the log with the reason", func() bool {
		return logged(t, log, "address=127.0.3.", "reason="+a.refused+" ")
	})
}

// logged reports whether a line of the log holds all texts.
func logged(t *testing.T, log string, texts ...string) bool {
	t.Helper()
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			return true
		}
	}
	return false
}

// crowd opens many connections and keeps them, from unknown and from configured addresses.
func crowd(t *testing.T, addr net.Addr) {
	t.Helper()
	var open []net.Conn
	for i := range *hostileConnections {
		c, err := dial(addr, fmt.Sprintf("127.0.%d.%d", 4+i%2, 1+i/2%250))
		if err != nil {
			continue // the station closes strangers at once
		}
		open = append(open, c)
	}
	for _, c := range open {
		_ = c.Close()
	}
}

// hiss sends random bytes over many connections, one after the other.
func hiss(addr net.Addr) int64 {
	var n atomic.Int64
	var all sync.WaitGroup
	end := time.Now().Add(*hostileNoise)
	for i := range 8 {
		all.Go(func() { // ends with the time
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for time.Now().Before(end) {
				c, err := dial(addr, fmt.Sprintf("127.0.3.%d", 1+i))
				if err != nil {
					continue
				}
				n.Add(1)
				_ = c.SetDeadline(time.Now().Add(5 * time.Second))
				noise(c, r)
				_ = c.Close()
			}
		})
	}
	all.Wait()
	return n.Load()
}
