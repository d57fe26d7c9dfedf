package panel

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
)

const dawn = int64(1_400_000_400) // a full hour

// crowd is a panel of sessions with table sizes that a test sets.
type crowd struct {
	*Panel
	sizes []int
	now   int64
}

// newCrowd returns n sessions with whole tables, an AS each, on three collectors.
func newCrowd(cfg Config, n int) *crowd {
	c := &crowd{Panel: New(cfg, bgp.IPv4), now: dawn}
	for i := range n {
		c.join(bgp.ASN(100+i), 1000)
		c.Session(i).Complete = true
	}
	return c
}

func (c *crowd) join(asn bgp.ASN, size int) *Session {
	i := len(c.sizes)
	s := &Session{Key: bgp.PeerKey{Collector: fmt.Sprint("c", i%3), Peer: bgp.Peer{ASN: asn, Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})}}, Up: true, Since: c.now, LastHeard: c.now}
	c.Add(i, s)
	c.sizes = append(c.sizes, size)
	return s
}

func (c *crowd) close(seconds int64) (decided, changed bool) {
	c.now += seconds
	return c.Close(c.now, func(s int) int { return c.sizes[s] })
}

func (c *crowd) reasons() map[Reason]int {
	out := map[Reason]int{}
	for _, p := range c.Statuses(c.now) {
		if p.Votes != (p.Reason == "") {
			out["contradiction"]++
		}
		out[p.Reason]++
	}
	return out
}

// with returns the default configuration with a change.
func with(change func(*Config)) Config {
	c := DefaultConfig()
	change(&c)
	return c
}

