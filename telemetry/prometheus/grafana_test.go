package holdfastprom

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// These tests run what examples/grafana has: the queries of the dashboard and the alert rules, by a
// real Prometheus on a real scrape.

const grafana = "../../examples/grafana/"

// needs skips the test where a program is missing.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed (Debian and Ubuntu have it in the package prometheus): what it would check is not checked", program)
	}
}

func TestAlertRulesByPromtool(t *testing.T) {
	needs(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"check", "config", "prometheus.yml"}, {"test", "rules", "alerts_test.yml"}} {
		cmd := exec.CommandContext(t.Context(), "promtool", args...)
		cmd.Dir = grafana
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// Each alert has a case in which it fires, and a line in the page that tells what to do.
func TestEveryAlertIsTestedAndExplained(t *testing.T) {
	rules, tests, page := read(t, grafana+"alerts.yml"), read(t, grafana+"alerts_test.yml"), read(t, "../../docs/production.md")
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1)
	if len(alerts) < 10 {
		t.Errorf("%d alerts", len(alerts))
	}
	for _, a := range alerts {
		if !strings.Contains(tests, `alertname="`+a[1]+`"`) {
			t.Errorf("%s fires in no test", a[1])
		}
		if !strings.Contains(page, "`"+a[1]+"`") {
			t.Errorf("docs/production.md does not tell of %s", a[1])
		}
	}
}

// Each metric that a query or a page names is one that a scrape shows.
func TestMetricsThatAreNamedExist(t *testing.T) {
	w := watch(t, 1, nil, testenv.Embedded())
	create(t, w.Cluster, "s")
	eventually(t, "a pass has ended", func() bool { return strings.Contains(w.scrape(t), "holdfast_heal_passes_total{") })
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(holdfast_\w+?)(?:\{|\s)`).FindAllStringSubmatch(w.scrape(t), -1) {
		known[m[1]] = true
	}
	for _, file := range []string{grafana + "dashboard.json", grafana + "alerts.yml", "../../docs/production.md"} {
		for _, name := range regexp.MustCompile(`holdfast_[a-z_]+[a-z]`).FindAllString(read(t, file), -1) {
			if !known[name] && !known[name+"_bucket"] {
				t.Errorf("%s names %s, which there is not", file, name)
			}
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// panel is what the test reads of a panel of the dashboard.
type panel struct {
	Title       string
	Description string
	Type        string
	Targets     []struct{ Expr string }
}

func panels(t *testing.T) []panel {
	t.Helper()
	var dashboard struct{ Panels []panel }
	if err := json.Unmarshal([]byte(read(t, grafana+"dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	if len(dashboard.Panels) < 15 {
		t.Errorf("%d panels", len(dashboard.Panels))
	}
	return dashboard.Panels
}

// A node is killed under users. Every query of the dashboard returns data, every rule can be
// evaluated, and the alert about the node is on its way.
func TestDashboardByPrometheus(t *testing.T) {
	needs(t, "prometheus")
	w := watch(t, 3, func(c *cluster.Config) { c.Timeout = time.Second })
	p := startPrometheus(t, w.server.Listener.Addr().String())
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			id := fmt.Sprint("s", i%50)
			r, err := w.Load(ctx, id)
			if err != nil {
				r = cluster.NewRecord(id)
			}
			r.Attrs["n"] = []byte(fmt.Sprint(rand.Int()))
			_ = w.Save(ctx, r)
			if i%10 == 9 {
				_ = w.Delete(ctx, id)
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	defer func() {
		stop()
		<-done
	}()
	p.until(`sum(holdfast_node_whole) == 3`)
	p.until(`sum(holdfast_operation_duration_seconds_count{operation="delete"}) > 3`)
	w.env.Node(1).Kill()
	p.until(`holdfast_node_state{node="n2",state="down"} == 1`)
	p.until(`sum(rate(holdfast_exchange_duration_seconds_count{outcome!="ok"}[1m])) > 0`)
	p.until(`ALERTS{alertname="HoldfastNodeDown",node="n2"}`)

	queries := 0
	for _, panel := range panels(t) {
		if panel.Type == "row" {
			continue
		}
		if panel.Description == "" || len(panel.Targets) == 0 {
			t.Errorf("panel %q does not say what it shows", panel.Title)
		}
		for _, target := range panel.Targets {
			queries++
			expr := strings.NewReplacer("$job", ".+", "$__rate_interval", "1m", "$__range", "1m").Replace(target.Expr)
			if n := p.query(expr); n == 0 {
				t.Errorf("panel %q: no data for %s", panel.Title, expr)
			}
		}
	}
	if queries < 30 {
		t.Errorf("%d queries", queries)
	}
	p.rulesAreHealthy()
}

// prometheusServer is a Prometheus that scrapes the test.
type prometheusServer struct {
	t   *testing.T
	url string
}

// startPrometheus has a Prometheus scrape that address five times a second, with the alert rules.
func startPrometheus(t *testing.T, target string) *prometheusServer {
	t.Helper()
	rules, err := filepath.Abs(grafana + "alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf(`
global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 500ms}
rule_files: [%q]
scrape_configs:
  - job_name: shop
    metrics_path: /
    static_configs: [{targets: [%q]}]
`, rules, target)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	var log bytes.Buffer
	cmd := exec.Command("prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr, "--log.level=warn")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("prometheus says:\n%s", log.String())
		}
	})
	p := &prometheusServer{t, "http://" + addr}
	eventually(t, "prometheus is ready", func() bool {
		resp, err := http.Get(p.url + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

// get asks the API.
func (p *prometheusServer) get(path string, data any) {
	p.t.Helper()
	resp, err := http.Get(p.url + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Status != "success" {
		p.t.Errorf("%s: %v %s", path, err, answer.Error)
	}
}

// query returns how many series the query returns that have a number.
func (p *prometheusServer) query(expr string) (series int) {
	p.t.Helper()
	var data struct {
		Result []struct{ Value [2]any }
	}
	p.get("/api/v1/query?query="+url.QueryEscape(expr), &data)
	for _, r := range data.Result {
		if r.Value[1] != "NaN" {
			series++
		}
	}
	return series
}

// until waits until the query returns something.
func (p *prometheusServer) until(expr string) {
	p.t.Helper()
	eventually(p.t, expr, func() bool { return p.query(expr) > 0 })
}

func (p *prometheusServer) rulesAreHealthy() {
	p.t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	p.get("/api/v1/rules", &data)
	rules := 0
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			if rules++; r.Health != "ok" {
				p.t.Errorf("rule %s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if rules < 10 {
		p.t.Errorf("%d rules were evaluated", rules)
	}
}
