package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/darkmap/darkmap/internal/deadletter"
	"github.com/darkmap/darkmap/internal/terminal"
	"github.com/darkmap/darkmap/internal/timespan"
	"github.com/darkmap/darkmap/schemas"
)

// deadletterCmd groups the commands on records that stages passed over.
type deadletterCmd struct {
	List    deadletterListCmd    `cmd:"" help:"Count the dead letters by stage, topic, collector and reason, or list them."`
	Show    deadletterShowCmd    `cmd:"" help:"Show dead letters: where they were read, why they are here, their octets, decoded as far as possible."`
	Requeue deadletterRequeueCmd `cmd:"" help:"Send dead letters back to the topics that they were read from, each once."`
}

// letterBox chooses the dataset of the dead letters.
type letterBox struct {
	Dataset string `help:"Dataset that is meant (default: that of what runs, else live)." placeholder:"NAME"`
}

// open connects to the dead letters of the running instance, or of the configured brokers. done
// ends the work that open began.
func (f letterBox) open(ctx context.Context, g *globals) (box deadletter.Box, done func(), err error) {
	k, running, err := g.reachKafka(f.Dataset)
	if err != nil {
		return box, nil, err
	}
	done = func() {}
	if running == nil {
		done = g.tellBroker(ctx, k)
		if err := g.checkAccess(ctx, k, schemas.AccessDeadLetter); err != nil {
			done()
			return box, nil, err
		}
	}
	return deadletter.Box{Kafka: k, Log: g.log}, done, nil
}

// letterFilter chooses dead letters.
type letterFilter struct {
	Stage     string `help:"Only those that this stage passed over." placeholder:"NAME"`
	Reason    string `help:"Only those whose reason holds this text; case does not matter." placeholder:"TEXT"`
	Collector string `help:"Only those of this collector." placeholder:"NAME"`
	Topic     string `help:"Only those that were read from this topic." placeholder:"NAME"`
	From      string `help:"Only those that Kafka took at this time or later." placeholder:"TIME"`
	To        string `help:"Only those that Kafka took before this time; of a date, the day is in." placeholder:"TIME"`
}

func (f letterFilter) filter() (deadletter.Filter, error) {
	out := deadletter.Filter{Stage: f.Stage, Reason: f.Reason, Collector: f.Collector, Topic: f.Topic}
	var err error
	if out.From, out.To, err = timespan.ParseWindow(f.From, f.To, true); err != nil {
		return out, usageError(err)
	}
	return out, nil
}

