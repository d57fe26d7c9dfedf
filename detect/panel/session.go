package panel

import (
	"github.com/darkmap/darkmap/internal/bgp"
)

// Reason is the reason why a session does not vote, in the words of PanelPeer.reason. It is empty
// for a session that votes.
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
	// LostTable: the peer withdrew so much of its table that it has no full feed, its session did
	// not end, and most voters did not do so.
	LostTable Reason = "lost_table"
	// OnlyWithdraws: the peer has announced no prefix, or few in comparison with its withdrawals.
	OnlyWithdraws Reason = "only_withdraws"
	// Unreadable: most of the peer's messages cannot be read.
	Unreadable Reason = "unreadable"
	// NoPanel: the peer's table is whole, but too few peers have whole tables for a panel.
	NoPanel Reason = "no_panel"
)

// Session is one peer of one collector in one family. The zero value is a session that is down.
type Session struct {
	Key bgp.PeerKey
	// Up is false after Peer Down.
	Up bool
	// Masked means that the collector's stream is stale or ended.
	Masked bool
	// Ended means that the session is masked because the files of the collector have ended.
	Ended bool
	// Awaiting means that the session does not vote until its gap is answered, or another whole
	// table of the peer comes.
	Awaiting bool
	// Complete means that the whole table is known.
	Complete bool
	// Unreadable means that most messages of the peer cannot be read.
	Unreadable bool
	// Since is the time of the first record about the session, LastHeard the time of its last
	// message.
	Since, LastHeard int64

	transferUntil int64 // 0: none
	member        bool  // chosen at the last decision
	// shrunk is the time since when a member is no full feed because it withdrew prefixes; 0: it
	// did not.
	shrunk int64
	lost   bool // it does not vote because it shrank (doubt)
	extra  bool // the ASN has maxPerASN other feeds that are preferred
	// voted is a countdown. It is rememberWindows after a window in which the session voted, and
	// one less after each further window, down to 0.
	voted   uint
	burst   burst
	spoken  spoken
	growing bool  // its table grew by at least burstBegins in this window
	lapse   lapse // the end of the session before

	inGap  bool
	before knowledge // the knowledge when the oldest open gap began
}

// knowledge is a session's knowledge of its table when a gap began.
type knowledge struct {
	complete, awaiting bool
	transferUntil      int64
}

// spoken counts the announcements and withdrawals of a session since it came up. A withdrawal
// proves that the peer held the prefix before. This does not hold for a peer that habitually
// withdraws prefixes that it never announced: some routers withdraw each prefix that they do not
// pass on.
type spoken struct {
	announced int // announcements
	// unheard counts withdrawals of prefixes that the session never announced, each prefix once.
	unheard int
	// most is the highest number of prefixes held at the end of a window, including those of a
	// table.
	most int
	// gone counts withdrawals of held prefixes since the last decision at which the session held
	// about as many prefixes as ever.
	gone int
}

// settle resets gone at a decision, unless the session, which holds size prefixes, has lost much of
// its largest table.
func (x *spoken) settle(cfg *Config, size int) {
	if size*1000 >= x.most*cfg.FullFeedOutPermille {
		x.gone = 0
	}
}

// withdrewFrom reports whether a session that holds size prefixes would hold at least full prefixes
// if it had withdrawn none.
func (s *Session) withdrewFrom(size, full int) bool { return size+s.spoken.gone >= full }

// These are the bounds of OnlyWithdraws for a session that has announced or held a prefix. It
// withdrew at least unheardLeast prefixes that it never announced. These withdrawals are also more
// than unheardTimes the greater of two numbers: its announcements, and the most prefixes that it
// held. In eight captures the sound peers stay below 0.38 times.
const (
	unheardLeast = 50
	unheardTimes = 2
)

// witness reports whether the session's withdrawals are evidence.
func (x *spoken) witness() bool {
	said := max(x.announced, x.most)
	return said > 0 && (x.unheard < unheardLeast || x.unheard <= unheardTimes*said)
}

// burst detects a table that is sent without a state message: as many distinct prefixes as the
// table has, each announced once, and hardly a withdrawal. Only announcements of prefixes without
// earlier knowledge count, and later announcements of the same prefixes. So a table that is sent
// again does not count, nor do prefixes that return after an outage.
type burst struct {
	since     int64 // beginning of the first window
	window    int   // first announcements in this window
	counted   int   // announcements of rows in seen
	withdrawn int   // withdrawals since seen is not empty
	distinct  int
	ended     bool   // End-of-RIB came
	seen      rowSet // rows
}

