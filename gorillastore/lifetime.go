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

	// maxAgeLimit is the largest MaxAge, in seconds: ten years; a larger one counts as this one.
	// Browsers keep no cookie for longer than 400 days.
	maxAgeLimit = 10 * 365 * 24 * 60 * 60
)

// maxAgeKey is the key under which a record keeps the MaxAge of a session that has one of its own.
// The key has the form of an app's key, because an instance of an older version may share the nodes
// during a rolling deploy: it keeps such a value as it keeps the app's values, while a name with
// serializer.ReservedPrefix would make the whole session unreadable for it.
const maxAgeKey = "holdfast/gorillastore.MaxAge"

// maxAgeAttr is the attribute of maxAgeKey. Sessions with the store's MaxAge do not have it, so
// that a change of the store's MaxAge reaches them.
var maxAgeAttr = func() string {
	name, err := serializer.MarshalKey(maxAgeKey)
	if err != nil {
		panic(err) // a string can always be a key
	}
	return name
}()

// MaxAge sets Options.MaxAge, the lifetime of sessions in seconds. With 0 a session lasts until the
// browser ends; below 0 every Save deletes the session. The MaxAge holds for cookies and records
// alike. A single session may have a shorter or longer Options.MaxAge: here the signature of a
// cookie has no end of its own (unlike in CookieStore, where a session cannot outlive the MaxAge of
// its store), and the record's deadline alone decides. Call MaxAge before requests are served.
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

// lifespan is the MaxAge that a session had when it was last loaded or saved.
type lifespan struct {
	maxAge int
	// own says that the session keeps this MaxAge, whatever the store's is.
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

// wanted returns the new lifespan of a session that had the lifespan last and has this MaxAge now.
// An app gives a session a MaxAge of its own by changing Options.MaxAge, and takes it away by
// setting the store's MaxAge.
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
