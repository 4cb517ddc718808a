package deploy_test

import (
	"errors"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"
)

// project loads docker-compose.yml as the tool does: interpolated, against the
// schema, normalised, consistent.
func project(t testing.TB, env map[string]string) (*types.Project, error) {
	t.Helper()
	return projectOf(t, filepath.Join(root, "docker-compose.yml"), env)
}

func projectOf(t testing.TB, file string, env map[string]string) (*types.Project, error) {
	t.Helper()
	var all []string
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	o, err := cli.NewProjectOptions([]string{file}, cli.WithWorkingDirectory(absolute(t, root)), cli.WithEnv(all),
		cli.WithInterpolation(true), cli.WithNormalization(true), cli.WithConsistency(true), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	return o.LoadProject(t.Context())
}

func load(t testing.TB) (*types.Project, map[string]string) {
	t.Helper()
	env := environment(t)
	p, err := project(t, env)
	if err != nil {
		t.Fatal(err)
	}
	return p, env
}

// ours are the services that run the program.
func ours() []string { return []string{"aggregator", "ingest", "notifier", "portal", "validator"} }

// withStores are those of ours that read or write the stores.
func withStores() []string {
	return slices.DeleteFunc(ours(), func(name string) bool { return name == "notifier" })
}

// once is the one that prepares a volume and ends.
const once = "log-volume"

func TestComposeLoads(t *testing.T) {
	p, _ := load(t)
	want := []string{"aggregator", "clickhouse", "grafana", "ingest", once, "nats", "notifier", "portal", "prometheus", "validator"}
	if got := p.ServiceNames(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("services %q, want %q", got, want)
	}
}

// TestComposeIsStrict: the library takes no key that it does not know.
func TestComposeIsStrict(t *testing.T) {
	env := environment(t)
	name := filepath.Join(t.TempDir(), "docker-compose.yml")
	text := strings.Replace(read(t, filepath.Join(root, "docker-compose.yml")), "  nats:\n", "  nats:\n    memory: 1G\n", 1)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := projectOf(t, name, env); err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("a key that does not exist: %v", err)
	}
}

// TestComposeNeedsSecrets: without any one of them nothing starts, and the
// message says which is missing and what to do.
func TestComposeNeedsSecrets(t *testing.T) {
	env := environment(t)
	if len(env) < 13 {
		t.Fatalf("the example has %d variables", len(env))
	}
	for name := range env {
		if name == "LARSTROM_EDITOR_PASSWORD" || name == "LARSTROM_READERS_PASSWORD" {
			continue // TestComposeAudience
		}
		for _, empty := range []bool{false, true} {
			without := maps.Clone(env)
			if delete(without, name); empty {
				without[name] = ""
			}
			_, err := project(t, without)
			if err == nil {
				t.Errorf("without %s (empty: %t) it loads", name, empty)
			} else if !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "is not set") {
				t.Errorf("without %s: %v", name, err)
			}
		}
	}
}

