// Command pin gives images in YAML files their digests, which it asks the registries for.
// It has a go.mod of its own: nothing of it is linked into darkmap.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/crane"
)

// perImage is how long a registry may take for one image.
const perImage = 30 * time.Second

// own are the images that this repository builds: their digest is known when they are built.
const own = "darkmap"

func main() {
	check := flag.Bool("check", false, "ask no registry and change no file: fail if an image has no digest")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *check {
		err = unpinned(flag.Args())
	} else {
		err = pin(ctx, flag.Args(), digest, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// image matches a line of YAML that names an image. The reference is the third group.
var image = regexp.MustCompile(`(?m)^(\s*(?:- )?image:\s*)(["']?)([^\s"'#{}]+)(["']?)\s*(?:#.*)?$`)

// references returns the references to images in YAML text, each once, in order.
func references(text []byte) []string {
	var all []string
	for _, m := range image.FindAllSubmatch(text, -1) {
		if r := string(m[3]); !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

func isPinned(reference string) bool { return strings.Contains(reference, "@sha256:") }

// isOwn reports whether a reference names an image of this repository, which may have a variable as
// its tag.
func isOwn(reference string) bool {
	name, _, _ := strings.Cut(reference, ":")
	return name == own
}

// unpinned returns an error that names each image without a digest, and its file.
func unpinned(paths []string) error {
	var faults []error
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, r := range references(text) {
			if !isPinned(r) {
				faults = append(faults, fmt.Errorf("%s: image %s has no digest", path, r))
			}
		}
	}
	return errors.Join(faults...)
}

// digest asks an image's registry for the digest of its index.
func digest(ctx context.Context, reference string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, perImage)
	defer cancel()
	return crane.Digest(reference, crane.WithContext(ctx))
}

// pin adds to images without a digest the one that ask returns. Tags stay, for people. Images whose
// registry gives no digest stay as they are, and pin returns an error that names them.
func pin(
	ctx context.Context, paths []string, ask func(context.Context, string) (string, error), out io.Writer,
) error {
	digests, failed := map[string]string{}, map[string]bool{}
	var faults []error
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, r := range references(text) {
			if isPinned(r) || isOwn(r) || digests[r] != "" || failed[r] {
				continue
			}
			d, err := ask(ctx, r)
			if err != nil {
				failed[r] = true
				faults = append(faults, fmt.Errorf("image %s stays without a digest: %w", r, err))
				continue
			}
			digests[r] = d
			fmt.Fprintf(out, "%s@%s\n", r, d)
		}
		if err := write(path, text, digests); err != nil {
			return err
		}
	}
	return errors.Join(faults...)
}

// write replaces the references that have digests, if there are any in the file.
func write(path string, text []byte, digests map[string]string) error {
	changed := image.ReplaceAllFunc(text, func(line []byte) []byte {
		m := image.FindSubmatchIndex(line)
		d := digests[string(line[m[6]:m[7]])]
		if d == "" {
			return line
		}
		return slices.Concat(line[:m[7]], []byte("@"+d), line[m[7]:])
	})
	if slices.Equal(changed, text) {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, changed, info.Mode().Perm())
}
