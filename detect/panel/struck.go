package panel

// strike finds the sessions that voted in the previous window and do not vote any more because of
// their own messages. It also decrements Session.voted.
func (p *Panel) strike(now int64) {
	p.struck = p.struck[:0]
	for slot, s := range p.sessions {
		if s == nil {
			continue
		}
		before := s.voted
		if p.voters.Votes(slot) {
			s.voted = rememberWindows
			continue
		}
		if s.voted -= min(s.voted, 1); before != rememberWindows {
			continue
		}
		switch r := s.reason(&p.cfg, now); r {
		case LostTable, Unreadable, OnlyWithdraws:
			p.struck = append(p.struck, Status{Session: s, Slot: slot, Reason: r})
		default:
		}
	}
}

// Struck returns the sessions that lost their vote in the window that closed last, as LostTable,
// Unreadable or OnlyWithdraws. The slice is valid until the next Close.
func (p *Panel) Struck() []Status { return p.struck }
