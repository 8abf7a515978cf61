package main

// The rules of the driver for gorilla/sessions.

var gorilla = []rule{
	one("gorilla: a session that was not loaded is saved", "gorillastore.(*Store).save",
		"if t.failed != nil { return", "if false { return"),
	one("gorilla: the old id lives on after a renewal", "(*Store).storeAs",
		"if err := s.cluster.Delete(ctx, old.Key()); err != nil {", "if err := error(nil); err != nil {"),
	one("gorilla: an outage is a new session", "(*Store).load",
		"case errors.Is(err, cluster.ErrNotFound):", "case errors.Is(err, cluster.ErrNotFound), errors.Is(err, cluster.ErrUnavailable):"),
	one("gorilla: a save after a logout fails", "(*Store).storeAgain",
		"s.takeBackID(w, session.Name(), t.rec.Key()); return nil", "return err"),
	one("gorilla: a session deleted meanwhile lives on under a new id", "(*Store).storeAs",
		"if errors.Is(err, cluster.ErrNotFound) {", "if false {"),
	one("gorilla: the old id is destroyed before the new one is stored", "(*Store).storeAs",
		"rec := cluster.NewRecord(id)", `
			if t.rec != nil {
				_ = s.cluster.Delete(ctx, t.rec.Key())
			}
			rec := cluster.NewRecord(id)`),
	one("gorilla: the cookie goes though the session could not be deleted", "(*Store).destroy", `
			if err := s.cluster.Delete(ctx, id); err != nil {
				return fmt.Errorf("gorillastore: session %q could not be deleted and still exists; its cookie was left, so that the user can try again: %w", session.Name(), err)
			}`, "_ = s.cluster.Delete(ctx, id)"),
	one("gorilla: a client that leaves takes back what its request did", "gorillastore.(*Store).save",
		"ctx := context.WithoutCancel(r.Context())", "ctx := r.Context()"),
	one("gorilla: each save adds a cookie", "(*Store).setCookie",
		`return id != "" || samePlace(earlier, cookie)`, "return false"),
	one("gorilla: an id stays at another path of the response", "(*Store).setCookie",
		`return id != "" || samePlace(earlier, cookie)`, "return samePlace(earlier, cookie)"),
	one("gorilla: the id of a session that was deleted meanwhile is sent", "(*Store).storeAgain",
		"s.takeBackID(w, session.Name(), t.rec.Key())", ""),
	one("gorilla: browsers drop a cookie with SameSite=None", "mustBeSecure",
		"return opts.SameSite == http.SameSiteNoneMode || opts.Partitioned ||", "return opts.Partitioned ||"),
	one("gorilla: a dead cookie hides the one behind it", "(*Store).load",
		"case errors.Is(err, cluster.ErrNotFound): continue", "case errors.Is(err, cluster.ErrNotFound): return"),
	one("gorilla: any number of cookies is looked at", "(*Store).presentedIDs",
		"len(ids) == maxPresented", "false"),
	one("gorilla: logging out leaves the session of another cookie", "(*Store).destroy",
		"for _, p := range t.presented {", "for _, p := range t.presented[:0] {"),
	one("gorilla: the error of a load outlives the save", "(*Store).saved",
		"t.rec, t.trouble = rec, nil", "t.rec = rec"),
	one("gorilla: what was put into a session that was not loaded stays", "(*Store).retry",
		"clear(session.Values)", ""),
	one("gorilla: a store saves the session of another", "gorillastore.(*Store).save",
		"if t.store != s {", "if t.store != s && false {"),
	one("gorilla: a store hands out the session of another", "(*Store).Get",
		"if t.store != s {", "if t.store != s && false {"),
	one("gorilla: a store keeps the session of another", "(*Store).Get",
		"_, _ = registry.Get(t.store, name)", ""),
	one("gorilla: a session forgets its MaxAge", "(*Store).load",
		"s.live(session, t)", ""),
	one("gorilla: a MaxAge of the store is written into each session", "lifespan.record",
		"if !l.own {", "if false {"),
	one("gorilla: older versions cannot read a session with a MaxAge of its own", "maxAgeAttr",
		"serializer.MarshalKey(maxAgeKey)", "serializer.ReservedPrefix+maxAgeKey, error(nil)"),
	one("gorilla: a session loses its MaxAge when the store's is the same for a while", "(*Store).wanted",
		"if maxAge == last.maxAge {", "if false {"),
	one("gorilla: a value that the app left alone is written", "keepUntouched",
		"&& serializer.Equal(before, b) {", "&& false {"),
	one("gorilla: a new id drops what this version does not know", "(*Store).prepare",
		"if t.rec != nil { stored", "if t.rec != nil && t.rec.Key() == id { stored"),
	one("gorilla: values are compared with a save that failed", "(*Store).storeAgain",
		"t.rec.Attrs = stored", "_ = stored"),
	one("gorilla: a key of a moved type becomes two", "keepUntouched",
		"if b, written := attrs[now]; moved && written && stored[now] == nil {",
		"if b, written := attrs[now]; false && moved && written && stored[now] == nil {"),
}
