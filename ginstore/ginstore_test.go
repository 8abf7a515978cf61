package ginstore_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/ginstore"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/testenv"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	os.Exit(m.Run())
}

// begin returns a router whose handlers have the session "app", and its nodes.
func begin(t *testing.T, unavailable func(*gin.Context, error)) (*gin.Engine, ginstore.Store, *testenv.Env) {
	env := testenv.Start(t, 2, testenv.Embedded())
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.New(cluster.Config{Nodes: nodes, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	inner, err := gorillastore.New(c, []byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	store := ginstore.New(inner)
	r := gin.New()
	r.Use(store.Sessions("app", unavailable))
	r.GET("/login", func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("name", "ann")
		if err := errors.Join(session.Save(), store.Renew(c, "app"), session.Save()); err != nil {
			t.Error(err)
		}
		session.AddFlash("hello")
		if err := session.Save(); err != nil {
			t.Error(err)
		}
	})
	r.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "name %v", sessions.Default(c).Get("name")) })
	r.GET("/logout", func(c *gin.Context) {
		if err := store.Destroy(c, "app"); err != nil {
			t.Error(err)
		}
	})
	return r, store, env
}

// visit returns the answer to a browser that has these cookies.
func visit(r http.Handler, path string, cookies ...*http.Cookie) *http.Response {
	req := httptest.NewRequest(http.MethodGet, path, nil)
	for _, c := range cookies {
		req.AddCookie(c)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w.Result()
}

func body(t *testing.T, resp *http.Response) string {
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Status + " " + string(b)
}

// However often a handler saves around Renew, the answer has one cookie, that of the new id.
func TestRenewSetsOneCookie(t *testing.T) {
	r, _, _ := begin(t, nil)
	first := visit(r, "/login").Cookies()
	if len(first) != 1 {
		t.Fatalf("%d cookies; want one", len(first))
	}
	second := visit(r, "/login", first[0]).Cookies()
	if len(second) != 1 {
		t.Fatalf("%d cookies at the second login; want one", len(second))
	}
	if got := body(t, visit(r, "/", second[0])); !strings.Contains(got, "name ann") {
		t.Errorf("with the new cookie: %s", got)
	}
	if got := body(t, visit(r, "/", first[0])); !strings.Contains(got, "name <nil>") {
		t.Errorf("the cookie of before the login still opens the session: %s", got)
	}
	visit(r, "/logout", second[0])
	if got := body(t, visit(r, "/", second[0])); !strings.Contains(got, "name <nil>") {
		t.Errorf("after the logout: %s", got)
	}
}

// A handler never sees a session that could not be loaded.
func TestNoHandlerRunsWithoutItsSession(t *testing.T) {
	t.Run("with an answer of the app", func(t *testing.T) {
		var got error
		r, _, env := begin(t, func(c *gin.Context, err error) {
			got = err
			c.String(http.StatusServiceUnavailable, "closed for repairs")
		})
		cookies := visit(r, "/login").Cookies()
		env.Node(0).Kill()
		env.Node(1).Kill()
		text := body(t, visit(r, "/", cookies...))
		if !strings.HasPrefix(text, "503 ") || !strings.Contains(text, "closed for repairs") || strings.Contains(text, "name") {
			t.Error(text)
		}
		if !errors.Is(got, cluster.ErrUnavailable) {
			t.Errorf("the error is %v", got)
		}
	})
	t.Run("without one", func(t *testing.T) {
		r, _, env := begin(t, nil)
		cookies := visit(r, "/login").Cookies()
		env.Node(0).Kill()
		env.Node(1).Kill()
		if text := body(t, visit(r, "/", cookies...)); !strings.HasPrefix(text, "503 ") || strings.Contains(text, "name") {
			t.Error(text)
		}
	})
}

// Somebody with a cookie that this app has not signed is a stranger, not an outage.
func TestForgedCookieIsAStranger(t *testing.T) {
	r, _, _ := begin(t, nil)
	if text := body(t, visit(r, "/", &http.Cookie{Name: "app", Value: "forged"})); !strings.HasPrefix(text, "200 ") {
		t.Error(text)
	}
}

func TestOptionsReachTheCookie(t *testing.T) {
	r, store, _ := begin(t, nil)
	store.Options(sessions.Options{Path: "/shop", MaxAge: 60, HttpOnly: true})
	cookies := visit(r, "/login").Cookies()
	if len(cookies) != 1 || cookies[0].Path != "/shop" || cookies[0].MaxAge != 60 || !cookies[0].HttpOnly {
		t.Errorf("got %v", cookies)
	}
}
