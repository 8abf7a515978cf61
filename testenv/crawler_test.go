package testenv_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// ask sends one command to a node and returns what has come of the answer when nothing more does.
func ask(t *testing.T, env *testenv.Env, command string) string {
	t.Helper()
	conn, err := env.DialContext(t.Context(), "tcp", env.Node(0).Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	back := make([]byte, 64<<10) // of an endless answer
	n, err := io.ReadFull(conn, back)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return string(back[:n]) + "<closed>"
	}
	return string(back[:n])
}

func TestWhatMayGoWrongWithAListOfKeys(t *testing.T) {
	const (
		a   = "key=a exp=-1 la=946684800 cas=1 fetch=no cls=1 size=61"
		b   = "key=b%3A exp=946684900 la=946684800 cas=2 fetch=no cls=1 size=66"
		all = "lru_crawler metadump all"
	)
	tests := []struct {
		name    string
		crawler testenv.Crawler
		ask     []string
		want    []string
	}{
		{
			"none",
			testenv.Crawler{},
			[]string{"version", all, "lru_crawler metadump 1"},
			[]string{"VERSION 1.6.18-embedded\r\n", a + "\n" + b + "\nEND\r\n", a + "\n" + b + "\nEND\r\n"},
		},
		{"-X", testenv.Crawler{Refusal: testenv.RefusedByOption}, []string{all}, []string{"ERROR metadump not allowed\r\n"}},
		{"no crawler", testenv.Crawler{Refusal: testenv.RefusedWithoutCrawler}, []string{all}, []string{"CLIENT_ERROR lru crawler disabled\r\n"}},
		{
			"busy, and then not",
			testenv.Crawler{Busy: 1},
			[]string{all, all},
			[]string{"BUSY currently processing crawler request\r\n", a + "\n" + b + "\nEND\r\n"},
		},
		{
			"1.6.24",
			testenv.Crawler{Version: "1.6.24"},
			[]string{"version", all},
			[]string{"VERSION 1.6.24\r\n", a + " flags=0 \n" + b + " flags=7 \nEND\r\n"},
		},
		{"1.6.43", testenv.Crawler{Version: "1.6.43"}, []string{all}, []string{"OK\r\n" + a + " flags=0 \n" + b + " flags=7 \nEND\r\n"}},
		{"mgdump", testenv.Crawler{Version: "1.6.19"}, []string{"lru_crawler mgdump hash"}, []string{"mg a\r\nmg b:\r\nEN\r\n"}},
		{
			"items in use",
			testenv.Crawler{Misses: true},
			[]string{all, "lru_crawler metadump 1", all, "lru_crawler metadump hash"},
			[]string{b + "\nEND\r\n", b + "\nEND\r\n", a + "\nEND\r\n", a + "\n" + b + "\nEND\r\n"},
		},
		{"cut", testenv.Crawler{CutAfter: 60}, []string{all}, []string{(a + "\n" + b)[:60] + "<closed>"}},
		{"silent", testenv.Crawler{SilentAfter: 60}, []string{all}, []string{(a + "\n" + b)[:60]}},
		{"garbage", testenv.Crawler{Garbage: "\x00garbage"}, []string{all}, []string{a + "\n\x00garbage\nEND\r\n"}},
		{"endless", testenv.Crawler{Endless: true}, []string{all}, []string{strings.Repeat(a+"\n"+b+"\n", 64<<10)[:64<<10]}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, env *testenv.Env) {
				ask(t, env, "set a 0 0 1\r\na\r\nset b: 7 100 1\r\nb")
				env.Node(0).SetCrawler(tt.crawler)
				for i, command := range tt.ask {
					if got := ask(t, env, command); got != tt.want[i] {
						t.Errorf("%s: %.500q\nwant %.500q", command, got, tt.want[i])
					}
				}
				if got, want := fmt.Sprint(env.Node(0).Keys()), "[a b:]"; got != want {
					t.Errorf("a test sees %s, want %s", got, want)
				}
				env.Node(0).Restart()
				if got := ask(t, env, "version"); tt.crawler.Version != "" && got != "VERSION "+tt.crawler.Version+"\r\n" {
					t.Errorf("after Restart: %q", got)
				}
			})
		})
	}
}

func TestListsOfKeysFollowVirtualTime(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, env *testenv.Env) {
		began := time.Now()
		ask(t, env, "set ten 0 10 1\r\na\r\nset twenty 0 20 1\r\nb")
		for _, step := range []struct {
			at   time.Duration
			want int
		}{{9 * time.Second, 2}, {10 * time.Second, 1}, {20 * time.Second, 0}} {
			time.Sleep(time.Until(began.Add(step.at)))
			if got := strings.Count(ask(t, env, "lru_crawler metadump hash"), "key="); got != step.want {
				t.Errorf("after %v: %d keys, want %d", step.at, got, step.want)
			}
		}
	})
}
