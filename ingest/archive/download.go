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

// errStalled is a transfer that stands still, or nearly.
var errStalled = errors.New("the transfer stands still")

const (
	// leastRate, in octets a second, is below what a transfer counts as standing still: 64 KiB in the default of StallTimeout.
	leastRate = 64 << 10 / 30
	// progress is how many octets more make attempts count anew.
	progress = 1 << 20
)

const (
	partSuffix = ".part" // of what was downloaded so far
	metaSuffix = ".meta" // of what is known about that
	copySuffix = ".cut-" // and a number: of a copy of what was downloaded so far
)

// meta tells whether a download that was broken off may go on.
type meta struct {
	URL string `json:"url"`
	// Validator is what If-Range takes: a strong ETag or a Last-Modified.
	Validator string `json:"validator"`
	Size      int64  `json:"size"`
	// Refused, beside a file that is whole, is a checksum of the index that it does not have, though it was fetched anew for it.
	Refused string `json:"refused,omitempty"`
}

// download brings file to path, going on where an earlier attempt ended.
func (f *Fetcher) download(ctx context.Context, file File, path string) error {
	if whole(path, file.URL) { // we were killed before it was named
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
		<-slots // before a pause: another file may come
		if err == nil {
			break
		}
		if errors.Is(err, syscall.ENOSPC) {
			if room, evictErr := f.squeeze(max(file.About()-partSize(path), progress)); evictErr != nil {
				return errors.Join(err, evictErr)
			} else if room {
				failures-- // it is no fault of the server's
				continue
			}
		}
		if now := partSize(path); now >= before+progress { // it goes on, if in parts
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

// keep gives what was downloaded its name, if it is what was announced.
func (f *Fetcher) keep(file File, path string) error {
	if err := verify(path+partSuffix, file.Checksum); err != nil {
		return errors.Join(err, f.forget(path))
	}
	if err := os.Rename(path+partSuffix, path); err != nil {
		return fmt.Errorf("naming it: %w", err)
	}
	_ = os.Remove(path + metaSuffix)      // of no use any more
	if err := f.makeRoom(0); err != nil { // how much it would be was perhaps not known before
		return err
	}
	f.metrics.files.Inc()
	return nil
}

// attempt sends one request and appends what comes.
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
	resp, err := f.c.do(ctx, file.URL, func(code int) bool { return isOK(code) || have > 0 && code == http.StatusPartialContent }, headers...)
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
	if have == 0 { // or what is left of another version would be taken for this one's, were we killed between here and save
		if err := f.forget(path); err != nil {
			return err
		}
	}
	if err := writeMeta(path, meta{URL: file.URL, Validator: validator(resp.Header), Size: size}); err != nil {
		return err
	}
	body := &watched{r: resp.Body, timer: stalled, limit: f.cfg.StallTimeout, least: max(1, int(leastRate*f.cfg.StallTimeout.Seconds())), count: f.count}
	return cause(ctx, f.save(path+partSuffix, body, have, size))
}

// count notes octets that came.
func (f *Fetcher) count(n int) {
	f.metrics.bytes.Add(float64(n))
	f.received.Add(int64(n))
}

// cause says that a transfer stood still where that is why err came.
func cause(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		return fmt.Errorf("%w: %v", errStalled, err) //nolint:errorlint // it is a cancellation of our own making
	}
	return err
}

// save writes a body behind the first have octets of path and checks that it has size octets then (-1: unknown).
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

// watched notices that nothing comes any more, or so little that it would take for ever.
type watched struct {
	r     io.Reader
	timer *time.Timer
	limit time.Duration
	least int // octets within limit
	came  int // octets since timer was set
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

// goesOn checks that a partial answer is the rest of what is here: not every server heeds If-Range. One may leave out what identifies
// its version (RFC 9110 §15.3.7).
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

// contentRange reads the first octet's place and the file's length, -1 where it is not known (RFC 9110 §14.4).
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

// validator returns what tells one version of a file from another; a weak ETag does not.
func validator(h http.Header) string {
	if e := h.Get("ETag"); e != "" && !strings.HasPrefix(e, "W/") {
		return e
	}
	return h.Get("Last-Modified")
}

// readMeta returns how much of url's file is there already and may be kept.
func readMeta(path, url string) (meta, int64) {
	var m meta
	text, err := os.ReadFile(path + metaSuffix) //nolint:gosec // a name of our own
	if err != nil || json.Unmarshal(text, &m) != nil || m.URL != url || m.Validator == "" {
		return meta{}, 0
	}
	n := partSize(path)
	if m.Size >= 0 && n >= m.Size {
		return meta{}, 0 // it was whole, and was not taken
	}
	return m, n
}

// whole reports whether all of url's file was downloaded: what is refused then is removed.
func whole(path, url string) bool {
	text, err := os.ReadFile(path + metaSuffix) //nolint:gosec // a name of our own
	var m meta
	return err == nil && json.Unmarshal(text, &m) == nil && m.URL == url && m.Size > 0 && partSize(path) == m.Size
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
		return fmt.Errorf("noting what is downloaded: %w", err)
	}
	return nil
}

// forget removes what was downloaded so far.
func (f *Fetcher) forget(path string) error {
	var errs []error
	for _, suffix := range [...]string{partSuffix, metaSuffix} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("removing a download: %w", err))
		}
	}
	return errors.Join(errs...)
}

// verify compares a file with its checksum; an empty one fits.
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
