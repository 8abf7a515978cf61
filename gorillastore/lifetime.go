package gorillastore

import (
	"time"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides how long a session lives, and how it remembers a MaxAge of its own.

const (
	// DefaultMaxAge is the Options.MaxAge of a new Store, in seconds: 30 days.
	DefaultMaxAge = 30 * 24 * 60 * 60

	// DefaultLifetime is how long a session with MaxAge 0 lives on the nodes after it was last
	// saved, unless Store.DefaultLifetime says otherwise.
	DefaultLifetime = 24 * time.Hour

	// maxAgeLimit is the largest MaxAge that is used as it stands, in seconds: ten years. Browsers
	// keep no cookie for longer than 400 days.
	maxAgeLimit = 10 * 365 * 24 * 60 * 60
)

// maxAgeKey is the key under which a record keeps the MaxAge of a session that has one of its own.
// It looks like a value of the app, and is none: an instance of an older version, which shares the
// nodes while a new one is rolled out, hands it on as it hands on the app's values, while a name
// with serializer.ReservedPrefix would make the whole session unreadable for it.
const maxAgeKey = "holdfast/gorillastore.MaxAge"

// maxAgeAttr is its attribute. Sessions with the store's MaxAge have none, so that a change of the
// store's reaches them.
var maxAgeAttr = func() string {
	name, err := serializer.MarshalKey(maxAgeKey)
	if err != nil {
		panic(err) // a string can always be a key
	}
	return name
}()

// MaxAge sets the lifetime of sessions, in seconds, in Options.MaxAge: below 0 every Save deletes,
// 0 means until the browser ends. It holds for cookies, records and nodes alike, and so does the
// Options.MaxAge of a single session, be it shorter or longer: the signature of a cookie has no end
// of its own here (unlike in CookieStore, where a session cannot outlive the MaxAge of its store),
// the record's deadline decides alone. Call it before requests are served.
func (s *Store) MaxAge(age int) {
	if s == nil {
		return
	}
	opts := s.options()
	opts.MaxAge = age
	s.Options = opts
}

// lifetime is how long a session with this MaxAge (in seconds, not negative) lives from now on.
func (s *Store) lifetime(maxAge int) time.Duration {
	switch {
	case maxAge > 0:
		return time.Duration(min(maxAge, maxAgeLimit)) * time.Second
	case s.DefaultLifetime > 0:
		return s.DefaultLifetime
	default:
		return DefaultLifetime
	}
}

// deadline is when the session ends unless it is saved again.
func (s *Store) deadline(session *sessions.Session) time.Time {
	return time.Now().Add(s.lifetime(session.Options.MaxAge))
}

// lifespan is the MaxAge of a session, as the store last saw it.
type lifespan struct {
	maxAge int
	// own: the session keeps this MaxAge, whatever the store's is.
	own bool
}

// usual is the lifespan of a session that has no MaxAge of its own.
func (s *Store) usual() lifespan {
	if s.Options == nil {
		return lifespan{maxAge: DefaultMaxAge}
	}
	return lifespan{maxAge: s.Options.MaxAge}
}

// stored returns the lifespan of a session with these attributes. A store whose MaxAge is negative
// deletes all its sessions.
func (s *Store) stored(attrs map[string][]byte) lifespan {
	usual := s.usual()
	b, ok := attrs[maxAgeAttr]
	if !ok || usual.maxAge < 0 {
		return usual
	}
	v, err := serializer.Unmarshal(b)
	if age, ok := v.(int); err == nil && ok && age >= 0 {
		return lifespan{age, true}
	}
	return usual
}

// live gives a session that was just loaded the MaxAge that is stored with it, unless the app has
// changed it already.
func (s *Store) live(session *sessions.Session, t *track) {
	span := s.stored(t.rec.Attrs)
	if session.Options != nil && session.Options.MaxAge == t.span.maxAge {
		session.Options.MaxAge = span.maxAge
	}
	t.span = span
}

// wanted returns the lifespan of a session that was last seen with one and has this MaxAge now. A
// session is given a MaxAge of its own by changing it, and loses it when it is given the store's.
func (s *Store) wanted(last lifespan, maxAge int) lifespan {
	if maxAge == last.maxAge {
		return last
	}
	return lifespan{maxAge, maxAge != s.usual().maxAge}
}

// record puts the lifespan into the attributes that are to be stored.
func (l lifespan) record(attrs map[string][]byte) error {
	if !l.own {
		return nil
	}
	b, err := serializer.Marshal(min(l.maxAge, maxAgeLimit))
	attrs[maxAgeAttr] = b
	return err
}
