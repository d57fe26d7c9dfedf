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
	// pathKey is a key whose value is a path of this machine.
	pathKey = regexp.MustCompile(`(^|[._])(file|path|directory)$|\.asn\.files\[\d+\]$`)
	envKey  = regexp.MustCompile(`\.env$`)
)

// resolveTimeout bounds the look-up of one name.
const resolveTimeout = 3 * time.Second

// Reach checks what Validate cannot see: files and folders that do not exist or cannot be read, of those that are made (the tag `made`) the folder
// that they are made in, environment variables that are not set, names that do not resolve, and port 0. What is as in defaults is not looked at: nobody wrote it. The error joins all faults.
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

// texts calls fn with every text of a configuration that is not empty, those of lists one by one.
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

// reach says why a value cannot be reached.
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

// folderOf says why the folder in which a path is made cannot be used.
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

// resolve looks a name up. Addresses, and no host at all, need none.
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
