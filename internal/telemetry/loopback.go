package telemetry

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// LoopbackHost reports whether host, with or without a port, is localhost or a loopback address.
func LoopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// LoopbackOnly passes on requests whose Host header is a name of loopback, and answers others with
// 421. A web page whose name was pointed to loopback (DNS rebinding) sends its own name.
func LoopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !LoopbackHost(r.Host) {
			http.Error(w, "this address is for loopback: use 127.0.0.1 or localhost", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
