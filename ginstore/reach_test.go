package ginstore_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"

	"github.com/holdfast-go/holdfast/ginstore"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// No panic leaves a public function of a Store without what it stands on.
func TestNoPanicLeavesAPublicFunction(t *testing.T) {
	for name, s := range map[string]ginstore.Store{"zero": {}, "of nil": ginstore.New(nil), "of a zero Store": ginstore.New(&gorillastore.Store{})} {
		for call, f := range map[string]func(c *gin.Context){
			"Options":  func(*gin.Context) { s.Options(sessions.Options{}) },
			"Sessions": func(c *gin.Context) { s.Sessions("app", nil)(c) },
			"Renew": func(c *gin.Context) {
				if s.Renew(c, "app") == nil {
					t.Errorf("%s: Renew is no error", name)
				}
			},
			"Destroy":    func(c *gin.Context) { _ = s.Destroy(c, "app") },
			"a bad name": func(c *gin.Context) { _ = s.Destroy(c, "no name"); _ = s.Renew(c, "") },
			"no request": func(c *gin.Context) {
				c.Request = nil
				_ = s.Destroy(c, "app")
				_ = s.Renew(c, "app")
			},
			"no context": func(*gin.Context) { _ = s.Destroy(nil, "app"); _ = s.Renew(nil, "app") },
			"print":      func(*gin.Context) { _ = fmt.Sprint(s) },
		} {
			func() {
				defer func() {
					if v := recover(); v != nil {
						t.Errorf("%s of a Store that is %s panics: %v", call, name, v)
					}
				}()
				c, _ := gin.CreateTestContext(httptest.NewRecorder())
				c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
				f(c)
			}()
		}
	}
}
