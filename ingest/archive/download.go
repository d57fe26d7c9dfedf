package archive

import (
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // what archives publish; it finds broken transfers, no forgery
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/darkmap/darkmap/internal/retry"
)

// errStalled reports a transfer that has stopped, or nearly.
var errStalled = errors.New("the transfer has stalled")

const (
	// leastRate is the rate in octets per second below which a transfer counts as stalled. It is 64
	// KiB within the default StallTimeout.
	leastRate = 64 << 10 / 30
	// progress is the number of new octets after which the attempts are counted from the beginning.
	progress = 1 << 20
)

const (
	partSuffix = ".part" // the part that was downloaded so far
	metaSuffix = ".meta" // the meta of that part
	copySuffix = ".cut-" // and a number: a copy of the part
)

// meta describes a partial download, so that a later attempt can decide whether to continue it.
type meta struct {
	URL string `json:"url"`
	// Validator is a value for If-Range: a strong ETag or a Last-Modified.
	Validator string `json:"validator"`
	Size      int64  `json:"size"`
	// Refused is set for a complete file. It is the index's checksum that the file does not match,
	// even after it was fetched again.
	Refused string `json:"refused,omitempty"`
}

// download fetches file to path. It continues where an earlier attempt ended.
func (f *Fetcher) download(ctx context.Context, file File, path string) error {
	if whole(path, file.URL) { // an earlier process ended before it renamed the file
		return f.keep(file, path)
	}
	var pause retry.Backoff
	before, slots := partSize(path), f.slot(Server(file.URL))
	for failures := 1; ; failures++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case slots <- struct{}{}:
		}
		err := f.attempt(ctx, file, path)
		<-slots // before a pause, so that another file can be fetched meanwhile
		if err == nil {
			break
		}
		if errors.Is(err, syscall.ENOSPC) {
			if room, evictErr := f.squeeze(max(file.About()-partSize(path), progress)); evictErr != nil {
				return errors.Join(err, evictErr)
			} else if room {
				failures-- // a full disk is not the server's fault
				continue
			}
		}
		if now := partSize(path); now >= before+progress { // there is progress, although in parts
			before, failures = now, 0
		}
		if ctx.Err() != nil || failures >= f.cfg.Attempts || !retriable(err) {
			return err
		}
		f.metrics.retries.Inc()
		if err := f.c.pause(ctx, &pause, err); err != nil {
			return err
		}
	}
	return f.keep(file, path)
}

// keep renames the download to its final name, if it matches the announced checksum.
func (f *Fetcher) keep(file File, path string) error {
	if err := verify(path+partSuffix, file.Checksum); err != nil {
		return errors.Join(err, f.forget(path))
	}
	if err := os.Rename(path+partSuffix, path); err != nil {
		return fmt.Errorf("naming it: %w", err)
	}
	_ = os.Remove(path + metaSuffix)      // of no use any more
	if err := f.makeRoom(0); err != nil { // the size was perhaps unknown before
		return err
	}
	f.metrics.files.Inc()
	return nil
}