// TestComposeHasNoPassword: every secret comes from the environment, and what
// the environment has is used.
func TestComposeHasNoPassword(t *testing.T) {
	p, env := load(t)
	raw := read(t, filepath.Join(root, "docker-compose.yml"))
	var model struct {
		Services map[string]struct {
			Environment map[string]string
		}
	}
	if err := yaml.Unmarshal([]byte(raw), &model); err != nil {
		t.Fatal(err)
	}
	required := regexp.MustCompile(`\$\{[A-Z0-9_]+:\?[^}]+\}`)
	secret := regexp.MustCompile(`(?i)password|sha256|secret|token|dsn|^LARSTROM_NATS$`)
	n := 0
	for service, s := range model.Services {
		for name, value := range s.Environment {
			if secret.MatchString(name) {
				n++
				// That of the mail server is another organisation's, and may be missing.
				if name == "LARSTROM_MAIL_PASSWORD" && value == "${LARSTROM_MAIL_PASSWORD:-}" {
					continue
				}
				if !required.MatchString(value) {
					t.Errorf("%s: %s is %q, and not a variable that must be set", service, name, value)
				}
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d secrets were found", n)
	}
	used := map[string]bool{}
	for _, s := range p.Services {
		for _, value := range s.Environment {
			for name, v := range env {
				used[name] = used[name] || value != nil && strings.Contains(*value, v)
			}
		}
	}
	for name := range env {
		// The readers' password is for what shows a wider audience its editions.
		if !used[name] && !slices.Contains([]string{"LARSTROM_CATALOG", "LARSTROM_DROP", "LARSTROM_EDITOR_PASSWORD", "LARSTROM_READERS_PASSWORD"}, name) {
			t.Errorf("%s of the example is used by no service", name)
		}
	}
}

func TestComposeHardening(t *testing.T) {
	p, _ := load(t)
	pinned := regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+\.\d+[0-9a-z.-]*(@sha256:[0-9a-f]{64})?$`)
	for name, s := range p.Services {
		bad := func(format string, args ...any) {
			t.Helper()
			t.Errorf(name+": "+format, args...)
		}
		if s.Build == nil && !pinned.MatchString(s.Image) {
			bad("image %q has no exact version", s.Image)
		}
		if s.Privileged || len(s.CapAdd) > 0 && name != once || !slices.Equal(s.CapDrop, []string{"ALL"}) {
			bad("capabilities: drop %q, add %q", s.CapDrop, s.CapAdd)
		}
		if !s.ReadOnly {
			bad("the root file system can be written")
		}
		if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			bad("security options %q", s.SecurityOpt)
		}
		if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 || s.Deploy.Resources.Limits.NanoCPUs == 0 ||
			s.Deploy.Resources.Limits.Pids == 0 {
			bad("memory, processors and processes have no limit")
		}
		if s.Logging == nil || s.Logging.Options["max-size"] == "" {
			bad("its log lines have no limit")
		}
		if s.Pid != "" || s.Ipc != "" || s.NetworkMode == "host" || len(s.Devices) > 0 {
			bad("it is in a namespace of the host")
		}
		if name == once {
			if s.NetworkMode != "none" || s.Restart != "no" || !slices.Equal(s.CapAdd, []string{"CHOWN"}) {
				bad("network %q, restart %q, capabilities %q", s.NetworkMode, s.Restart, s.CapAdd)
			}
			continue
		}
		if user, _, _ := strings.Cut(s.User, ":"); user == "" || user == "0" || user == "root" {
			bad("user %q", s.User)
		}
		if s.Restart != "unless-stopped" {
			bad("restart %q", s.Restart)
		}
		if h := s.HealthCheck; h == nil || h.Disable || len(h.Test) < 2 || h.Test[0] != "CMD" || h.Interval == nil || h.Timeout == nil || h.StartPeriod == nil {
			bad("health check %+v", h)
		}
		if s.StopGracePeriod == nil || s.StopGracePeriod.String() == "10s" {
			bad("no time to stop in")
		}
	}
}

// TestComposePorts: what the host publishes is on loopback, and the store and the
// log are not among it.
func TestComposePorts(t *testing.T) {
	p, _ := load(t)
	published := map[string]string{}
	for name, s := range p.Services {
		for _, port := range s.Ports {
			if ip := net.ParseIP(port.HostIP); ip == nil || !ip.IsLoopback() {
				t.Errorf("%s publishes %s on %q", name, port.Published, port.HostIP)
			}
			published[name] = strconv.Itoa(int(port.Target))
		}
	}
	want := map[string]string{"portal": "8080", "grafana": "3000", "prometheus": "9090"}
	if !maps.Equal(published, want) {
		t.Errorf("published %v, want %v", published, want)
	}
}

// TestComposeNetworks: Grafana meets ClickHouse and nobody else of ours, and
// only those that publish a port have a way out.
func TestComposeNetworks(t *testing.T) {
	p, env := load(t)
	meets := func(a, b string) []string {
		var common []string
		for n := range p.Services[a].Networks {
			if _, ok := p.Services[b].Networks[n]; ok {
				common = append(common, n)
			}
		}
		return common
	}
	for name := range p.Services {
		if name == "grafana" {
			continue
		}
		got := meets("grafana", name)
		if name == "clickhouse" && !slices.Equal(got, []string{"dashboards"}) || name != "clickhouse" && len(got) > 0 {
			t.Errorf("grafana and %s meet in %q", name, got)
		}
	}
	for _, name := range []string{"clickhouse", "prometheus", "grafana"} {
		if got := meets("nats", name); len(got) > 0 {
			t.Errorf("nats and %s meet in %q", name, got)
		}
	}
	for name, n := range p.Networks {
		members := 0
		for _, s := range p.Services {
			if _, ok := s.Networks[name]; ok {
				members++
			}
		}
		if !n.Internal && members != 1 {
			t.Errorf("network %s has a way out and %d members", name, members)
		}
	}
	// Users of the stores are bound to the subnets of these networks.
	for network, variable := range map[string]string{"stores": "LARSTROM_STORES_SUBNET", "dashboards": "LARSTROM_DASHBOARDS_SUBNET", "audience": "LARSTROM_AUDIENCE_SUBNET"} {
		for _, want := range []string{"", "10.1.2.0/24"} {
			if want != "" {
				env[variable] = want
			}
			p, err := project(t, env)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Services["clickhouse"].Environment[variable]; got == nil || len(p.Networks[network].Ipam.Config) != 1 ||
				*got != p.Networks[network].Ipam.Config[0].Subnet || want != "" && *got != want {
				t.Errorf("%s: clickhouse lets %v in, the network has %+v", network, got, p.Networks[network].Ipam.Config)
			}
		}
	}
}

func TestComposeMounts(t *testing.T) {
	p, _ := load(t)
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			switch v.Type {
			case types.VolumeTypeBind:
				if !exists(t, v.Source) {
					t.Errorf("%s mounts %s, which does not exist", name, v.Source)
				}
				if !v.ReadOnly && v.Target != "/drop" { // where senders find their receipts
					t.Errorf("%s can write %s of the host", name, v.Source)
				}
			case types.VolumeTypeVolume:
				if _, ok := p.Volumes[v.Source]; !ok {
					t.Errorf("%s: volume %s is not declared", name, v.Source)
				}
			default:
				t.Errorf("%s: a mount of type %s", name, v.Type)
			}
		}
	}
	// The stores and the log belong to one server each.
	for volume, owner := range map[string][]string{"stores": {"clickhouse"}, "log": {once, "nats"}, "data": ours()} {
		var users []string
		for name, s := range p.Services {
			if slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Source == volume }) {
				users = append(users, name)
			}
		}
		if slices.Sort(users); !slices.Equal(users, owner) {
			t.Errorf("volume %s is mounted by %q, want %q", volume, users, owner)
		}
	}
}

// TestComposeOrder: no cycle, and nobody starts before what it needs is healthy.
func TestComposeOrder(t *testing.T) {
	p, _ := load(t)
	state := map[string]int{}
	var visit func(name string)
	visit = func(name string) {
		switch state[name] {
		case 1:
			t.Fatalf("%s depends on itself", name)
		case 2:
			return
		}
		state[name] = 1
		for on, how := range p.Services[name].DependsOn {
			want := types.ServiceConditionHealthy
			if on == once {
				want = types.ServiceConditionCompletedSuccessfully
			}
			if how.Condition != want || !how.Required {
				t.Errorf("%s waits for %s by %s, required: %t", name, on, how.Condition, how.Required)
			}
			visit(on)
		}
		state[name] = 2
	}
	for name := range p.Services {
		visit(name)
	}
	for _, name := range ours() {
		needs := []string{"nats"}
		if slices.Contains(withStores(), name) {
			needs = append(needs, "clickhouse")
		}
		if name != "aggregator" { // which makes the tables and adopts the catalog
			needs = append(needs, "aggregator")
		}
		for _, n := range needs {
			if _, ok := p.Services[name].DependsOn[n]; !ok {
				t.Errorf("%s does not wait for %s", name, n)
			}
		}
	}
}

// TestPortsAgree: the files name the same ports.
func TestPortsAgree(t *testing.T) {
	p, env := load(t)
	opts := natsOptions(t, env)
	if opts.Port != 4222 || opts.HTTPPort != 8222 || opts.HTTPHost != "0.0.0.0" {
		t.Errorf("nats listens on %d, and for monitors on %s:%d", opts.Port, opts.HTTPHost, opts.HTTPPort)
	}
	xml := read(t, "clickhouse/config.d/larstrom.xml")
	for _, want := range []string{"<http_port>8123</http_port>", "<port>9363</port>"} {
		if !strings.Contains(xml, want) {
			t.Errorf("clickhouse has no %s", want)
		}
	}
	for _, name := range ours() {
		e := p.Services[name].Environment
		wants := map[string]string{"LARSTROM_NATS": "@nats:4222"}
		if slices.Contains(withStores(), name) {
			wants["LARSTROM_WAREHOUSE_DSN"], wants["LARSTROM_RELEASED_DSN"] = "@clickhouse:8123/warehouse", "@clickhouse:8123/released"
		} else if e["LARSTROM_WAREHOUSE_DSN"] != nil || e["LARSTROM_RELEASED_DSN"] != nil {
			t.Errorf("%s knows the stores, and needs none", name)
		}
		for variable, want := range wants {
			if e[variable] == nil || !strings.HasSuffix(*e[variable], want) {
				t.Errorf("%s: %s does not end in %s", name, variable, want)
			}
		}
		if !slices.Contains(p.Services[name].Command, "--listen=0.0.0.0:8080") || !slices.Contains(p.Services[name].HealthCheck.Test, "--url=http://127.0.0.1:8080/healthz") {
			t.Errorf("%s: %q is asked by %q", name, p.Services[name].Command, p.Services[name].HealthCheck.Test)
		}
	}
	for name, address := range map[string]string{"nats": "http://127.0.0.1:8222/healthz", "grafana": "http://127.0.0.1:3000/api/health", "prometheus": "http://127.0.0.1:9090/-/healthy"} {
		if !slices.Contains(p.Services[name].HealthCheck.Test, address) {
			t.Errorf("%s is asked by %q", name, p.Services[name].HealthCheck.Test)
		}
	}
	// Only the aggregator has the passwords of those who write.
	for name, s := range p.Services {
		for variable, value := range s.Environment {
			for _, secret := range []string{"LARSTROM_WAREHOUSE_PASSWORD", "LARSTROM_PUBLISHER_PASSWORD"} {
				if value != nil && strings.Contains(*value, env[secret]) && name != "aggregator" {
					t.Errorf("%s has the password of a writer in %s", name, variable)
				}
			}
		}
	}
}

// TestGrafana: what the provisioning reads is there, and is the store as its user.
func TestGrafana(t *testing.T) {
	p, env := load(t)
	s := p.Services["grafana"]
	files, err := filepath.Glob("grafana/provisioning/*/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("Grafana is provisioned by %q, %v", files, err)
	}
	for _, name := range files {
		for _, m := range regexp.MustCompile(`(?m)^[^#\n]*\$([A-Z][A-Z0-9_]+)`).FindAllStringSubmatch(read(t, name), -1) {
			if value := s.Environment[m[1]]; value == nil || *value == "" {
				t.Errorf("%s reads %s, which grafana's environment does not have", name, m[1])
			}
		}
	}
	for variable, want := range map[string]string{"HOST": "clickhouse", "PORT": "8123", "USER": "grafana", "PASSWORD": env["LARSTROM_GRAFANA_PASSWORD"]} {
		if got := s.Environment["LARSTROM_GRAFANA_CLICKHOUSE_"+variable]; got == nil || *got != want {
			t.Errorf("the data source's %s is not %q", variable, want)
		}
	}
	boards := *s.Environment["LARSTROM_GRAFANA_DASHBOARDS"]
	mounted := slices.IndexFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == boards })
	if mounted < 0 {
		t.Fatalf("nothing is mounted at %s", boards)
	}
	if found, err := filepath.Glob(filepath.Join(s.Volumes[mounted].Source, "*.json")); err != nil || len(found) == 0 {
		t.Errorf("there are no dashboards in %s: %v", s.Volumes[mounted].Source, err)
	}
	for name, want := range map[string]string{"GF_AUTH_ANONYMOUS_ENABLED": "false", "GF_USERS_ALLOW_SIGN_UP": "false"} {
		if got := s.Environment[name]; got == nil || *got != want {
			t.Errorf("%s is not %s", name, want)
		}
	}
	if plugin := s.Environment["GF_PLUGINS_PREINSTALL_SYNC"]; plugin == nil || !regexp.MustCompile(`^grafana-clickhouse-datasource@4\.\d+\.\d+$`).MatchString(*plugin) {
		t.Errorf("the plugin has no exact version")
	}
	// The driver asks for five seconds more than the data source's limit.
	limit := regexp.MustCompile(`queryTimeout: "(\d+)"`).FindStringSubmatch(read(t, "grafana/provisioning/datasources/larstrom.yaml"))
	most := regexp.MustCompile(`<max_execution_time><min>1</min><max>(\d+)</max><changeable_in_readonly/>`).FindStringSubmatch(read(t, "clickhouse/users.d/larstrom.xml"))
	if limit == nil || most == nil {
		t.Fatalf("limits %q and %q", limit, most)
	}
	asks, err1 := strconv.Atoi(limit[1])
	may, err2 := strconv.Atoi(most[1])
	if err := errors.Join(err1, err2); err != nil || asks+5 > may {
		t.Errorf("Grafana asks for %d s and 5 more, and its user may have %d: every query would fail; %v", asks, may, err)
	}
}

