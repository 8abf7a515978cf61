package main

// This file lists the rules of scsstore that are taken out: which find a commit belongs
// to, what is a change, and what becomes of a session that was destroyed meanwhile.

var scs = []rule{
	one("scs: snapshot keyed by token alone", "(*Store).requestOf", `
			func (s *Store) requestOf(ctx context.Context) *request {
			if ctx == nil {
				return nil
			}`, `
			var everybody request
			func (s *Store) requestOf(ctx context.Context) *request {
			if ctx == nil || s != nil {
				return &everybody
			}`),
	one("scs: a channel that was closed when it was first seen is a request", "(*Store).requestOf",
		"r, _ := s.requests.Get(id); return r", "return s.requests.GetOrSet(id, func() *request { return new(request) })"),
	one("scs: a later find is the base", "(*request).found",
		"return whole(had.rec.Attrs) })", "return true })"),
	one("scs: the first find of a session in one piece is the base", "(*request).found",
		"return whole(had.rec.Attrs) })", "return false })"),
	one("scs: only the context tells which find a commit belongs to", "(*Store).changed",
		"base := on", "var base *snapshot"),
	one("scs: only the values tell which find a commit belongs to", "(*Store).changed",
		"base = req.snapshotOf(token)", "base = nil"),
	one("scs: a line ends with its first commit", "(*Store).CommitCtx",
		"line.SetNote(s, now)", ""),
	one("scs: bytes that are decoded twice are one request", "Decoded",
		"values.GetOrSet(address(v), l.fork)", "values.GetOrSet(address(v), func() *Line { return l })"),
	one("scs: a store takes the base of another", "(*Line).ofLocked",
		"if l.first.store == store {", "if l.first.store == store || store != nil {"),
	one("scs: what is remembered holds on to the bytes", "(*Store).CommitCtx",
		"fromPayload(bytes.Clone(b))", "fromPayload(b[:bytes.IndexByte(nil, 0)+1+len(b)])"),
	one("scs: an attribute changes with its bytes", "same",
		"|| name != wholeName && serializer.Equal(a, b)", "|| name == wholeName && serializer.Equal(a, b)"),
	one("scs: a commit after a logout fails", "(*Store).CommitCtx", `
			if errors.Is(err, cluster.ErrDestroyed) && !s.reportsDestroyed(ctx) {
				return nil
			}`, ""),
	one("scs: a destroyed session lives on under a new token", "(*Store).DeleteCtx",
		"s.deletes(req, token, s.hasGone(ctx, token))", "s.deletes(req, token, s == nil && s.hasGone(ctx, token))"),
	one("scs: only the request that knows a session remembers that it had gone", "(*Store).deletes",
		"s.gone.add(token)", ""),
	one("scs: a deletion that is repeated tells that the session had gone", "(*Store).deletes",
		"if !slices.ContainsFunc(req.deleted, func(d deletion) bool { return d.is(token) }) { req.deleted", `
			req.deleted = slices.DeleteFunc(req.deleted, func(d deletion) bool { return d.is(token) })
			if req != nil {
				req.deleted`),
	one("scs: what a destroyed session left comes with the second commit", "(*Store).changed",
		"now.rec, now.lost = &rec, base.lost", "now.rec = &rec"),
	one("scs: what a destroyed session left comes with the second renewal", "(*Store).lost",
		"maps.Copy(values, c.lost)", ""),
	one("scs: what a destroyed session left comes with a renewal of the new one", "(*Store).lost",
		"return before.lost", "return nil"),
	one("scs: a login beside a logout is lost", "own",
		"return len(now) > 1", "return false"),
	one("scs: the cookie of a dead session is set", "scsstore.(*Store).save",
		"context.WithValue(ctx, reportKey{}, true)", "context.WithValue(ctx, reportKey{}, nil)"),
	one("scs: a destroyed session shows an error page", "scsstore.(*Store).save",
		"case errors.Is(err, cluster.ErrDestroyed):", "case errors.Is(err, cluster.ErrClosed):"),
	one("scs: a stream begins without its cookie", "(*answer).FlushError", `
			if flushes(a.ResponseWriter) {
				a.begin()
			}`, "_ = flushes"),
	one("scs: a flush that cannot be commits", "(*answer).FlushError",
		"if flushes(a.ResponseWriter) {", "if flushes(a.ResponseWriter) || a != nil {"),
	one("scs: an informational answer commits", "(*answer).WriteHeader",
		"if code < 100 || code > 199 || code", "if code < 300 || code > 199 || code"),
	one("scs: files are copied", "(*answer).ReadFrom",
		"rest, err := io.Copy(a.ResponseWriter, src)", "rest, err := io.Copy(writerOnly{a}, src)"),
	one("scs: a copy of nothing commits", "(*answer).ReadFrom",
		"if a.before != nil { const first", `
			a.begin()
			if a.before != nil {
				const first`),
	one("scs: a new token takes what was left alone as it is written now", "(*Store).changed",
		"if on != nil {", "if false {"),
}