// Bounds of a burst.
const (
	burstBegins  = 256 // first announcements in a window before anything is counted
	burstSeconds = 600 // time that a burst may take
)

// PeerUp begins a session at t. The peer sends its table from now on. PeerUp closes an open gap,
// because the gap does not concern the new session.
func (s *Session) PeerUp(t, transferSeconds int64) {
	s.Up, s.Awaiting, s.Complete, s.inGap = true, false, false, false
	s.transferUntil = t + transferSeconds
	s.burst, s.spoken = burst{}, spoken{}
}

// PeerDown ends the session and closes an open gap.
func (s *Session) PeerDown() {
	s.Up, s.Awaiting, s.Complete, s.inGap, s.transferUntil = false, false, false, false, 0
	s.burst = burst{}
}

// GapBegin records that messages are missing. With mask set the session does not vote until the gap
// is answered, and its knowledge of its table is void; otherwise the session continues. A gap that
// begins while another one is open replaces it: the knowledge before the first gap stays
// remembered.
func (s *Session) GapBegin(mask bool) {
	if !s.inGap {
		s.inGap, s.before = true, knowledge{
			complete: s.Complete, awaiting: s.Awaiting, transferUntil: s.transferUntil,
		}
	}
	if mask {
		s.Awaiting, s.Complete, s.transferUntil = true, false, 0
		s.burst = burst{}
	}
}

// Hold stops the votes of a session that continued over a gap, until the gap ends.
func (s *Session) Hold() { s.Awaiting = true }

// GapFilled records that all missing messages came. The session returns to its state before the
// gap.
func (s *Session) GapFilled() {
	if s.Awaiting {
		s.Awaiting = s.before.awaiting
		s.Complete = s.Complete || s.before.complete
		s.transferUntil = max(s.transferUntil, s.before.transferUntil)
	}
	s.inGap = false
}

// GapTabled records that a whole table came. If the session was sending its table when the gap
// began, that transfer is finished first.
func (s *Session) GapTabled() {
	if s.Awaiting && s.inGap {
		s.transferUntil = max(s.transferUntil, s.before.transferUntil)
	}
	s.Awaiting, s.Complete, s.inGap = false, s.Up, false
}

// GapUnknown records that missing messages did not come, or not all of them. The table is not
// known.
func (s *Session) GapUnknown() {
	if !s.Awaiting || s.inGap && s.transferUntil == s.before.transferUntil {
		s.transferUntil = 0 // the gap lacks a part of the table that was being sent
	}
	s.Awaiting, s.Complete, s.inGap, s.lapse = false, false, false, lapse{}
}

// Knows reports whether the session's table is known, or will be known once a gap is filled.
func (s *Session) Knows() bool { return s.Complete || s.inGap && s.before.complete }

// Transferring reports whether the table is being sent.
func (s *Session) Transferring() bool { return s.transferUntil != 0 }

// EndOfRIB records that the table has been sent (RFC 4724 §2). For a table that is sent without a
// state message, the end of the window decides whether it is a table.
func (s *Session) EndOfRIB() {
	if s.transferUntil != 0 {
		s.transferUntil, s.Complete, s.burst = 0, true, burst{}
	}
	s.burst.ended = s.burst.seen.begun()
	if s.inGap && s.before.transferUntil != 0 {
		s.before.transferUntil, s.before.complete = 0, true
	}
}

// Announced counts an announcement of a row of the rib. first reports that nothing was known before
// about the session and the row.
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

// Unheard counts a withdrawal of a prefix that the session never announced.
func (s *Session) Unheard() { s.spoken.unheard++ }

// close examines the burst when the window that ends at now closes. size is the number of prefixes
// that the session holds.
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
	case b.ended || b.window < burstBegins || now-b.since >= burstSeconds:
		*b = burst{}
	default:
		b.window = 0
	}
}

// reason returns the first reason, in the order of the cases, why the session does not vote at now,
// or "". It considers neither the choice of members nor the size of the table (Statuses).
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

// bitsOf returns the number of words for n slots.
func bitsOf(n int) int { return (n + 63) / 64 }

// setBit sets the bit of slot s.
func setBit(b []uint64, s int) { b[s>>6] |= 1 << (s & 63) }

// hasBit reports whether the bit of slot s is set; slots beyond b are not set.
func hasBit(b []uint64, s int) bool { return s>>6 < len(b) && b[s>>6]&(1<<(s&63)) != 0 }
