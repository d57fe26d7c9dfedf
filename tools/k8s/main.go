// Command k8s renders deploy/chart into deploy/k8s, and packs both for a release. Its tests hold the
// rules for deployed objects.
// It has a go.mod of its own: neither helm nor kustomize is linked into darkmap.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	root := flag.String("root", "../..", "folder of the repository")
	build := flag.String("build", "",
		"print this overlay, or the chart with its values, instead of writing files: single, cluster, chart")
	out := flag.String("release", "", "write the chart's package and the overlays of a release into this folder")
	var e edition
	flag.StringVar(&e.version, "version", "", "the release's version, without v")
	flag.StringVar(&e.repository, "repository", "darkmap", "the repository of the release's image")
	flag.StringVar(&e.digest, "digest", "", "the digest of the release's image")
	date := flag.Int64("date", 0, "the date of the release, in seconds since 1970")
	flag.Parse()
	log.SetOutput(io.Discard) // helm logs each symbolic link
	e.date = time.Unix(*date, 0)
	var err error
	if *out != "" {
		err = e.write(filepath.Join(*root, "deploy/k8s"), filepath.Join(*root, "deploy/chart"), *out)
	} else {
		err = run(*root, *build)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "k8s:", err)
		os.Exit(1)
	}
}

// run writes the files that the chart determines, or prints an overlay.
func run(root, build string) error {
	k8s, chart := filepath.Join(root, "deploy/k8s"), filepath.Join(root, "deploy/chart")
	switch build {
	case "":
		return write(k8s, chart)
	case "chart":
		all, err := renderChart(chart, nil)
		if err != nil {
			return err
		}
		for _, o := range all {
			b, err := marshal(o)
			if err != nil {
				return err
			}
			fmt.Printf("---\n%s", b)
		}
		return nil
	}
	text, err := buildOverlay(filepath.Join(k8s, "overlays", build))
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	return err
}

// write writes the files and removes those that the chart no longer produces.
func write(k8s, chart string) error {
	files, err := generated(chart)
	if err != nil {
		return err
	}
	old, err := existing(k8s)
	if err != nil {
		return err
	}
	for _, name := range old {
		if _, stays := files[name]; !stays {
			if err := os.Remove(filepath.Join(k8s, name)); err != nil {
				return err
			}
		}
	}
	for name, text := range files {
		path := filepath.Join(k8s, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if now, err := os.ReadFile(path); err == nil && slices.Equal(now, text) {
			continue
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
