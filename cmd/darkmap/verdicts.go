package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/internal/bgp"
)

// errUndecided reports that a run could decide nothing.
var errUndecided = errors.New(
	"no verdict was possible in any minute: no outage is shown, but the networks may have had outages",
)

// isUndecided reports whether err is errUndecided.
func isUndecided(err error) bool { return errors.Is(err, errUndecided) }

// tellVerdicts prints for each family in how many minutes a verdict was possible, and the reasons
// in the others. With --format json it prints an object too. It returns errUndecided if no verdict
// was possible in any family.
func (r *datasetRun) tellVerdicts(all []core.Verdicts) error {
	possible := false
	for i := range all {
		possible = possible || all[i].Possible > 0
		for _, line := range verdictLines(&all[i]) {
			fmt.Fprintln(r.g.stderr, "darkmap: "+line)
		}
	}
	if r.json {
		b, err := json.Marshal(map[string][]core.Verdicts{"verdicts": all})
		if err != nil {
			return fmt.Errorf("encoding the verdicts: %w", err)
		}
		fmt.Fprintf(r.g.stderr, "%s\n", b)
	}
	if possible {
		return nil
	}
	return &exitError{exitUndecided, errUndecided}
}

// verdictLines returns the sentences about one family.
func verdictLines(v *core.Verdicts) []string {
	family := familyNamed(v.Family).Title()
	if v.Peers == 0 {
		f := familyNamed(v.Family)
		return []string{fmt.Sprintf(
			"%s: the input has no %s routes of /%d to /%d: there is nothing to decide",
			family, family, f.MinLength(), f.MaxLength(),
		)}
	}
	const layout = "2006-01-02 15:04"
	first := fmt.Sprintf(
		"%s: a verdict was possible in %s of %s (%s to %s UTC)", family, countOrNone(v.Possible),
		bgp.Count(v.Minutes, "minute"), v.From.Format(layout), v.To.Format(layout),
	)
	if v.Best != nil {
		first += fmt.Sprintf(
			"; at best %s on %s voted, and %d on %d had to",
			bgp.Count(v.Best.Voters, "network"), bgp.Count(v.Best.Collectors, "collector"),
			v.Best.MinVoters, v.Best.MinCollectors,
		)
	}
	if v.Possible > 0 && v.Table == bgp.TablesLearned {
		first += fmt.Sprintf("; without tables, %d of %d prefixes could be decided on", v.Decidable, v.Prefixes)
	}
	lines := []string{first}
	if v.PlacesNotJudged != "" {
		lines = append(lines, v.PlacesNotJudged)
	}
	for _, u := range v.NoVerdict {
		lines = append(lines, fmt.Sprintf(
			"%s: no verdict in %s: %s", family, bgp.Count(u.Minutes, "minute"), undecidedText(u),
		))
	}
	if v.LostVotes != nil {
		lines = append(lines, family+": "+lostVotesText(v.LostVotes))
	}
	return lines
}

// lostVotesText names the voters that lost their vote, and the reasons.
func lostVotesText(l *core.LostVotes) string {
	names := strings.Join(l.Names, ", ")
	if more := l.Peers - len(l.Names); more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf(
		"%s voted and lost the vote, %s: %s", bgp.Count(l.Peers, "peer"), worthText(l.Reasons), names,
	)
}

// worthText counts peers by their worth to the panel.
func worthText(peers []panel.ReasonCount) string {
	out := make([]string, len(peers))
	for i, p := range peers {
		out[i] = fmt.Sprintf("%d %s", p.Peers, cmp.Or(peerWorth[p.Reason], string(p.Reason)))
	}
	return strings.Join(out, ", ")
}

// undecidedText returns the reason why no verdict was possible, with the worth of the peers.
func undecidedText(u core.Undecided) string {
	s := u.Reason.Text(u.Best)
	if u.Minutes > 1 && u.Best.Voters > 0 &&
		u.Reason != bgp.NoVerdictMinutes && u.Reason != bgp.NoVerdictDegraded {
		s = "at best " + s
	}
	if len(u.Peers) == 0 {
		return s
	}
	return s + " (peers: " + worthText(u.Peers) + ")"
}

// peerWorth describes the worth of peers to the panel.
var peerWorth = map[panel.Reason]string{
	"":                    "vote",
	panel.Partial:         "with too small a table",
	panel.Transferring:    "sending their table",
	panel.Down:            "down",
	panel.CollectorDown:   "at a collector whose files have ended, or that is down",
	panel.Silent:          "silent",
	panel.SecondFeed:      "beside two others of their network",
	panel.TableIncomplete: "without a known table",
	panel.LostTable:       "that lost nearly all of their table",
	panel.OnlyWithdraws:   "that only withdraw",
	panel.Unreadable:      "whose messages cannot be read",
	panel.NoPanel:         "with a whole table",
}

func countOrNone(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// familyNamed returns the family with the name.
func familyNamed(name string) bgp.Family {
	return bgp.Families[slices.IndexFunc(bgp.Families[:], func(f bgp.Family) bool {
		return f.String() == name
	})]
}
