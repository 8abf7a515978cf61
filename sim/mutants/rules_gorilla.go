package main

// The rules of the driver for gorilla/sessions.

var gorilla = []rule{
	one("gorilla: a session that was not loaded is saved", "gorillastore/save.go",
		"	if t.failed != nil {\n		return", "	if false {\n		return"),
	one("gorilla: the old id lives on after a renewal", "gorillastore/save.go",
		"		if err := s.cluster.Delete(ctx, old.Key()); err != nil {", "		if err := error(nil); err != nil {"),
	one("gorilla: an outage is a new session", "gorillastore/load.go",
		"	case errors.Is(err, cluster.ErrNotFound):\n", "	case errors.Is(err, cluster.ErrNotFound), errors.Is(err, cluster.ErrUnavailable):\n"),
	one("gorilla: a save after a logout fails", "gorillastore/save.go",
		"		s.takeBackID(w, session.Name(), t.rec.Key())\n		return nil\n", "		return err\n"),
	one("gorilla: a session deleted meanwhile lives on under a new id", "gorillastore/save.go",
		"		if errors.Is(err, cluster.ErrNotFound) {\n			// No", "		if false {\n			// No"),
	one("gorilla: the old id is destroyed before the new one is stored", "gorillastore/save.go",
		"	rec := cluster.NewRecord(id)\n", "	if t.rec != nil {\n		_ = s.cluster.Delete(ctx, t.rec.Key())\n	}\n	rec := cluster.NewRecord(id)\n"),
	one("gorilla: the cookie goes though the session could not be deleted", "gorillastore/save.go",
		"		if err := s.cluster.Delete(ctx, id); err != nil {\n			return fmt.Errorf(\"gorillastore: session %q could not be deleted and still exists, its cookie was left: %w\", session.Name(), err)\n		}", "		_ = s.cluster.Delete(ctx, id)"),
	one("gorilla: a client that leaves takes back what its request did", "gorillastore/save.go",
		"ctx := context.WithoutCancel(r.Context())", "ctx := r.Context()"),
	one("gorilla: each save adds a cookie", "gorillastore/header.go",
		"		return id != \"\" || samePlace(earlier, cookie)", "		return false"),
	one("gorilla: an id stays at another path of the response", "gorillastore/header.go",
		"		return id != \"\" || samePlace(earlier, cookie)", "		return samePlace(earlier, cookie)"),
	one("gorilla: the id of a session that was deleted meanwhile is sent", "gorillastore/save.go",
		"		s.takeBackID(w, session.Name(), t.rec.Key())\n", ""),
	one("gorilla: browsers drop a cookie with SameSite=None", "gorillastore/cookie.go",
		"	return opts.SameSite == http.SameSiteNoneMode || opts.Partitioned ||", "	return opts.Partitioned ||"),
}
