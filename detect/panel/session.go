package panel

import (
	"github.com/darkmap/darkmap/internal/bgp"
)

// Reason says why a session does not vote, in the words of PanelPeer.reason; empty for one that does.
type Reason string

// The reasons.
const (
	Partial         Reason = "partial"
	Transferring    Reason = "transferring"
	Down            Reason = "down"
	CollectorDown   Reason = "collector_down"
	Silent          Reason = "silent"
	SecondFeed      Reason = "second_feed"
	TableIncomplete Reason = "table_incomplete"
	// LostTable: it withdrew so much of its table that it has no full feed, without an end of its session, and most voters did not.
	LostTable Reason = "lost_table"
	// OnlyWithdraws: it has announced nothing, or hardly anything of what it withdraws.
	OnlyWithdraws Reason = "only_withdraws"
	// Unreadable: most of its messages cannot be read.
	Unreadable Reason = "unreadable"
	// NoPanel: its table is whole, and there are too few such peers for a panel.
	NoPanel Reason = "no_panel"
)

// Session is one peer of one collector in one family. The zero value is a session that is down.
type Session struct {
	Key bgp.PeerKey
	// Up is false after Peer Down.
	Up bool
	// Masked: the collector's stream is stale or ended.
	Masked bool
	// Ended: it is masked because the files of the collector have ended.
	Ended bool
	// Awaiting: its table is not known, and what answers the gap, or anybody's table, has not come.
	Awaiting bool
	// Complete: the whole table is known.
	Complete bool
	// Unreadable: most of what the peer says cannot be read.
	Unreadable bool
	// Since is when it was first heard of, LastHeard when it last said something.
	Since, LastHeard int64

	transferUntil int64 // 0: none
	member        bool  // chosen at the last decision
	shrunk        int64 // since when a member withdrew so much that its table is no full feed; 0: it did not
	lost          bool  // for that it does not vote
	extra         bool  // a third feed of its ASN
	voted         uint  // rememberWindows if it voted when the last window closed, less one for each window since it did
	burst         burst
	spoken        spoken
	growing       bool  // its table grew by a burst in this window
	lapse         lapse // of the session before

	inGap  bool
	before knowledge // when the oldest open gap began
}

// knowledge is what a session knew of its table when a gap began.
type knowledge struct {
	complete, awaiting bool
	transferUntil      int64
}

// spoken counts what a session has said since it came up. A withdrawal proves that the prefix was held before, unless the peer withdraws
// what it never announced as a habit: some routers withdraw each prefix that they do not pass on.
type spoken struct {
	announced int // announcements
	unheard   int // withdrawals of prefixes that it was never heard to announce, each prefix once
	most      int // the most prefixes that it held at the end of a window, those of a table included
	gone      int // withdrawals of prefixes that it held, since the last decision at which it held about as many as ever
}

// settle begins to count gone anew at a decision, unless the session, which holds size prefixes, has lost much of what it held.
func (x *spoken) settle(cfg *Config, size int) {
	if size*1000 >= x.most*cfg.FullFeedOutPermille {
		x.gone = 0
	}
}

// withdrewFrom reports whether a session that holds size prefixes would hold at least full if it had withdrawn none.
func (s *Session) withdrewFrom(size, full int) bool { return size+s.spoken.gone >= full }

// The shape of a session that only withdraws: at least unheardLeast prefixes that it never announced, and more than unheardTimes as many
// as it announced. Sound peers of eight captures stay below 0.38 as many.
const (
	unheardLeast = 50
	unheardTimes = 2
)

// witness reports whether its withdrawals say anything.
func (x *spoken) witness() bool {
	said := max(x.announced, x.most)
	return said > 0 && (x.unheard < unheardLeast || x.unheard <= unheardTimes*said)
}

// burst watches for a table that is sent without a state message: as many distinct prefixes as the table has, each announced
// once, hardly a withdrawal. Only announcements of prefixes of which nothing was known count, and those that follow them: a table that is
// sent again says nothing new, and what comes back after an outage was known before.
type burst struct {
	since     int64 // of the first window
	window    int   // first announcements in this window
	counted   int   // announcements of rows in seen
	withdrawn int   // withdrawals since seen exists
	distinct  int
	ended     bool   // End-of-RIB came
	seen      rowSet // rows
}

// The shape of a burst.
const (
	burstBegins  = 256 // first announcements in a window before anything is counted
	burstWindows = 600 // seconds that a burst may take
)

// PeerUp begins a session at t: its table comes now. A gap is not about it any more.
func (s *Session) PeerUp(t, transferSeconds int64) {
	s.Up, s.Awaiting, s.Complete, s.inGap = true, false, false, false
	s.transferUntil = t + transferSeconds
	s.burst, s.spoken = burst{}, spoken{}
}

// PeerDown ends it. A gap is not about it any more.
func (s *Session) PeerDown() {
	s.Up, s.Awaiting, s.Complete, s.inGap, s.transferUntil = false, false, false, false, 0
	s.burst = burst{}
}