func TestValidate(t *testing.T) {
	t.Parallel()
	if c := DefaultConfig(); config.Validate(&c) != nil {
		t.Errorf("defaults: %v", config.Validate(&c))
	}
	for want, change := range map[string]func(*Config){
		"min_voters: got 2, want at least 3":                                  func(c *Config) { c.MinVoters = LeastVoters - 1 },
		"min_collectors: got -1, want at least 1":                             func(c *Config) { c.MinCollectors = -1 },
		"full_feed_out_permille: got 800, want at most full_feed_in_permille": func(c *Config) { c.FullFeedOutPermille = 800 },
		"floor_ipv4: got -1, want at least 1, or off":                         func(c *Config) { c.FloorIPv4 = -1 },
		"decide_interval: got 1m30s, want at least 1m, whole minutes":         func(c *Config) { c.DecideInterval = 90 * time.Second },
		"silent_timeout: got 100ms, want at least 1s, whole seconds, or off":  func(c *Config) { c.SilentTimeout = config.DurationOrOff(100 * time.Millisecond) },
	} {
		c := with(change)
		if err := config.Validate(&c); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestFullFeed: a peer becomes a full feed at 75 % of the 95th percentile and stops being one below
// 70 %. Quarter hours decide.
func TestFullFeed(t *testing.T) {
	t.Parallel()
	c := newCrowd(DefaultConfig(), 21)
	c.sizes[20] = 749
	if decided, _ := c.close(60); !decided || c.Knowledge() != bgp.TablesComplete || c.Voters().N != 20 || c.Voters().Collectors != 3 {
		t.Fatalf("got %d voters on %d collectors, %v", c.Voters().N, c.Voters().Collectors, c.Knowledge())
	}
	c.sizes[20] = 750
	if decided, changed := c.close(60); decided || changed {
		t.Error("decided between quarter hours")
	}
	c.close(900 - 120)
	if c.Voters().N != 21 {
		t.Errorf("at 750 of 1000: %d voters, want 21", c.Voters().N)
	}
	c.sizes[20] = 700
	if c.close(900); c.Voters().N != 21 {
		t.Errorf("at 700 of 1000: %d voters, want 21", c.Voters().N)
	}
	c.sizes[20] = 699
	if c.close(900); c.Voters().N != 20 {
		t.Errorf("at 699 of 1000: %d voters, want 20", c.Voters().N)
	}
	if diff := cmp.Diff(map[Reason]int{"": 20, Partial: 1}, c.reasons()); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

func TestFloor(t *testing.T) {
	t.Parallel()
	c := newCrowd(with(func(c *Config) { c.FloorIPv4 = 1001 }), 30)
	if c.close(900); c.Verdicts() {
		t.Error("verdicts from tables below the floor")
	}
}

// TestTooFew: below 20 ASNs on 3 collectors there is no verdict.
func TestTooFew(t *testing.T) {
	t.Parallel()
	c := newCrowd(DefaultConfig(), 20)
	c.close(60)
	if !c.Verdicts() {
		t.Fatal("20 voters: no verdicts")
	}
	c.Session(7).PeerDown()
	if _, changed := c.close(60); !changed || c.Verdicts() || c.Voters().N != 19 {
		t.Errorf("19 voters: verdicts %v", c.Verdicts())
	}
}

// TestOneVotePerASN: two sessions of an AS make one voter, the third does not vote.
func TestOneVotePerASN(t *testing.T) {
	t.Parallel()
	c := newCrowd(with(func(c *Config) { c.MinVoters = 3 }), 5)
	for range 2 {
		c.join(100, 1000).Complete = true
	}
	c.close(900)
	if c.Voters().N != 5 {
		t.Errorf("%d voters, want 5", c.Voters().N)
	}
	if diff := cmp.Diff(map[Reason]int{"": 6, SecondFeed: 1}, c.reasons()); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	second := -1
	for slot := 5; slot < 7; slot++ {
		if c.Voters().Votes(slot) {
			second = slot
		}
	}
	for _, tt := range []struct {
		slots []int
		want  int
	}{{[]int{0}, 1}, {[]int{second}, 1}, {[]int{0, second}, 1}, {[]int{0, 1, second}, 2}, {nil, 0}} {
		b := make([]uint64, 1)
		for _, s := range tt.slots {
			setBit(b, s)
		}
		if got := c.Voters().Count(b); got != tt.want {
			t.Errorf("slots %v count %d, want %d", tt.slots, got, tt.want)
		}
	}
}

// TestTransfer: a peer that came up votes after End-of-RIB or ten minutes, not before. It stays a
// member meanwhile.
func TestTransfer(t *testing.T) {
	t.Parallel()
	for _, eor := range []bool{true, false} {
		c := newCrowd(with(func(c *Config) { c.MinVoters = 3 }), 10)
		c.close(900)
		s := c.Session(4)
		s.PeerDown()
		c.sizes[4] = 0
		if c.close(60); c.Voters().N != 9 {
			t.Fatalf("down: %d voters, want 9", c.Voters().N)
		}
		s.PeerUp(c.now, 600)
		c.close(840 - 60)
		c.sizes[4] = 500
		want := 10
		if eor {
			s.EndOfRIB()
			c.sizes[4] = 1000
		}
		if c.close(60); !eor {
			c.sizes[4] = 1000
			if c.Voters().N != 9 {
				t.Errorf("half a table after ten minutes: %d voters, want 9", c.Voters().N)
			}
			c.close(900)
		}
		if c.Voters().N != want {
			t.Errorf("End-of-RIB %v: %d voters, want %d", eor, c.Voters().N, want)
		}
	}
}

// TestBurst: a table sent without a state message is a transfer. The same prefixes over and over,
// prefixes that were known, or many withdrawals, are none.
func TestBurst(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                    string
		announced, of, withdraw int
		known                   bool // before the burst
		learned                 bool
		want                    bool
	}{
		{"a table", 1500, 1500, 3, false, false, true},
		{"path exploration", 6000, 300, 0, false, false, false},
		{"some new prefixes", 300, 300, 0, false, false, false},
		{"the end of an outage, or the table again", 1500, 1500, 0, true, false, false},
		{"with withdrawals", 1500, 1500, 200, false, false, false},
		{"learned, small", 1500, 1500, 0, false, true, false},
		{"learned, whole", 12_000, 12_000, 0, false, true, true},
	} {
		c := newCrowd(with(func(c *Config) { c.MinVoters = 3 }), 10)
		c.close(900)
		s := c.Session(4)
		s.Complete = !tt.learned
		for i := range tt.announced {
			s.Announced(uint32(i%tt.of), !tt.known && i < tt.of)
		}
		for range tt.withdraw {
			s.Withdrew()
		}
		c.close(60)
		if got := c.reasons()[Transferring] == 1; got != tt.want {
			t.Errorf("%s: transferring %v, want %v", tt.name, got, tt.want)
		}
		if c.close(600); c.reasons()[Transferring] != 0 {
			t.Errorf("%s: still transferring after ten minutes", tt.name)
		}
	}
}

// TestEndOfRIBInTheMinuteOfItsTable: End-of-RIB ends the transfer of a table of any size that came
// in the same minute, with and without a Peer Up before, and the peer votes.
func TestEndOfRIBInTheMinuteOfItsTable(t *testing.T) {
	t.Parallel()
	for _, up := range []bool{true, false} {
		c := newCrowd(with(func(c *Config) { c.MinVoters = 3 }), 10)
		c.close(900)
		s := c.Session(4)
		if up {
			s.PeerUp(c.now, 600)
		}
		for i := range 1000 {
			s.Announced(uint32(i), true)
		}
		s.EndOfRIB()
		for range 3 {
			if c.close(60); !c.Voters().Votes(4) {
				t.Errorf("Peer Up %v: it does not vote: %v", up, c.reasons())
			}
		}
	}
}

// TestLearned: without tables all peers vote from the first message on. While tables are on their
// way, none does.
func TestLearned(t *testing.T) {
	t.Parallel()
	c := &crowd{Panel: New(with(func(c *Config) { c.MinVoters, c.MinCollectors = 3, 1 }), bgp.IPv4), now: dawn}
	for i := range 4 {
		c.join(bgp.ASN(100+i), i)
	}
	c.Session(0).Announced(0, true)
	c.Session(3).Awaiting = true
	if c.close(60); c.Knowledge() != bgp.TablesUndecided || c.Verdicts() {
		t.Errorf("with a table on its way: %v", c.Knowledge())
	}
	c.Session(3).Awaiting = false
	if decided, _ := c.close(60); !decided || c.Knowledge() != bgp.TablesLearned || c.Voters().N != 4 || !c.Verdicts() {
		t.Errorf("got %v, %d voters, want 4 that learn", c.Knowledge(), c.Voters().N)
	}
	c.join(200, 1)
	if decided, changed := c.close(60); decided || !changed || c.Voters().N != 5 {
		t.Errorf("a new peer: decided %v, %d voters, want 5 at once", decided, c.Voters().N)
	}
	for i := range 3 { // The whole tables of a minority become known.
		c.Session(i).Complete = true
		c.sizes[i] = 1000
	}
	for range 10 {
		c.join(bgp.ASN(300+len(c.sizes)), 1)
	}
	if c.close(900); c.Knowledge() != bgp.TablesLearned {
		t.Error("three whole tables of fifteen peers make a panel")
	}
}

// TestOnlyWithdraws: a peer votes once it has announced a prefix, and not while nearly all prefixes
// that it withdraws were never announced.
func TestOnlyWithdraws(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		announced, table, unheard int
		want                      bool
	}{
		{0, 0, 0, false},
		{0, 0, 3, false},
		{1, 0, 0, true},
		{1, 0, 49, true},
		{5, 0, 50, false},
		{25, 0, 50, true},
		{100, 0, 201, false},
		{0, 100, 200, true},
	} {
		c := &crowd{Panel: New(with(func(c *Config) { c.MinVoters, c.MinCollectors = 3, 1 }), bgp.IPv4), now: dawn}
		for i := range 4 {
			c.join(bgp.ASN(100+i), i).Announced(0, true)
		}
		s := c.join(200, tt.table)
		for i := range tt.announced {
			s.Announced(uint32(i), true)
		}
		for range tt.unheard {
			s.Unheard()
		}
		c.close(60)
		if got := c.Voters().Votes(4); got != tt.want {
			t.Errorf("%d announced, a table of %d, %d withdrawn and never announced: votes %v, want %v", tt.announced, tt.table, tt.unheard, got, tt.want)
		}
		if got := c.reasons()[OnlyWithdraws]; got == 1 == tt.want {
			t.Errorf("%+v: %d peers with reason %s", tt, got, OnlyWithdraws)
		}
		for range 200 {
			s.Announced(0, false)
		}
		if c.close(60); !c.Voters().Votes(4) {
			t.Errorf("%+v: does not vote after 200 announcements", tt)
		}
	}
}

// TestStranger: a peer without a state message or a table counts when its size proves a whole
// table, and not before ten minutes.
func TestStranger(t *testing.T) {
	t.Parallel()
	c := newCrowd(with(func(c *Config) { c.MinVoters = 3 }), 10)
	c.close(900 - 60)
	c.join(900, 1000)
	c.join(901, 10)
	if c.close(60); c.Voters().N != 10 {
		t.Errorf("%d voters at once, want 10", c.Voters().N)
	}
	if c.close(900); c.Voters().N != 11 {
		t.Errorf("%d voters after a quarter hour, want 11", c.Voters().N)
	}
	if diff := cmp.Diff(map[Reason]int{"": 11, TableIncomplete: 1}, c.reasons()); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

// TestMasks: conditions that keep a member from voting between decisions.
func TestMasks(t *testing.T) {
	t.Parallel()
	c := newCrowd(with(func(c *Config) { c.MinVoters, c.SilentTimeout = 3, config.DurationOrOff(3*time.Minute) }), 10)
	c.close(900)
	for i := range 10 {
		c.Session(i).LastHeard = c.now
	}
	c.Session(0).Masked = true
	c.Session(1).Awaiting = true
	c.Session(2).LastHeard = c.now - 121
	c.Session(3).PeerDown()
	c.close(60)
	if diff := cmp.Diff(map[Reason]int{"": 6, CollectorDown: 1, TableIncomplete: 1, Silent: 1, Down: 1}, c.reasons()); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

// TestNeed: with the inputs of a replay, only collectors count that have voters, or whose tables
// are on their way.
func TestNeed(t *testing.T) {
	t.Parallel()
	inputs := map[string][]bgp.PeerKey{}
	input := func(collector string, asn bgp.ASN) {
		inputs[collector] = append(inputs[collector], bgp.PeerKey{Peer: bgp.Peer{ASN: asn}})
	}
	for i := range 12 {
		input("c2", bgp.ASN(900+i))
	}
	for i := range 9 {
		input(fmt.Sprint("c", i%2), bgp.ASN(100+i))
	}
	c := &crowd{Panel: New(with(func(c *Config) { c.Inputs = inputs }), bgp.IPv4), now: dawn}
	for i := range 9 { // c0 and c1 have nine whole tables
		s := c.join(bgp.ASN(100+i), 1000)
		s.Key.Collector, s.Complete = fmt.Sprint("c", i%2), true
	}
	late := c.join(900, 1000)
	late.Key.Collector, late.Awaiting = "c2", true
	is := func(what string, want bgp.NoVerdict, votes bgp.Votes) {
		t.Helper()
		c.close(60)
		if why, got := c.Lack(); why != want || got != votes {
			t.Errorf("%s: got %q, %+v, want %q, %+v", what, why, got, want, votes)
		}
	}
	is("c2's table is on its way", bgp.NoVerdictTables, bgp.Votes{Voters: 9, Collectors: 2, MinVoters: 7, MinCollectors: 3})
	late.Awaiting = false // its transfer broke off
	is("c2's table is unknown for good", bgp.VerdictPossible, bgp.Votes{Voters: 9, Collectors: 2, MinVoters: 3, MinCollectors: 2})
	for i := range 9 {
		c.Session(i).Masked = i%2 == 1
	}
	is("c1 has ended", bgp.VerdictPossible, bgp.Votes{Voters: 5, Collectors: 1, MinVoters: 3, MinCollectors: 1})
	for i := range 9 {
		c.Session(i).Masked = i > 1
	}
	is("two are left, beside that table", bgp.NoVerdictTables, bgp.Votes{Voters: 2, Collectors: 2, MinVoters: 3, MinCollectors: 2})
}

// TestLack gives the first reason that holds.
func TestLack(t *testing.T) {
	t.Parallel()
	is := func(what string, c *crowd, want bgp.NoVerdict) {
		t.Helper()
		c.close(60)
		if why, _ := c.Lack(); why != want {
			t.Errorf("%s: got %q, want %q", what, why, want)
		}
	}
	is("nobody", newCrowd(DefaultConfig(), 0), bgp.NoVerdictPeers)
	is("too few", newCrowd(DefaultConfig(), 19), bgp.NoVerdictVoters)
	is("enough", newCrowd(DefaultConfig(), 20), bgp.VerdictPossible)
	is("on too few collectors", newCrowd(with(func(c *Config) { c.MinCollectors = 4 }), 20), bgp.NoVerdictCollectors)
	c := newCrowd(DefaultConfig(), 20)
	c.close(60)
	c.Session(3).GapBegin(true)
	is("in a gap", c, bgp.NoVerdictTables)
}

// TestDeserted: if the collectors of all members are down, the panel is chosen again at once, not
// at the next quarter hour.
func TestDeserted(t *testing.T) {
	t.Parallel()
	c := newCrowd(with(func(c *Config) { c.MinVoters, c.MinCollectors = 3, 1 }), 6)
	for i := 3; i < 6; i++ {
		c.Session(i).Complete = false
	}
	c.close(60)
	for i := range 6 {
		c.Session(i).Masked, c.Session(i).Complete = i < 3, true
	}
	c.close(60)
	if c.close(60); c.Voters().N != 3 || !c.Voters().Votes(5) {
		t.Errorf("%d voters, want the three others", c.Voters().N)
	}
}

// TestMostOfTheNamelessLoseTheirTables: peers whose AS number names no network count one by one. If
// most of them lose their tables, the loss counts. If few do, those have no vote.
func TestMostOfTheNamelessLoseTheirTables(t *testing.T) {
	t.Parallel()
	for sick, doubted := range map[int]int{3: 3, 8: 0} {
		c := &crowd{Panel: New(with(func(c *Config) { c.MinVoters = 3 }), bgp.IPv4), now: dawn}
		for i := range 12 {
			c.join([]bgp.ASN{0, 23456}[i%2], 1000).Complete = true
		}
		if c.close(900); c.Voters().N != 12 {
			t.Fatalf("%d voters, want 12", c.Voters().N)
		}
		for i := range sick {
			for range 1000 {
				c.Session(i).Lost()
			}
			c.sizes[i] = 0
		}
		c.close(60)
		if got := c.reasons()[LostTable]; got != doubted || c.Voters().N != 12-doubted {
			t.Errorf("%d of 12 lose their tables: of %d it is said, and %d vote, want %d and %d", sick, got, c.Voters().N, doubted, 12-doubted)
		}
	}
}

// TestStruck: a voter that loses its vote because of its messages is reported once. A voter that
// goes down, or a peer that never voted, is not reported.
func TestStruck(t *testing.T) {
	t.Parallel()
	c := newCrowd(with(func(c *Config) { c.MinVoters = 3 }), 10)
	c.close(900)
	c.join(900, 0).Unreadable = true
	c.Session(2).Unreadable = true
	c.Session(3).PeerDown()
	for range 1000 {
		c.Session(4).Lost()
	}
	c.sizes[4] = 0
	c.close(60)
	got := map[int]Reason{}
	for _, s := range c.Struck() {
		got[s.Slot] = s.Reason
	}
	if diff := cmp.Diff(map[int]Reason{2: Unreadable, 4: LostTable}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c.close(60); len(c.Struck()) != 0 {
		t.Errorf("a minute later: %v", c.Struck())
	}
}

// TestThirdFeed checks that the votes of an AS stay with the feeds that have them when a larger one
// comes up. When one of them goes, the largest of the others votes.
func TestThirdFeed(t *testing.T) {
	t.Parallel()
	c := newCrowd(DefaultConfig(), 30)
	const as = bgp.ASN(200)
	for _, size := range []int{900, 910} {
		c.join(as, size).Complete = true
	}
	c.close(900)
	voting := func() (out []int) {
		for _, p := range c.Statuses(c.now) {
			if p.Votes && p.Session.Key.ASN == as {
				out = append(out, c.sizes[p.Slot])
			}
		}
		return out
	}
	if got := voting(); len(got) != 2 {
		t.Fatalf("voting: got %v, want both", got)
	}
	for _, size := range []int{950, 980} {
		c.join(as, size).Complete = true
	}
	for range 3 {
		if _, changed := c.close(900); changed {
			t.Errorf("other feeds vote: %v", voting())
		}
	}
	c.Session(30).PeerDown()
	c.close(900)
	if got := voting(); len(got) != 2 || got[0]+got[1] != 910+980 {
		t.Errorf("after a feed ended: got %v, want 910 and 980", got)
	}
}
