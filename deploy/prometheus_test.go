package deploy_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"gopkg.in/yaml.v3"
)

// rule is what a rule file says of one alert.
type rule struct {
	Alert         string
	Expr          string
	For           string
	KeepFiringFor string `yaml:"keep_firing_for"`
	Labels        map[string]string
	Annotations   map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	files, err := filepath.Glob("prometheus/rules/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("rules: %q, %v", files, err)
	}
	var all []rule
	for _, name := range files {
		var f struct {
			Groups []struct {
				Name  string
				Rules []rule
			}
		}
		d := yaml.NewDecoder(strings.NewReader(read(t, name)))
		d.KnownFields(true)
		if err := d.Decode(&f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, g := range f.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

func TestRules(t *testing.T) {
	all := rules(t)
	seen := map[string]bool{}
	for _, r := range all {
		if r.Alert == "" || seen[r.Alert] {
			t.Errorf("alert %q has no name, or another's", r.Alert)
		}
		seen[r.Alert] = true
		e, err := parser.ParseExpr(r.Expr)
		if err != nil {
			t.Errorf("%s: %v", r.Alert, err)
			continue
		}
		if e.Type() != parser.ValueTypeVector {
			t.Errorf("%s: the expression is a %s", r.Alert, e.Type())
		}
		for _, d := range []string{r.For, r.KeepFiringFor} {
			if _, err := model.ParseDuration(d); d != "" && err != nil {
				t.Errorf("%s: %v", r.Alert, err)
			}
		}
		if !slices.Contains([]string{"page", "ticket"}, r.Labels["severity"]) {
			t.Errorf("%s: severity %q", r.Alert, r.Labels["severity"])
		}
		if r.Annotations["summary"] == "" || len(r.Annotations["action"]) < 40 {
			t.Errorf("%s does not say what is the matter and what to do: %q", r.Alert, r.Annotations)
		}
		// A label in a text is one that the expression leaves.
		left := leaves(e)
		for _, m := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(fmt.Sprint(r.Annotations), -1) {
			if left != nil && !slices.Contains(left, m[1]) {
				t.Errorf("%s: the text names the label %s, and the expression leaves %q", r.Alert, m[1], left)
			}
		}
	}
	for _, want := range []string{"NothingDelivered", "DeadLetters", "LagGrowing", "EngineRestarts", "PublicationOld", "LogNearlyFull", "ServiceDown"} {
		if !seen[want] {
			t.Errorf("there is no alert %s", want)
		}
	}
	// The limit of the log is that of its server.
	limit := regexp.MustCompile(`> 0\.8 \* (\d+) \* 1024 \^ 3`).FindStringSubmatch(read(t, "prometheus/rules/larstrom.yml"))
	if opts := natsOptions(t, environment(t)); limit == nil || fmt.Sprint(opts.JetStreamMaxStore>>30) != limit[1] {
		t.Errorf("LogNearlyFull is about %q GiB, and the server's limit is %d bytes", limit, opts.JetStreamMaxStore)
	}
}

// leaves are the labels that aggregations leave; nil: there is none, and all stay.
func leaves(e parser.Expr) []string {
	var left []string
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if a, ok := n.(*parser.AggregateExpr); ok {
			left = append(append(left, ""), a.Grouping...)
		}
		return nil
	})
	return left
}

// testRules holds the rules against what the running services expose.
func testRules(t *testing.T, exposed map[string]*dto.MetricFamily) {
	for _, r := range rules(t) {
		e, err := parser.ParseExpr(r.Expr)
		if err != nil {
			t.Fatal(err)
		}
		parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
			s, ok := n.(*parser.VectorSelector)
			if !ok || s.Name == "up" {
				return nil
			}
			name := s.Name
			if f := exposed[name]; f == nil {
				base := strings.TrimSuffix(name, "_bucket")
				if f = exposed[base]; base == name || f == nil || f.GetType() != dto.MetricType_HISTOGRAM {
					t.Errorf("%s: no service exposes %s", r.Alert, name)
					return nil
				}
				name = base
			}
			for _, m := range s.LabelMatchers {
				if m.Name == model.MetricNameLabel {
					continue
				}
				if !matches(exposed[name], m) {
					t.Errorf("%s: no service exposes %s with %s", r.Alert, name, m)
				}
			}
			return nil
		})
	}
}

// matches reports whether a metric of the family has the label; of a value that
// comes only with a fault, that another value of it is there.
func matches(f *dto.MetricFamily, m *labels.Matcher) bool {
	for _, metric := range f.Metric {
		for _, l := range metric.Label {
			if l.GetName() == m.Name && (m.Matches(l.GetValue()) || m.Name == "outcome") {
				return true
			}
		}
	}
	return false
}

// TestScrapes: what Prometheus asks is there to be asked.
func TestScrapes(t *testing.T) {
	p, _ := load(t)
	var config struct {
		Global        map[string]string
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName       string `yaml:"job_name"`
			StaticConfigs []struct {
				Targets []string
				Labels  map[string]string
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	d := yaml.NewDecoder(strings.NewReader(read(t, "prometheus/prometheus.yml")))
	d.KnownFields(true)
	if err := d.Decode(&config); err != nil {
		t.Fatal(err)
	}
	for name, value := range config.Global {
		if _, err := model.ParseDuration(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	timeout, _ := model.ParseDuration(config.Global["scrape_timeout"])
	if time.Duration(timeout) < 8*time.Second {
		t.Errorf("a scrape may wait for %s, and a service asks the log and the store for up to 8 s", timeout)
	}
	asked := map[string]string{}
	for _, job := range config.ScrapeConfigs {
		for _, c := range job.StaticConfigs {
			for _, target := range c.Targets {
				host, port, _ := strings.Cut(target, ":")
				asked[host] = port
				if job.JobName == "larstrom" && c.Labels["service"] != host {
					t.Errorf("%s is called %q", host, c.Labels["service"])
				}
			}
		}
	}
	want := map[string]string{"clickhouse": "9363", "127.0.0.1": "9090"}
	for _, name := range ours() {
		want[name] = "8080"
	}
	for host, port := range want {
		if asked[host] != port {
			t.Errorf("%s is asked at port %q, want %s", host, asked[host], port)
		}
	}
	for host := range asked {
		s, ok := p.Services[host]
		if !ok && host != "127.0.0.1" {
			t.Errorf("there is no service %s", host)
		} else if _, meets := s.Networks["metrics"]; ok && !meets {
			t.Errorf("%s is not in the network of prometheus", host)
		}
	}
	found := false
	for _, v := range p.Services["prometheus"].Volumes {
		found = found || slices.Contains(config.RuleFiles, v.Target+"/*.yml")
	}
	if !found {
		t.Errorf("no mounted folder has the rules %q", config.RuleFiles)
	}
}