type deadletterListCmd struct {
	letterBox    `embed:""`
	letterFilter `embed:""`
	Each         bool   `help:"List them one by one, instead of counting."`
	Limit        int    `help:"With --each: at most so many, the newest (default ${default})." default:"100" placeholder:"N"`
	Format       string `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
}

// maxListed bounds --limit.
const maxListed = 100_000

// Run prints the counts or, with --each, the dead letters.
func (c *deadletterListCmd) Run(ctx context.Context, g *globals) error {
	filter, err := c.filter()
	if err != nil {
		return err
	}
	if c.Limit < 1 || c.Limit > maxListed {
		return usageError(fmt.Errorf("--limit %d: want 1 to %d", c.Limit, maxListed))
	}
	box, done, err := c.open(ctx, g)
	if err != nil {
		return err
	}
	defer done()
	limit := 0
	if c.Each {
		limit = c.Limit
	}
	list, err := box.List(ctx, filter, limit)
	if err != nil {
		return err
	}
	if c.Format == formatJSON {
		return list.WriteJSON(g.stdout)
	}
	lines := list.Lines(terminal.Width(g.stdout))
	if c.Each {
		lines = list.EachLines(terminal.Width(g.stdout))
	}
	_, err = fmt.Fprintln(g.stdout, strings.Join(lines, "\n"))
	return err
}

// parseIDs parses the ids of dead letters.
func parseIDs(args []string) ([]deadletter.ID, error) {
	ids := make([]deadletter.ID, len(args))
	for i, a := range args {
		var err error
		if ids[i], err = deadletter.ParseID(a); err != nil {
			return nil, usageError(err)
		}
	}
	return ids, nil
}

type deadletterShowCmd struct {
	letterBox `embed:""`
	IDs       []string `arg:"" name:"id" help:"Dead letters, as list --each names them."`
	All       bool     `help:"Show all octets; otherwise the first 4096."`
	Format    string   `help:"Form of the result: ${enum}." enum:"table,json" default:"table"`
}

// Run shows dead letters, one after the other.
func (c *deadletterShowCmd) Run(ctx context.Context, g *globals) error {
	ids, err := parseIDs(c.IDs)
	if err != nil {
		return err
	}
	box, done, err := c.open(ctx, g)
	if err != nil {
		return err
	}
	defer done()
	for i, id := range ids {
		one, err := box.Show(ctx, id)
		if err != nil {
			return err
		}
		if c.Format == formatJSON {
			err = json.NewEncoder(g.stdout).Encode(one)
		} else {
			lines := one.Lines(c.All)
			if i > 0 {
				lines = append([]string{""}, lines...)
			}
			_, err = fmt.Fprintln(g.stdout, strings.Join(lines, "\n"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type deadletterRequeueCmd struct {
	letterBox    `embed:""`
	letterFilter `embed:""`
	IDs          []string `arg:"" optional:"" name:"id" help:"Dead letters, as list --each names them; without any, those that the flags choose."`
	All          bool     `help:"All dead letters, where neither names nor flags choose."`
	Yes          bool     `help:"Send them back without asking."`
}

// Run sends dead letters back.
func (c *deadletterRequeueCmd) Run(ctx context.Context, g *globals) error {
	filter, err := c.filter()
	if err != nil {
		return err
	}
	ids, err := parseIDs(c.IDs)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		filter.IDs = map[deadletter.ID]bool{}
		for _, id := range ids {
			filter.IDs[id] = true
		}
	}
	if filter.Empty() && !c.All {
		return usageError(errors.New(
			"nothing is chosen: name dead letters, choose with --stage, --reason, --collector, --topic, " +
				"--from and --to, or take --all",
		))
	}
	box, done, err := c.open(ctx, g)
	if err != nil {
		return err
	}
	defer done()
	plan, err := box.Plan(ctx, filter)
	if err != nil {
		return err
	}
	if plan.Total() == 0 {
		_, err = fmt.Fprintln(
			g.stdout, strings.Join(append([]string{"nothing was sent back"}, plan.NotLines()...), "\n"),
		)
		return err
	}
	if ok, err := c.agreed(g, plan); err != nil || !ok {
		return err
	}
	sent, not, err := box.Requeue(ctx, plan)
	lines := append(deadletter.Counts("sent back", sent), append(plan.NotLines(), not.NotLines()...)...)
	_, writeErr := fmt.Fprintln(g.stdout, strings.Join(lines, "\n"))
	return errors.Join(err, writeErr)
}

// agreed reports whether to send the dead letters back. It asks on the terminal, unless --yes was
// given.
func (c *deadletterRequeueCmd) agreed(g *globals, plan deadletter.Plan) (bool, error) {
	if c.Yes {
		return true, nil
	}
	fmt.Fprintln(g.stderr, strings.Join(plan.Lines(), "\n"))
	if !terminal.IsTerminal(g.stdin) {
		return false, usageError(errors.New(
			"standard input is no terminal, so the question cannot be asked: --yes sends them back",
		))
	}
	fmt.Fprint(g.stderr, "Send them back? [y/N] ")
	answer, err := bufio.NewReader(g.stdin).ReadString('\n')
	if err == nil && strings.EqualFold(strings.TrimSpace(answer), "y") {
		return true, nil
	}
	_, err = fmt.Fprintln(g.stdout, "nothing was sent back")
	return false, err
}
