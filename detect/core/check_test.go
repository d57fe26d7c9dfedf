package core

import (
	"testing"

	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestCheck: a complete dump is applied by one record, except to pairs that the live stream
// touched. Peers keep voting.
func TestCheck(t *testing.T) {
	t.Parallel()
	s := newStageWorld(t)
	at := dawn + 660
	s.live(at, s.routes(0, 64400, "-10.5.0.0/16"))
	s.live(at, &pb.CheckBegin{Id: "c"})
	s.live(at+10, s.routes(1, 7, "-10.4.0.0/16", "+10.200.0.0/16"))
	s.live(at+10, &pb.PeerUp{Peer: s.peer(0, 2)})
	s.say("table/c", at+60, at+100, s.chunk("c", []int{0, 1, 2}, "10.0.0.0/16", "10.4.0.0/16", "10.5.0.0/16", "10.201.0.0/16"))
	s.say("table/other", at+60, at+100, s.chunk("other", []int{0, 1, 2}, "10.202.0.0/16"))
	s.want("before it ends", s.sees("10.1.0.0/16")+s.sees("10.201.0.0/16"), "[64400 64400 0 64400][0 0 0 0]")
	s.want("meanwhile", s.votes(), "[votes votes transferring votes]")
	s.live(at+130, s.routes(0, 7, "+10.201.0.0/16"))
	s.say("table/c", at+60, at+140, &pb.CheckEnd{Id: "c", Complete: true})
	for _, tt := range []struct{ prefix, want string }{
		{"10.0.0.0/16", "[64400 64400 0 64400]"}, // as before
		{"10.1.0.0/16", "[0 0 0 64400]"},         // ghosts; peer 3 is not in the dump
		{"10.4.0.0/16", "[64400 0 0 64400]"},     // withdrawn since
		{"10.5.0.0/16", "[9 64400 0 64400]"},     // missing
		{"10.200.0.0/16", "[0 7 0 0]"},           // announced since
		{"10.201.0.0/16", "[7 9 0 0]"},           // missing, announced since
		{"10.202.0.0/16", "[0 0 0 0]"},
	} {
		s.want(tt.prefix, s.sees(tt.prefix), tt.want)
	}
	s.want("after", s.votes(), "[votes votes transferring votes]")
	if x := s.f.detector.collectors[collectorName(0)].check; x != nil {
		t.Error("the check is still open")
	}
}

// TestCheckPartlyRead: pairs that a dump with unreadable records does not name stay as the updates
// left them. Pairs that it names count.
func TestCheckPartlyRead(t *testing.T) {
	t.Parallel()
	s := newStageWorld(t)
	at := dawn + 660
	s.live(at, s.routes(0, 64400, "-10.5.0.0/16"))
	s.live(at, &pb.CheckBegin{Id: "c"})
	s.say("table/c", at+60, at+100, s.chunk("c", []int{0, 1, 2}, "10.0.0.0/16", "10.5.0.0/16", "10.201.0.0/16"))
	s.say("table/c", at+60, at+140, &pb.CheckEnd{Id: "c", Complete: true, Unreadable: 1})
	s.want("not named", s.sees("10.1.0.0/16"), "[64400 64400 64400 64400]")
	s.want("missing", s.sees("10.5.0.0/16")+s.sees("10.201.0.0/16"), "[9 64400 64400 64400][9 9 9 0]")
	s.want("after", s.votes(), allVote)
}

// TestCheckWithoutEffect: an incomplete dump changes nothing, and neither does a check that another
// record ended.
func TestCheckWithoutEffect(t *testing.T) {
	t.Parallel()
	at := dawn + 660
	for _, tt := range []struct {
		name string
		body any
	}{
		{"incomplete", &pb.CheckEnd{Id: "c"}},
		{"another ends", &pb.CheckEnd{Id: "d", Complete: true}},
		{"another begins", &pb.CheckBegin{Id: "d"}},
		{"a new owner", &pb.EpochBegin{}},
		{"a gap", &pb.GapBegin{Id: "g", SinceUs: (at + 70) * 1e6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStageWorld(t)
			s.live(at, &pb.CheckBegin{Id: "c"})
			s.say("table/c", at+60, at+70, s.chunk("c", []int{0, 1, 2, 3}, "10.0.0.0/16", "10.200.0.0/16"))
			s.live(at+71, tt.body)
			if tt.name != "another ends" { // in that case the first stays open
				s.say("table/c", at+60, at+72, &pb.CheckEnd{Id: "c", Complete: true})
			}
			s.want("10.1.0.0/16", s.sees("10.1.0.0/16"), "[64400 64400 64400 64400]")
			s.want("10.200.0.0/16", s.sees("10.200.0.0/16"), "[0 0 0 0]")
			s.want("after", s.votes(), allVote)
		})
	}
}

// TestCheckWithinGap: no check begins while a gap is open.
func TestCheckWithinGap(t *testing.T) {
	t.Parallel()
	s := newStageWorld(t)
	at := dawn + 660
	s.live(at, &pb.GapBegin{Id: "g", SinceUs: (at - 1) * 1e6})
	s.live(at+1, &pb.CheckBegin{Id: "c"})
	s.say("table/c", at+60, at+70, s.chunk("c", []int{0, 1, 2, 3}, "10.0.0.0/16"))
	s.say("table/c", at+60, at+72, &pb.CheckEnd{Id: "c", Complete: true})
	s.say("fill/g", at, at+73, &pb.GapEnd{Id: "g", Complete: true, Filled: true})
	s.want("10.1.0.0/16", s.sees("10.1.0.0/16"), "[64400 64400 64400 64400]")
}
