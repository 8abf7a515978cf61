package upstream

import (
	"io"
	"os"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/tester"
	"github.com/gin-gonic/gin"

	"github.com/holdfast-go/holdfast/ginstore"
	"github.com/holdfast-go/holdfast/test/upstream/swap"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	gin.DefaultWriter = io.Discard
	os.Exit(m.Run())
}

// The tests that gin-contrib/sessions exports for stores.
func TestGinContribSessions(t *testing.T) {
	store := func(*testing.T) sessions.Store { return ginstore.New(swap.Gorilla()) }
	t.Run("GetSet", func(t *testing.T) { tester.GetSet(t, store) })
	t.Run("DeleteKey", func(t *testing.T) { tester.DeleteKey(t, store) })
	t.Run("Flashes", func(t *testing.T) { tester.Flashes(t, store) })
	t.Run("Clear", func(t *testing.T) { tester.Clear(t, store) })
	t.Run("Options", func(t *testing.T) { tester.Options(t, store) })
	t.Run("Many", func(t *testing.T) { tester.Many(t, store) })
}
