// Command web bundles the files that the pages load: DIR/page.ts with its imports, DIR/page.css and
// DIR/icon.svg, to DIR/dist. It first removes DIR/dist.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: web DIR")
		os.Exit(2)
	}
	if err := bundle(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}

func bundle(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	out := filepath.Join(dir, "dist")
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{
			filepath.Join(dir, "page.ts"), filepath.Join(dir, "page.css"), filepath.Join(dir, "icon.svg"),
		},
		Outdir: out, AbsWorkingDir: dir, Write: true, Bundle: true,
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
		Format: api.FormatESModule, Target: api.ES2022,
		Loader:        map[string]api.Loader{".svg": api.LoaderCopy},
		LegalComments: api.LegalCommentsNone, LogLevel: api.LogLevelWarning,
	})
	if len(result.Errors) > 0 {
		return fmt.Errorf("%d errors", len(result.Errors))
	}
	return nil
}
