package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// topicsCmd groups the commands on topics.
type topicsCmd struct {
	Apply topicsApplyCmd `cmd:"" help:"Create the topics that are missing, compare the others, and change what deletes no record."`
	ACLs  topicsACLsCmd  `cmd:"" name:"acls" help:"Print the access rules that a stage needs, as commands for kafka-acls.sh."`
}

// topicsFlags are the flags of all commands on topics.
type topicsFlags struct {
	Dataset string `help:"Dataset whose topics are meant (default ${default})." default:"live" placeholder:"NAME"`
}

type topicsApplyCmd struct {
	topicsFlags `embed:""`
	DryRun      bool `help:"Print what would be done, and do nothing."`
}

// Run creates and compares topics.
func (c *topicsApplyCmd) Run(ctx context.Context, g *globals) error {
	cfg, err := prepareStage(g, c.Dataset)
	if err != nil {
		return err
	}
	defer g.tellBroker(ctx, cfg.Kafka)()
	if err := g.checkAccess(ctx, cfg.Kafka, schemas.AccessTopics); err != nil {
		return err
	}
	do := kafka.Apply
	if c.DryRun {
		do = kafka.Compare
	}
	changes, err := do(ctx, cfg.Kafka, g.log, schemas.Topics)
	if err == nil && len(changes) == 0 {
		_, err = fmt.Fprintln(g.stdout, "all topics are as they should be")
		return err
	}
	return errors.Join(writeChanges(g.stdout, changes), err)
}

// checkAccess fails if the brokers refuse a right that the command needs (schemas.Accesses).
func (g *globals) checkAccess(ctx context.Context, cfg kafka.Config, name string) error {
	a, ok := schemas.AccessOf(name)
	if !ok {
		return fmt.Errorf("the table of rights has no %s", name)
	}
	return kafka.CheckAccess(ctx, cfg, a, kafka.OnlyInstance)
}

// writeChanges prints the changes of topics, one a line under a heading.
func writeChanges(w io.Writer, changes []kafka.Change) error {
	if len(changes) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TOPIC\tCHANGE\tDETAIL") // Flush returns the errors of writing
	for _, c := range changes {
		fmt.Fprintf(table, "%s\t%s\t%s\n", c.Topic, c.Kind, c.Detail)
	}
	return table.Flush()
}

type topicsACLsCmd struct {
	topicsFlags `embed:""`
	Stage       string `help:"Stage or command: ${access}; all of them if it is left out." placeholder:"NAME"`
	User        string `help:"User to whom the rules are given (default: the stage's name)." placeholder:"NAME"`
}

// Run prints the commands.
func (c *topicsACLsCmd) Run(g *globals) error {
	cfg, err := prepareStage(g, c.Dataset)
	if err != nil {
		return err
	}
	rows := schemas.Accesses
	if c.Stage != "" {
		a, ok := schemas.AccessOf(c.Stage)
		if !ok {
			return usageError(fmt.Errorf("--stage %s: want one of %s", c.Stage, accessNames()))
		}
		rows = []schemas.Access{a}
	}
	var lines []string
	for _, a := range rows {
		user := c.User
		if user == "" {
			user = a.Name
		}
		title := "# " + a.Name
		if a.For != "" {
			title += ": darkmap " + a.For
		}
		lines = append(lines, title)
		lines = append(lines, kafka.Commands(cfg.Kafka.Brokers[0], shellWord("User:"+user), cfg.Kafka.Grants(a))...)
	}
	_, err = fmt.Fprintln(g.stdout, strings.Join(lines, "\n"))
	return err
}

// accessNames lists the rows of the table of rights.
func accessNames() string {
	names := make([]string, len(schemas.Accesses))
	for i, a := range schemas.Accesses {
		names[i] = a.Name
	}
	return strings.Join(names, ", ")
}
