// Command plainwords counts expressions that make text hard to read: in comments of Go, protobuf and
// SQL, in the help of metrics, in messages of logs and errors, and in documents. Each count is per
// 1,000 lines of its kind. With -bars it exits with 1 where a count is above its bar, or where a line
// of Go outside tests has more than 110 columns and can be broken.
//
// With -same COMMIT it compares each Go file that changed since the commit: comments and line breaks
// may differ, the tokens may not. It exits with 1 where one differs.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	dir := flag.String("dir", ".", "the folder of the repository")
	bars := flag.Bool("bars", false, "exit with 1 where a count is above its bar")
	same := flag.String("same", "", "compare the tokens of Go files with those of this commit instead")
	flag.Parse()
	ok, err := run(context.Background(), os.Stdout, *dir, *same)
	code := 0
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "plainwords:", err)
		code = 2
	case !ok && (*bars || *same != ""):
		code = 1
	}
	os.Exit(code) //nolint:forbidigo // main
}

// run prints the counts or the comparison. It reports whether all counts are at most their bars, or
// all files have the same tokens.
func run(ctx context.Context, w io.Writer, dir, commit string) (bool, error) {
	if commit != "" {
		return compare(ctx, w, dir, commit)
	}
	texts, long, err := read(ctx, dir)
	if err != nil {
		return false, err
	}
	return count(w, texts, long), nil
}