// TestImage: what docker-compose.yml and the Dockerfile say of each other.
func TestImage(t *testing.T) {
	p, _ := load(t)
	dockerfile := read(t, "Dockerfile")
	for _, name := range ours() {
		s := p.Services[name]
		if s.Build == nil || !exists(t, filepath.Join(s.Build.Context, s.Build.Dockerfile)) {
			t.Errorf("%s: build %+v", name, s.Build)
		}
		if !strings.Contains(dockerfile, "USER "+s.User+"\n") {
			t.Errorf("%s runs as %s, and the image's folder belongs to another", name, s.User)
		}
	}
	if !strings.Contains(dockerfile, `ENTRYPOINT ["/larstrom"]`) || !strings.Contains(dockerfile, "CGO_ENABLED=0") {
		t.Error("the image has no static larstrom at its entry")
	}
	for _, from := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(dockerfile, -1) {
		if from[1] != "scratch" && !regexp.MustCompile(`:\d+\.\d+\.\d+-[a-z]+$`).MatchString(from[1]) {
			t.Errorf("the image is made from %s, which is no exact version", from[1])
		}
	}
	// The compiler is as new as go.mod asks.
	want := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, filepath.Join(root, "go.mod")))
	if want == nil || !strings.Contains(dockerfile, "FROM golang:"+want[1]+".") {
		t.Errorf("the image is not built with Go %v", want)
	}
	// What the build leaves out is nothing that the program needs.
	needed, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}}", "larstrom/services/larstrom").Output()
	if err != nil {
		t.Fatal(err)
	}
	for ignored := range strings.FieldsSeq(read(t, "Dockerfile.dockerignore")) {
		for line := range strings.Lines(string(needed)) {
			if path := strings.TrimSpace(line); path == "larstrom/"+ignored || strings.HasPrefix(path, "larstrom/"+ignored+"/") {
				t.Errorf("the build leaves out %s, which the program needs", path)
			}
		}
	}
	// What the volume of the log is given to is who runs the log.
	if got := p.Services[once].Entrypoint; !slices.Contains(got, p.Services["nats"].User) {
		t.Errorf("the log's volume goes to %q, and nats runs as %s", got, p.Services["nats"].User)
	}
}

