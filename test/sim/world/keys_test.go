package world

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// A client lists the keys of a node over its link, in virtual time.
func TestNodesListTheirKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(1)
		defer w.Close()
		n := w.Add("n1", 0)
		ask := func(command, end string) string {
			t.Helper()
			nc, err := w.Dialer("client")(context.Background(), "tcp", n.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if _, err := io.WriteString(nc, command+"\r\n"); err != nil {
				t.Fatal(err)
			}
			var answer []byte
			for b := make([]byte, 100); !strings.HasSuffix(string(answer), end); {
				k, err := nc.Read(b)
				if err != nil {
					t.Fatal(err)
				}
				answer = append(answer, b[:k]...)
			}
			return string(answer)
		}
		const keys = 100
		for i := range keys {
			ask(fmt.Sprintf("set k%d 0 %d 1\r\nv", i, 10+i), "STORED\r\n")
		}
		list := func() int {
			t.Helper()
			return strings.Count(ask("lru_crawler metadump hash", "END\r\n"), "key=k")
		}
		began := time.Now()
		if got := list(); got != keys {
			t.Errorf("%d keys, want %d", got, keys)
		}
		if time.Since(began) == 0 {
			t.Error("the list took no time")
		}
		time.Sleep(60 * time.Second)
		if got := list(); got < keys/2-2 || got > keys/2+2 {
			t.Errorf("%d keys after a minute, want about half of %d", got, keys)
		}
		n.SetCrawler(testenv.Crawler{Refusal: testenv.RefusedByOption})
		n.Kill()
		n.Start()
		if got := ask("lru_crawler metadump hash", "\r\n"); got != testenv.RefusedByOption+"\r\n" {
			t.Errorf("in the next life: %q", got)
		}
	})
}