// GapBegin says that messages are missing. With mask set the session does not vote until the gap is answered, and what it knew of
// its table is void; otherwise it goes on. A gap that begins while another is open replaces it: what the session knew before
// the first one stays remembered.
func (s *Session) GapBegin(mask bool) {
	if !s.inGap {
		s.inGap, s.before = true, knowledge{complete: s.Complete, awaiting: s.Awaiting, transferUntil: s.transferUntil}
	}
	if mask {
		s.Awaiting, s.Complete, s.transferUntil = true, false, 0
		s.burst = burst{}
	}
}

// Hold takes a session that went on over a gap out of the vote until the gap ends.
func (s *Session) Hold() { s.Awaiting = true }

// GapFilled says that all that was missing came: the session is what it was before the gap.
func (s *Session) GapFilled() {
	if s.Awaiting {
		s.Awaiting = s.before.awaiting
		s.Complete = s.Complete || s.before.complete
		s.transferUntil = max(s.transferUntil, s.before.transferUntil)
	}
	s.inGap = false
}

// GapTabled says that a whole table came. One that the session was sending when the gap began comes first.
func (s *Session) GapTabled() {
	if s.Awaiting && s.inGap {
		s.transferUntil = max(s.transferUntil, s.before.transferUntil)
	}
	s.Awaiting, s.Complete, s.inGap = false, s.Up, false
}

// GapUnknown says that what was missing did not come, or not all of it: the table is not known.
func (s *Session) GapUnknown() {
	if !s.Awaiting {
		s.transferUntil = 0
	}
	s.Awaiting, s.Complete, s.inGap, s.lapse = false, false, false, lapse{}
}

// Knows reports whether the session's table is known, or will be once a gap is filled.
func (s *Session) Knows() bool { return s.Complete || s.inGap && s.before.complete }

// Transferring reports whether the table is being sent.
func (s *Session) Transferring() bool { return s.transferUntil != 0 }

// EndOfRIB says that the table has been sent (RFC 4724 §2). Of one that is sent without a state message the end of the window tells
// whether it is one.
func (s *Session) EndOfRIB() {
	if s.transferUntil != 0 {
		s.transferUntil, s.Complete, s.burst = 0, true, burst{}
	}
	s.burst.ended = s.burst.seen.begun()
	if s.inGap && s.before.transferUntil != 0 {
		s.before.transferUntil, s.before.complete = 0, true
	}
}

// Announced counts an announcement of a row of the rib; first says that nothing was known of the session and the row.
func (s *Session) Announced(row uint32, first bool) {
	s.spoken.announced++
	b := &s.burst
	if !first {
		if b.seen.has(row) {
			b.counted++
		}
		return
	}
	if b.window++; !b.seen.begun() && b.window < burstBegins {
		return
	}
	b.counted++
	if b.seen.add(row) {
		b.distinct++
	}
}

// Withdrew counts a withdrawal.
func (s *Session) Withdrew() {
	if s.burst.seen.begun() {
		s.burst.withdrawn++
	}
}

// Lost counts a withdrawal of a prefix that the session held.
func (s *Session) Lost() { s.spoken.gone++ }

// Unheard counts a withdrawal of a prefix that the session was never heard to announce.
func (s *Session) Unheard() { s.spoken.unheard++ }

// close looks at the burst when the window that ends at now closes; size is how many prefixes the session holds.
func (s *Session) close(cfg *Config, now int64, size int) {
	s.growing = size >= s.spoken.most+burstBegins
	s.spoken.most = max(s.spoken.most, size)
	b := &s.burst
	if s.transferUntil != 0 || b.window == 0 && !b.seen.begun() {
		*b = burst{}
		return
	}
	if b.since == 0 {
		b.since = now - 60
	}
	least := max(cfg.LearnedTransferPrefixes, size/2)
	if s.Complete {
		least = max(cfg.TransferPrefixes, size/2)
	}
	switch {
	case b.distinct >= least && b.counted <= b.distinct+b.distinct/4 && b.withdrawn*100 <= b.counted:
		if s.Complete = s.Complete || b.ended; !b.ended {
			s.transferUntil = b.since + cfg.TransferSeconds()
		}
		*b = burst{}
	case b.ended || b.window < burstBegins || now-b.since >= burstWindows:
		*b = burst{}
	default:
		b.window = 0
	}
}

// reason says why the session does not vote at now, masks first; it does not look at the size of its table.
func (s *Session) reason(cfg *Config, now int64) Reason {
	switch {
	case s.Masked:
		return CollectorDown
	case !s.Up:
		return Down
	case s.Awaiting:
		return TableIncomplete
	case s.transferUntil != 0:
		return Transferring
	case cfg.silentSeconds() > 0 && now-s.LastHeard > cfg.silentSeconds():
		return Silent
	case s.Unreadable:
		return Unreadable
	case !s.spoken.witness():
		return OnlyWithdraws
	case s.lost:
		return LostTable
	}
	return ""
}

// bitsOf is the number of words that n slots need.
func bitsOf(n int) int { return (n + 63) / 64 }

// setBit sets slot s.
func setBit(b []uint64, s int) { b[s>>6] |= 1 << (s & 63) }

// hasBit tells whether slot s is set; slots beyond b are not.
func hasBit(b []uint64, s int) bool { return s>>6 < len(b) && b[s>>6]&(1<<(s&63)) != 0 }