// attempt sends one request and appends the response to the partial file.
func (f *Fetcher) attempt(ctx context.Context, file File, path string) error {
	m, have := readMeta(path, file.URL)
	var headers []string
	if have > 0 {
		headers = []string{"Range", fmt.Sprintf("bytes=%d-", have), "If-Range", m.Validator}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(f.cfg.AnswerTimeout+f.cfg.StallTimeout, func() { cancel(errStalled) })
	defer stalled.Stop()
	resp, err := f.c.do(ctx, file.URL, func(code int) bool {
		return isOK(code) || have > 0 && code == http.StatusPartialContent
	}, headers...)
	if s, ok := errors.AsType[*statusError](err); ok && s.code == http.StatusRequestedRangeNotSatisfiable {
		return errors.Join(fmt.Errorf("%w: %w", ErrIncomplete, err), f.forget(path))
	}
	if err != nil {
		return cause(ctx, err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if resp.StatusCode == http.StatusOK {
		have = 0
	} else if err := m.goesOn(resp.Header, have); err != nil {
		return errors.Join(err, f.forget(path))
	}
	size := cmp.Or(file.Size, -1)
	if resp.ContentLength >= 0 {
		size = have + resp.ContentLength
	}
	if size > f.cfg.FileBytes {
		return fmt.Errorf("%d octets, at most %d are fetched: %w", size, f.cfg.FileBytes, errTooLarge)
	}
	if file.Size > 0 && size >= 0 && size != file.Size {
		return fmt.Errorf("the server has %d octets instead of %d: %w", size, file.Size, ErrIncomplete)
	}
	if err := f.makeRoom(max(size-have, 0)); err != nil {
		return err
	}
	// otherwise, after a crash before save, the rest of another version would pass for this one's
	if have == 0 {
		if err := f.forget(path); err != nil {
			return err
		}
	}
	if err := writeMeta(path, meta{URL: file.URL, Validator: validator(resp.Header), Size: size}); err != nil {
		return err
	}
	body := &watched{
		r: resp.Body, timer: stalled, limit: f.cfg.StallTimeout,
		least: max(1, int(leastRate*f.cfg.StallTimeout.Seconds())), count: f.count,
	}
	return cause(ctx, f.save(path+partSuffix, body, have, size))
}

// count counts received octets.
func (f *Fetcher) count(n int) {
	f.metrics.bytes.Add(float64(n))
	f.received.Add(int64(n))
}

// cause wraps err in errStalled if the transfer was cancelled because it stalled.
func cause(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		return fmt.Errorf("%w: %v", errStalled, err) //nolint:errorlint // it is a cancellation of our own making
	}
	return err
}

// save writes a body after the first have octets of path. It then checks that the file has size
// octets (-1: unknown).
func (f *Fetcher) save(path string, body io.Reader, have, size int64) error {
	flags := os.O_WRONLY | os.O_CREATE
	if have == 0 {
		flags |= os.O_TRUNC
	}
	out, err := os.OpenFile(path, flags, 0o640) //nolint:gosec // a name of our own
	if err != nil {
		return fmt.Errorf("opening the cache's file: %w", err)
	}
	n := int64(0)
	if _, err = out.Seek(have, io.SeekStart); err == nil {
		n, err = io.Copy(out, io.LimitReader(body, f.cfg.FileBytes-have+1))
	}
	switch got := have + n; {
	case err != nil:
		err = fmt.Errorf("after %d octets: %w", got, err)
	case got > f.cfg.FileBytes:
		err = fmt.Errorf("more than %d octets: %w", f.cfg.FileBytes, errTooLarge)
	case size >= 0 && got != size:
		err = fmt.Errorf("%d octets instead of %d: %w", got, size, ErrIncomplete)
	default:
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// watched is a body that resets a timer whenever enough octets have come. The timer ends a transfer
// that has stopped, or is so slow that it would hardly end.
type watched struct {
	r     io.Reader
	timer *time.Timer
	limit time.Duration
	least int // octets that must come within limit
	came  int // octets since the timer was set
	count func(int)
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	w.count(n)
	if w.came += n; w.came >= w.least {
		w.came = 0
		w.timer.Reset(w.limit)
	}
	return n, err
}

// goesOn checks that a partial response is the rest of the file, because not every server heeds
// If-Range. A server may leave out the identification of its version (RFC 9110 §15.3.7).
func (m *meta) goesOn(h http.Header, have int64) error {
	at, total, err := contentRange(h.Get("Content-Range"))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrIncomplete, err)
	case at != have:
		return fmt.Errorf("it goes on at %d instead of %d: %w", at, have, ErrIncomplete)
	case m.Size >= 0 && total >= 0 && total != m.Size:
		return fmt.Errorf("it has %d octets by now, and had %d: %w", total, m.Size, ErrIncomplete)
	}
	now := h.Get("Last-Modified")
	if strings.HasPrefix(m.Validator, `"`) {
		now = h.Get("ETag")
	}
	if now != "" && now != m.Validator {
		return fmt.Errorf("it is %.80s by now, and was %.80s: %w", now, m.Validator, ErrIncomplete)
	}
	return nil
}

// contentRange returns the position of the first octet and the file's length, -1 if unknown (RFC
// 9110 §14.4).
func contentRange(v string) (first, total int64, err error) {
	rest, ok := strings.CutPrefix(v, "bytes ")
	from, rest, ok2 := strings.Cut(rest, "-")
	_, length, _ := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return 0, 0, fmt.Errorf("content range %.40q", v)
	}
	if total, err = strconv.ParseInt(length, 10, 64); err != nil {
		total = -1
	}
	first, err = strconv.ParseInt(from, 10, 64)
	return first, total, err
}

// validator returns the value that identifies a version of a file. A weak ETag does not.
func validator(h http.Header) string {
	if e := h.Get("ETag"); e != "" && !strings.HasPrefix(e, "W/") {
		return e
	}
	return h.Get("Last-Modified")
}

// readMeta returns the meta and the length of url's partial file. The length is 0 if the part
// cannot be continued.
func readMeta(path, url string) (meta, int64) {
	var m meta
	text, err := os.ReadFile(path + metaSuffix) //nolint:gosec // a name of our own
	if err != nil || json.Unmarshal(text, &m) != nil || m.URL != url || m.Validator == "" {
		return meta{}, 0
	}
	n := partSize(path)
	if m.Size >= 0 && n >= m.Size {
		return meta{}, 0 // the part was complete, and was not accepted
	}
	return m, n
}

// whole reports whether all of url's file was downloaded. A complete file that is refused is
// removed, so it does not pass.
func whole(path, url string) bool {
	text, err := os.ReadFile(path + metaSuffix) //nolint:gosec // a name of our own
	var m meta
	return err == nil && json.Unmarshal(text, &m) == nil && m.URL == url && m.Size > 0 &&
		partSize(path) == m.Size
}

func partSize(path string) int64 {
	info, err := os.Stat(path + partSuffix)
	if err != nil {
		return 0
	}
	return info.Size()
}

func writeMeta(path string, m meta) error {
	text, err := json.Marshal(m)
	if err == nil {
		err = os.WriteFile(path+metaSuffix, text, 0o640) //nolint:gosec // not secret
	}
	if err != nil {
		return fmt.Errorf("writing the metadata of a download: %w", err)
	}
	return nil
}

// forget removes the partial download.
func (f *Fetcher) forget(path string) error {
	var errs []error
	for _, suffix := range [...]string{partSuffix, metaSuffix} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("removing a download: %w", err))
		}
	}
	return errors.Join(errs...)
}

// verify compares a file with its checksum. An empty checksum always matches.
func verify(path, checksum string) error {
	if checksum == "" {
		return nil
	}
	kind, want, _ := strings.Cut(checksum, ":")
	var h hash.Hash
	switch kind {
	case "sha256":
		h = sha256.New()
	case "md5":
		h = md5.New() //nolint:gosec // see the import
	default:
		return fmt.Errorf("its checksum, %.80q, names neither sha256 nor md5", checksum)
	}
	in, err := os.Open(path) //nolint:gosec // a name of our own, or the user's
	if err != nil {
		return fmt.Errorf("reading it again: %w", err)
	}
	defer in.Close() //nolint:errcheck // only read
	if _, err := io.Copy(h, in); err != nil {
		return fmt.Errorf("reading it again: %w", err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, want) {
		return fmt.Errorf("its %s is %s instead of %s: %w", kind, got, want, ErrIncomplete)
	}
	return nil
}
