package gorillastore_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides that nothing secret is told.

// Neither ids, values nor keys appear in what a log may hold.
func TestErrorsAndLogsShowNoSecret(t *testing.T) {
	env, c, store := start(t)
	sealed := newStore(t, c, authKey, []byte("sealing-key-of-x"))
	u := newUser(t)
	var said []string
	say := func(err error) {
		if err == nil {
			t.Error("no error to look at")
			return
		}
		said = append(said, err.Error(), fmt.Sprintf("%v %+v %#v", err, err, err))
	}
	const planted = "planted-value-0123456789"
	u.set(store, "app", "k", planted)
	id, cookie := u.see(store, "app").id, u.cookie("app")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		said = append(said, fmt.Sprintf("%v %+v %#v", store, store, store), fmt.Sprintf("%v %+v %#v", *sealed.Options, sealed, sealed))
		session.Values["bad"] = discardedText{planted}
		say(session.Save(r, w))
		delete(session.Values, "bad")
		session.Values["big"] = []byte(strings.Repeat(planted, 100000))
		say(session.Save(r, w))
		delete(session.Values, "big")
		u.logOut(store, "app")
		say(store.RenewID(r, w, session))
	})
	u.set(store, "app", "k", planted)
	ids := []string{id, cookie, u.see(store, "app").id, u.cookie("app")}
	u.present("app", flip(u.cookie("app")))
	say(u.see(store, "app").err)
	u.present("app", ids[3])
	outage(t, env, c, func() {
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session, err := store.Get(r, "app")
			say(err)
			say(session.Save(r, w))
			session.Options.MaxAge = -1
			say(session.Save(r, w))
		})
	})
	secrets := slices.Concat(ids, []string{planted, string(authKey), "sealing-key-of-x", "[48 49 50 51 52"})
	for _, s := range said {
		for _, secret := range secrets {
			if strings.Contains(s, secret) {
				t.Errorf("%.200q shows a secret", s)
			}
		}
	}
}

type discardedText struct{ Text string }

type (
	embedded struct{ gorillastore.Store }
	hidden   struct{ store gorillastore.Store }
	shown    struct{ Store any }
)

// A struct of the app that holds a store by value is printed with all that is in it: no verb, no
// log and no dump may show the keys of the cookies.
func TestPrintedStoreShowsNoKey(t *testing.T) {
	_, c, _ := start(t)
	auth, seal := []byte("auth-key-of-the-cookies-01234567"), []byte("seal-key-of-cook")
	store := newStore(t, c, auth, seal)
	store.OnDecodeError = nil // encoding/json refuses functions
	c.Close()                 // what is printed must not change meanwhile
	zero := gorillastore.Store{}
	holders := map[string]any{
		"pointer": store, "value": *store, "embedded": embedded{*store}, "pointer to it": &embedded{*store}, "hidden": hidden{*store},
		"pointer to that": &hidden{*store}, "any": shown{*store}, "any pointer": shown{store}, "list": []gorillastore.Store{*store},
		"list of pointers": []*gorillastore.Store{store}, "map": map[string]gorillastore.Store{"s": *store}, "map of any": map[any]any{1: hidden{*store}},
		"never made": zero,
	}
	var secrets []string
	for _, key := range [][]byte{auth, seal} {
		part := key[:8]
		secrets = append(secrets, string(part), hex.EncodeToString(part), strings.ToUpper(hex.EncodeToString(part)), base64.StdEncoding.EncodeToString(part)[:10],
			strings.Trim(fmt.Sprint(part), "[]"), strings.Trim(fmt.Sprintf("%x", fmt.Sprintf("% x", part)), "[]"), fmt.Sprintf("% x", part),
			strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", part), "[]byte{"), "}"), strings.Trim(fmt.Sprintf("%o", part), "[]"), strings.Trim(fmt.Sprintf("%b", part), "[]"))
	}
	told := func(what, how, text string) {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s, %s: shows a key", what, how)
				return
			}
		}
	}
	for what, v := range holders {
		for verb := 'A'; verb <= 'z'; verb++ {
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "# ", "+.40"} {
				told(what, "%"+flags+string(verb), fmt.Sprintf("%"+flags+string(verb), v))
			}
		}
		told(what, "Sprint", fmt.Sprint(v)+fmt.Sprintln(v))
		told(what, "an error", fmt.Errorf("%v: %w", v, errors.New("x")).Error())
		var buf bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&buf, nil), slog.NewJSONHandler(&buf, nil)} {
			log := slog.New(h)
			log.Info("store", "store", v, slog.Group("g", "store", v))
			log.With("store", v).Info("store")
		}
		told(what, "slog", buf.String())
		b, _ := json.Marshal(v)
		told(what, "JSON", string(b))
		told(what, "a dump", dumped(reflect.ValueOf(v), 0))
	}
}

// dumped walks through everything that package reflect can reach, as packages for debugging do.
func dumped(v reflect.Value, depth int) string {
	if !v.IsValid() || depth > 12 || v.Type() == reflect.TypeFor[*cluster.Cluster]() {
		return ""
	}
	var out strings.Builder
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		out.WriteString(dumped(v.Elem(), depth+1))
	case reflect.Struct:
		for i := range v.NumField() {
			out.WriteString(dumped(v.Field(i), depth+1))
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			out.WriteString(dumped(it.Value(), depth+1))
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			out.WriteString(dumped(v.Index(i), depth+1))
		}
	case reflect.Uint8:
		out.WriteByte(byte(v.Uint()))
	case reflect.String:
		out.WriteString(v.String())
	}
	return out.String()
}
