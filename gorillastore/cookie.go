package gorillastore

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

// This file decides what a cookie holds: the session's id, the version of what the client has seen
// of it (docs/sticky.md), and nothing else, valid under the session's name only.

// newID returns 256 random bits.
func newID() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: the program ends when the system has no randomness
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// idMark precedes the id in a cookie. If two pairs of keys share their first key, each accepts the
// other's cookies and decrypts them to noise. The mark tells an id from noise, so that the next
// pair is tried.
const idMark = "hfid"

// versionMark precedes a version, with its length in front, and the id behind it.
const versionMark = "hfiv"

// mostVersion is the length of the longest version that a cookie takes.
const mostVersion = 'z' - 'A'

// presented is what a cookie holds.
type presented struct{ id, version string }

// idSerializer writes what a cookie holds. Securecookie's default, gob, would build a decoder for
// each request.
type idSerializer struct{}

var (
	errNotAnID = errors.New("gorillastore: it holds no session id: another store, such as CookieStore, has made it, so use a new session name")
	errNoID    = errors.New("gorillastore: no session id")
)

func (idSerializer) Serialize(src any) ([]byte, error) {
	p, ok := src.(presented)
	switch {
	case !ok || p.id == "":
		return nil, errNoID
	case p.version == "" || len(p.version) > mostVersion:
		return []byte(idMark + p.id), nil
	}
	return []byte(versionMark + string(rune('A'+len(p.version))) + p.version + p.id), nil
}

func (idSerializer) Deserialize(src []byte, dst any) error {
	into, ok := dst.(*presented)
	if !ok {
		return errNotAnID
	}
	*into = presented{}
	text := string(src)
	if id, marked := strings.CutPrefix(text, idMark); marked && id != "" {
		into.id = id
		return nil
	}
	rest, marked := strings.CutPrefix(text, versionMark)
	if !marked || rest == "" || rest[0] <= 'A' || int(rest[0]-'A')+1 >= len(rest) {
		return errNotAnID
	}
	n := int(rest[0]-'A') + 1
	into.version, into.id = rest[1:n], rest[n:]
	return nil
}

// maxPresented is how many ids of one request are loaded at most. Each costs the nodes a load, and
// a client may send as many cookies as fit into a header.
const maxPresented = 8

// presentedIDs returns the ids of those cookies of that name that verify, in the order of the
// cookies, each id once. A browser that was given cookies of one name for several paths or domains,
// as when Options.Path has changed, sends all of them. A cookie that does not verify is passed
// over, so that a cookie set by a neighbouring site cannot keep a user out. If none verifies, the
// error is a securecookie.MultiError, as the stores of gorilla/sessions return it.
func (s *Store) presentedIDs(r *http.Request, name string) (ids []presented, err error) {
	var few [2]string
	for _, value := range s.tickets(few[:0], r, name) {
		var p presented
		refused := securecookie.DecodeMulti(name, value, &p, s.keys.codecs()...)
		known := slices.IndexFunc(ids, func(o presented) bool { return o.id == p.id })
		switch {
		case refused != nil:
			if err == nil {
				err = refused
			}
		case known >= 0 && ids[known].version != p.version:
			ids[known].version = "" // which of them the client has seen last is not known
		case known < 0:
			if ids = append(ids, p); len(ids) == maxPresented {
				return ids, nil
			}
		}
	}
	if ids != nil {
		return ids, nil
	}
	return nil, badCookie(s.carrier(), name, err)
}

// cookieFor returns the cookie that carries the id and the version; no id with a negative MaxAge
// expires it.
func (s *Store) cookieFor(r *http.Request, session *sessions.Session, p presented) (*http.Cookie, error) {
	opts, err := s.cookieOptions(r, session)
	if err != nil {
		return nil, err
	}
	return s.cookieWith(session.Name(), opts, p)
}

// cookieOptions returns the session's options as its cookie has them. The error says that browsers
// would refuse that cookie.
func (s *Store) cookieOptions(r *http.Request, session *sessions.Session) (sessions.Options, error) {
	opts := *session.Options
	opts.MaxAge = min(opts.MaxAge, maxAgeLimit)
	opts.Secure = opts.Secure || mustBeSecure(session.Name(), &opts) || r.TLS != nil || s.TrustForwardedProto && forwardedTLS(r)
	if opts.MaxAge >= 0 && hasPrefix(session.Name(), hostPrefix) && (opts.Path != "/" || opts.Domain != "") {
		return opts, fmt.Errorf("gorillastore: session %q: browsers refuse a cookie whose name begins with %q unless its Options "+
			"have Path %q and no Domain", session.Name(), hostPrefix, "/")
	}
	return opts, nil
}

// cookieWith returns the cookie of that name with these options. The error says that what it is to
// carry does not fit into it.
func (s *Store) cookieWith(name string, opts sessions.Options, p presented) (*http.Cookie, error) {
	value := ""
	if opts.MaxAge >= 0 {
		var err error
		if value, err = securecookie.EncodeMulti(name, p, s.keys.codecs()...); err != nil {
			return nil, fmt.Errorf("gorillastore: session %q: its id (%d bytes) does not fit into a cookie: %w", name, len(p.id), err)
		}
	}
	return sessions.NewCookie(name, value, &opts), nil
}

// A cookie whose name begins with one of these prefixes, in upper or lower case, makes a promise,
// and browsers drop a cookie that breaks its promise (RFC 6265bis, section 4.1.3).
const (
	securePrefix = "__Secure-"
	hostPrefix   = "__Host-"
)

func hasPrefix(name, prefix string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// mustBeSecure reports whether browsers drop the cookie unless it is marked Secure, also where the
// request did not come over TLS. Without the mark, every request would begin a new session.
func mustBeSecure(name string, opts *sessions.Options) bool {
	return opts.SameSite == http.SameSiteNoneMode || opts.Partitioned || hasPrefix(name, securePrefix) || hasPrefix(name, hostPrefix)
}

// forwardedTLS reports whether a proxy says that the client used TLS. If several proxies have
// appended to the header, the first entry is about the client.
func forwardedTLS(r *http.Request) bool {
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return strings.EqualFold(strings.TrimSpace(proto), "https")
}

// cookieError is one reason for which a cookie was refused. It is a securecookie.Error.
type cookieError struct {
	carrier string
	name    string
	cause   error
}

var _ securecookie.Error = cookieError{}

// badCookie adds the name of the cookie to each error of securecookie, and keeps the types that
// apps look for.
func badCookie(carrier, name string, err error) error {
	if err == nil {
		return nil
	}
	causes := securecookie.MultiError{err}
	errors.As(err, &causes)
	named := make(securecookie.MultiError, len(causes))
	for i, cause := range causes {
		named[i] = cookieError{carrier: carrier, name: name, cause: cause}
	}
	return named
}

func (e cookieError) Error() string {
	return fmt.Sprintf("gorillastore: the %s of session %q is refused, its user is a stranger (it was changed, has ended, or was signed with a key that New does not know): %v", e.carrier, e.name, e.cause)
}
func (e cookieError) Unwrap() error    { return e.cause }
func (e cookieError) Cause() error     { return e.cause }
func (e cookieError) IsUsage() bool    { return false }
func (e cookieError) IsDecode() bool   { return true }
func (e cookieError) IsInternal() bool { return false }
