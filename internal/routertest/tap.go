package routertest

import (
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// tapPause is the time for which a router's connection stays open if the station does not listen,
// because GoBGP reconnects at once.
const tapPause = 500 * time.Millisecond

// Tap relays the BMP connections between the routers of a lab and their station. It passes every
// octet on and counts the withdrawals that each router sent: the station is not at fault for those.
type Tap struct {
	// Port is the port to which the routers connect.
	Port int

	tb      testing.TB
	ln      net.Listener
	station string
	lab     *Lab // set before the routers start to connect

	mu        sync.Mutex
	ended     bool
	conns     map[net.Conn]bool
	withdrawn map[string]int // by historyKey
	serving   sync.WaitGroup
}

// NewTap listens for routers. For each it connects to a station on a loopback port, from the
// address Tap.Address. It ends with the test.
func NewTap(tb testing.TB, station int) *Tap {
	tb.Helper()
	ln, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", ":0")
	if err != nil {
		tb.Fatal(err)
	}
	t := &Tap{
		tb: tb, ln: ln, Port: ln.Addr().(*net.TCPAddr).Port,
		station: net.JoinHostPort("127.0.0.1", strconv.Itoa(station)),
		conns:   map[net.Conn]bool{}, withdrawn: map[string]int{},
	}
	tb.Cleanup(t.close)
	return t
}

// Address returns the source address of a router's session at the station.
func (*Tap) Address(r *Router) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 0, 1, byte(r.index + 1)})
}

// Watch starts to accept the connections of a lab's routers.
func (t *Tap) Watch(l *Lab) {
	t.lab = l
	t.serving.Go(func() { // ends with the listener
		for {
			conn, err := t.ln.Accept()
			if err != nil {
				return
			}
			if t.keep(conn) {
				t.serving.Go(func() { t.serve(conn) }) // ends with the connection
			}
		}
	})
}

// keep records a connection, which is closed at the end of the tap. It returns false if the tap has
// ended already.
func (t *Tap) keep(conn net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		_ = conn.Close()
		return false
	}
	t.conns[conn] = true
	return true
}

func (t *Tap) drop(conn net.Conn) {
	_ = conn.Close() // the other end sees it
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, conn)
}

func (t *Tap) close() {
	_ = t.ln.Close()
	t.mu.Lock()
	t.ended = true
	for conn := range t.conns {
		_ = conn.Close()
	}
	t.mu.Unlock()
	t.serving.Wait()
}

// serve relays a router's connection, and closes one side when the other ends.
func (t *Tap) serve(conn net.Conn) {
	defer t.drop(conn)
	from := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	for _, r := range t.lab.Routers {
		if r.Address != from {
			continue
		}
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(t.Address(r), 0))}
		up, err := d.Dial("tcp", t.station)
		if err != nil {
			<-time.After(tapPause)
			return
		}
		if !t.keep(up) {
			return
		}
		t.serving.Go(func() { // ends with the station's end of the connection
			_, _ = io.Copy(io.Discard, up) // a station sends nothing
			_ = conn.Close()
		})
		t.count(r, io.TeeReader(conn, up))
		t.drop(up)
		return
	}
}

// count reads a router's messages up to the end.
func (t *Tap) count(r *Router, octets io.Reader) {
	messages := wire.NewBMPReader(octets)
	var session wire.BMPSession
	var m wire.BMPMessage
	var d wire.Decoder
	for {
		raw, err := messages.Next()
		if err != nil {
			return
		}
		if session.Decode(raw, &m) != nil || m.Type != wire.BMPRouteMonitoring {
			continue
		}
		_, body, err := wire.SplitMessage(m.Update)
		if err != nil {
			continue
		}
		u, err := d.DecodeUpdate(body, m.Options)
		if err != nil || u.TreatAsWithdraw {
			continue
		}
		t.mu.Lock()
		for _, n := range u.Withdrawn {
			t.withdrawn[historyKey("bmp/"+r.Name, m.Peer.Peer.Address, n.Prefix)]++
		}
		t.mu.Unlock()
	}
}

// sent returns the number of times that a router withdrew a prefix of a peer, by historyKey.
func (t *Tap) sent(key string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.withdrawn[key]
}
