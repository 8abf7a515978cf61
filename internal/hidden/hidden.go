// Package hidden hides what a request's context holds of a session from those who are to load the
// session anew: after a lock was taken, or within an update.
package hidden

import "context"

// KeyOf returns the key that ask asks a context for first. Packages that keep sessions in a context
// do so under a key that only they have.
func KeyOf(ask func(ctx context.Context)) any {
	p := &probe{Context: context.Background()}
	ask(p)
	return p.key
}

// probe notes the first key that it is asked for.
type probe struct {
	context.Context
	key   any
	asked bool
}

func (p *probe) Value(key any) any {
	if !p.asked {
		p.key, p.asked = key, true
	}
	return nil
}

// Without returns ctx without the values of these keys.
func Without(ctx context.Context, keys ...any) context.Context {
	return without{ctx, keys}
}

type without struct {
	context.Context
	keys []any
}

func (c without) Value(key any) any {
	for _, k := range c.keys {
		if k == key {
			return nil
		}
	}
	return c.Context.Value(key)
}
