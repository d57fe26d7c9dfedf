package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// CookieName is the cookie of a logged-in viewer. Its prefix makes browsers accept it only over
	// encrypted connections (or loopback), and only for this host.
	CookieName = "__Host-darkmap"
	// cookieFor is the duration of a login.
	cookieFor = 14 * 24 * time.Hour
	// cookiePurpose keeps a cookie's signature apart from any other use of a key.
	cookiePurpose = "darkmap cookie 1\n"
)

// Cookie returns the cookie for a viewer who has given a key. ok is false if the text is not one of
// the keys.
func (g *Gate) Cookie(key string) (*http.Cookie, bool) {
	if !g.Knows(key) {
		return nil, false
	}
	hashed := sha256.Sum256([]byte(key))
	text := strconv.FormatInt(g.now().Add(cookieFor).Unix(), 10) + "." + rand.Text()
	return cookie(text+"."+sign(hashed, text), int(cookieFor.Seconds())), true
}

// NoCookie returns a cookie that removes the login from a browser.
func NoCookie() *http.Cookie { return cookie("", -1) }

func cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: CookieName, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true,
		SameSite: http.SameSiteStrictMode,
	}
}

// hasCookie reports whether the request has a cookie that was signed with one of the keys and has
// not expired.
func (g *Gate) hasCookie(r *http.Request) bool {
	c, err := r.Cookie(CookieName)
	if err != nil || len(c.Value) > 200 {
		return false
	}
	i := strings.LastIndexByte(c.Value, '.')
	if i < 0 {
		return false
	}
	text, mac := c.Value[:i], c.Value[i+1:]
	until, _, _ := strings.Cut(text, ".")
	at, err := strconv.ParseInt(until, 10, 64)
	if err != nil || g.now().Unix() >= at {
		return false
	}
	found := false
	for _, k := range g.keys {
		found = hmac.Equal([]byte(mac), []byte(sign(k, text))) || found
	}
	return found
}

func sign(key [sha256.Size]byte, text string) string {
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte(cookiePurpose + text)) // never fails
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
