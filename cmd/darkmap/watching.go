package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/internal/config"
)

// watching reads the configuration and its watch lists with their files, and prints possible
// mistakes in the lists. The error joins all faults of both.
func (g *globals) watching() (*configuration, *watch.Reader, error) {
	var first *configuration
	lists, err := watch.Open(func() (watch.Loaded, error) {
		c := first
		var faults error
		if first == nil || !g.readOnce() {
			c = defaultConfiguration()
			faults = c.load(g.Config, g.Set)
		}
		if first == nil {
			first = c
		}
		l, err := watch.Load(c.Watch, g.Config)
		return l, errors.Join(faults, err)
	})
	if err != nil {
		return nil, nil, usageError(err)
	}
	g.tellNotes(lists.Notes())
	return first, lists, nil
}

// readOnce reports whether the configuration is a pipe, which cannot be read again.
func (g *globals) readOnce() bool {
	return g.Config != "" && readOnce(g.Config)
}

// tellNotes prints possible mistakes in watch lists.
func (g *globals) tellNotes(notes []string) {
	for _, note := range notes {
		fmt.Fprintf(g.stderr, "darkmap: %s\n", note)
	}
}

// hangups returns the SIGHUP signals until ctx ends. They make files be read again. It returns nil,
// a channel without signals, on a terminal, where SIGHUP means that the terminal has closed, and
// under nohup, which ignores the signal.
func (g *globals) hangups(ctx context.Context) <-chan os.Signal {
	if g.line.Terminal() || signal.Ignored(syscall.SIGHUP) {
		return nil
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	context.AfterFunc(ctx, func() { signal.Stop(c) })
	return c
}

// watchFile reads watch lists from a file: a list of lists, or a configuration with a section
// watch. An empty path returns none.
func (g *globals) watchFile(path string) ([]watch.List, error) {
	if path == "" {
		return nil, nil
	}
	section, err := watchSection(path)
	loaded, readErr := watch.Load(section, path)
	if err := errors.Join(err, readErr); err != nil {
		return nil, usageError(err)
	}
	if len(loaded.Lists) == 0 {
		return nil, usageError(fmt.Errorf("%s names no watch list: want a section watch, or a list of lists", path))
	}
	g.tellNotes(loaded.Notes)
	return loaded.Lists, nil
}

// watchSection reads the section of such a file. Relative paths are relative to the file's folder.
func watchSection(path string) (watch.Section, error) {
	c := defaultConfiguration()
	bare, err := config.IsList(path)
	switch {
	case err != nil:
		return nil, err
	case bare:
		err = config.Load(&c.Watch, path, nil)
		c.Watch.Below(filepath.Dir(path))
	default:
		err = c.load(path, nil)
	}
	return c.Watch, err
}