// TestSecrets: what is made is used, strong, for its owner alone, and made once.
func TestSecrets(t *testing.T) {
	env := environment(t)
	seen := map[string]bool{}
	for name, value := range env {
		if strings.HasSuffix(name, "_PASSWORD") {
			if !regexp.MustCompile(`^[a-z][0-9a-f]{40}$`).MatchString(value) || seen[value] {
				t.Errorf("%s is weak, or another's", name)
			}
			seen[value] = true
		}
	}
	for _, user := range []string{"WAREHOUSE", "PUBLISHER", "SERVICES", "GRAFANA"} {
		if got, want := env["LARSTROM_"+user+"_SHA256"], sha256Hex(env["LARSTROM_"+user+"_PASSWORD"]); got != want {
			t.Errorf("the SHA-256 of %s is %s, want %s", user, got, want)
		}
	}
	name := filepath.Join(t.TempDir(), "env")
	for _, want := range []bool{true, false} {
		before, _ := os.ReadFile(name)
		if err := secretsScript(name); (err == nil) != want {
			t.Errorf("secrets.sh on a file that exists (%t): %v", !want, err)
		}
		if after := read(t, name); len(before) > 0 && after != string(before) {
			t.Error("secrets.sh changed a file that exists")
		}
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if !slices.Contains(strings.Fields(read(t, filepath.Join(root, ".gitignore"))), "/.env") {
		t.Error(".env is not in .gitignore")
	}
	for line := range strings.Lines(read(t, "env.example")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") &&
			(strings.HasSuffix(name, "PASSWORD") || strings.HasSuffix(name, "SHA256")) && value != "" {
			t.Errorf("the example has a value for %s", name)
		}
	}
}

// TestComposeAudience: with a wider audience the aggregator writes its editions to a
// database of their own, as a user of its own, and without one it is told of none.
// Nothing but ClickHouse is on the network of those who show them.
func TestComposeAudience(t *testing.T) {
	p, env := load(t)
	if got := p.Services["aggregator"].Environment["LARSTROM_AUDIENCE_DSN"]; got == nil || *got != "" {
		t.Errorf("without an audience: %v", got)
	}
	env["LARSTROM_AUDIENCE"] = "OPEN"
	p, err := project(t, env)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range p.Services {
		got := s.Environment["LARSTROM_AUDIENCE_DSN"]
		if want := "OPEN=http://editor:" + env["LARSTROM_EDITOR_PASSWORD"] + "@clickhouse:8123/audience"; name == "aggregator" && (got == nil || *got != want) {
			t.Errorf("the aggregator has %v, want %s", got, want)
		} else if name != "aggregator" && got != nil {
			t.Errorf("%s has the way to the audience's store", name)
		}
		if _, on := s.Networks["audience"]; on != (name == "clickhouse") {
			t.Errorf("%s is on the audience's network: %t", name, on)
		}
	}
	if !p.Networks["audience"].Internal {
		t.Error("the audience's network has a way out")
	}
	delete(env, "LARSTROM_EDITOR_PASSWORD")
	if _, err := project(t, env); err == nil || !strings.Contains(err.Error(), "LARSTROM_EDITOR_PASSWORD") {
		t.Errorf("an audience without the writer's password: %v", err)
	}
}
