package config

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"time"
)

var (
	// pathKey matches a key whose value is a path on this machine.
	pathKey = regexp.MustCompile(`(^|[._])(file|path|directory)$|\.asn\.files\[\d+\]$`)
	envKey  = regexp.MustCompile(`\.env$`)
)

// resolveTimeout bounds the lookup of one name.
const resolveTimeout = 3 * time.Second

// Reach checks the outside world, which Validate does not: files and folders that are missing or
// unreadable (of files that the program creates, tag `made`, their folder), environment variables
// that are not set, names that do not resolve, and port 0. It skips values that equal the defaults.
// The error joins all faults.
func Reach(ctx context.Context, cfg, defaults any) error {
	usual := map[string]string{}
	texts(defaults, func(key string, _ reflect.StructTag, value string) { usual[key] = value })
	var faults []error
	texts(cfg, func(key string, tag reflect.StructTag, value string) {
		if usual[key] == value {
			return
		}
		if err := reach(ctx, key, tag, value); err != nil {
			faults = append(faults, fmt.Errorf("%s: got %q: %w", key, WithoutSecrets(value), err))
		}
	})
	return errors.Join(faults...)
}

// texts calls fn with every non-empty text of a configuration, and with each text of a list.
func texts(cfg any, fn func(key string, tag reflect.StructTag, value string)) {
	look := func(key string, tag reflect.StructTag, value string) {
		if value != "" {
			fn(key, tag, value)
		}
	}
	walk(place{value: reflect.ValueOf(cfg).Elem()}, func(p place) {
		switch v := p.value; {
		case p.parent == nil:
		case v.Kind() == reflect.String:
			look(p.key, p.field.Tag, v.String())
		case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String:
			for i := range v.Len() {
				look(fmt.Sprintf("%s[%d]", p.key, i), p.field.Tag, v.Index(i).String())
			}
		}
	})
}

// reach returns the reason why a value cannot be reached.
func reach(ctx context.Context, key string, tag reflect.StructTag, value string) error {
	form := tag.Get("form")
	switch {
	case tag.Get("made") != "":
		return folderOf(value)
	case pathKey.MatchString(key):
		f, err := os.Open(value) //nolint:gosec // the operator names the file
		if pathErr := (*os.PathError)(nil); errors.As(err, &pathErr) {
			return pathErr.Err
		}
		return errors.Join(err, f.Close())
	case envKey.MatchString(key):
		if _, ok := os.LookupEnv(value); !ok {
			return errors.New("the environment variable is not set")
		}
	case form == "host:port":
		host, port, err := net.SplitHostPort(value)
		if err == nil && strings.Trim(port, "0") == "" {
			return errors.New("want a port from 1 to 65535")
		}
		return errors.Join(err, resolve(ctx, host))
	case strings.HasPrefix(form, "a URL"):
		u, err := url.Parse(value)
		if err != nil {
			return errors.New("it is no URL")
		}
		return resolve(ctx, u.Hostname())
	}
	return nil
}

// folderOf returns the reason why the folder of a path cannot be used.
func folderOf(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if pathErr := (*os.PathError)(nil); errors.As(err, &pathErr) {
		return fmt.Errorf("the folder %s: %w", dir, pathErr.Err)
	}
	if err == nil && !info.IsDir() {
		return fmt.Errorf("%s is no folder", dir)
	}
	return err
}

// resolve looks a name up. It returns nil for an address or an empty host.
func resolve(ctx context.Context, host string) error {
	if host == "" || isIP(host) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	if _, err := net.DefaultResolver.LookupHost(ctx, host); err != nil {
		return fmt.Errorf("the name %s does not resolve", host)
	}
	return nil
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
