package deploy_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// deployment is what the rules below are about; a key that is not here is
// refused, so that none is misspelt.
type deployment struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name   string
		Labels map[string]string
	}
	Spec struct {
		Replicas int
		Strategy struct{ Type string }
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		Template struct {
			Metadata struct{ Labels, Annotations map[string]string }
			Spec     struct {
				AutomountServiceAccountToken  *bool `yaml:"automountServiceAccountToken"`
				TerminationGracePeriodSeconds int   `yaml:"terminationGracePeriodSeconds"`
				SecurityContext               struct {
					RunAsNonRoot   bool              `yaml:"runAsNonRoot"`
					RunAsUser      int               `yaml:"runAsUser"`
					RunAsGroup     int               `yaml:"runAsGroup"`
					FSGroup        int               `yaml:"fsGroup"`
					SeccompProfile map[string]string `yaml:"seccompProfile"`
				} `yaml:"securityContext"`
				Containers []container
				Volumes    []volume
			}
		}
	}
}

type volume struct {
	Name                  string
	PersistentVolumeClaim *struct {
		ClaimName string `yaml:"claimName"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"persistentVolumeClaim"`
	ConfigMap *struct{ Name string } `yaml:"configMap"`
}

type container struct {
	Name, Image     string
	Args            []string
	Env             []variable
	Ports           []map[string]any
	SecurityContext struct {
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop []string }
	} `yaml:"securityContext"`
	StartupProbe   probe `yaml:"startupProbe"`
	ReadinessProbe probe `yaml:"readinessProbe"`
	Resources      struct{ Requests, Limits map[string]string }
	VolumeMounts   []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type variable struct {
	Name, Value string
	ValueFrom   struct {
		SecretKeyRef    *reference `yaml:"secretKeyRef"`
		ConfigMapKeyRef *reference `yaml:"configMapKeyRef"`
	} `yaml:"valueFrom"`
}

type reference struct {
	Name, Key string
	Optional  bool
}

type probe struct {
	HTTPGet          struct{ Path, Port string } `yaml:"httpGet"`
	PeriodSeconds    int                         `yaml:"periodSeconds"`
	FailureThreshold int                         `yaml:"failureThreshold"`
	TimeoutSeconds   int                         `yaml:"timeoutSeconds"`
}

// deployments are those of the manifests by component; other kinds are counted.
func deployments(t *testing.T) (all map[string]deployment, others []string) {
	t.Helper()
	all = map[string]deployment{}
	text := read(t, "kubernetes/larstrom.yaml")
	d := yaml.NewDecoder(strings.NewReader(text))
	for {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all, others
		} else if err != nil {
			t.Fatal(err)
		}
		var kind struct{ Kind string }
		if err := doc.Decode(&kind); err != nil {
			t.Fatal(err)
		}
		if kind.Kind != "Deployment" {
			others = append(others, kind.Kind)
			continue
		}
		b, err := yaml.Marshal(&doc)
		if err != nil {
			t.Fatal(err)
		}
		strict := yaml.NewDecoder(strings.NewReader(string(b)))
		strict.KnownFields(true)
		var one deployment
		if err := strict.Decode(&one); err != nil {
			t.Fatal(err)
		}
		all[one.Metadata.Labels["app.kubernetes.io/component"]] = one
	}
}

// TestKubernetes holds the manifests against docker-compose.yml, which the other
// tests run: the same services, commands, variables, users and folders.
func TestKubernetes(t *testing.T) {
	compose, _ := load(t)
	all, others := deployments(t)
	if len(all) != len(ours()) {
		t.Errorf("there are %d deployments for %q", len(all), ours())
	}
	for _, kind := range []string{"PersistentVolumeClaim", "NetworkPolicy", "Service"} {
		if !slices.Contains(others, kind) {
			t.Errorf("there is no %s", kind)
		}
	}
	for _, name := range ours() {
		d, s := all[name], compose.Services[name]
		pod := d.Spec.Template.Spec
		if len(pod.Containers) != 1 {
			t.Fatalf("%s has %d containers", name, len(pod.Containers))
		}
		c := pod.Containers[0]
		bad := func(format string, args ...any) {
			t.Helper()
			t.Errorf(name+": "+format, args...)
		}
		if d.APIVersion != "apps/v1" || d.Metadata.Name != "larstrom-"+name || d.Spec.Template.Metadata.Labels["app.kubernetes.io/component"] != name ||
			d.Spec.Selector.MatchLabels["app.kubernetes.io/component"] != name {
			bad("names %+v", d.Metadata)
		}
		if !slices.Equal(c.Args, s.Command) || c.Image != s.Image {
			bad("runs %q of %s, and docker-compose.yml %q of %s", c.Args, c.Image, s.Command, s.Image)
		}
		// Of the notifier and the portal several may run, of the others one.
		if several := name == "notifier" || name == "portal"; several != (d.Spec.Replicas > 1) || several == (d.Spec.Strategy.Type == "Recreate") {
			bad("%d replicas, %s", d.Spec.Replicas, d.Spec.Strategy.Type)
		}
		var have []string
		for _, v := range c.Env {
			have = append(have, v.Name)
			secret := v.ValueFrom.SecretKeyRef != nil
			if named := strings.HasSuffix(v.Name, "_DSN") || strings.HasSuffix(v.Name, "PASSWORD") || v.Name == "LARSTROM_NATS"; named != secret {
				bad("%s comes from a secret: %t", v.Name, secret)
			}
			if strings.HasSuffix(v.Name, "_DSN") && strings.HasPrefix(v.ValueFrom.SecretKeyRef.Key, "writer-") != (name == "aggregator") {
				bad("%s is that of %s", v.Name, v.ValueFrom.SecretKeyRef.Key)
			}
		}
		for v := range s.Environment {
			if !slices.Contains(have, v) {
				bad("lacks %s", v)
			}
		}
		if len(have) != len(s.Environment) {
			bad("has the variables %q", have)
		}
		if sc := pod.SecurityContext; !sc.RunAsNonRoot || sc.RunAsUser != 10001 || sc.FSGroup != 10001 || sc.SeccompProfile["type"] != "RuntimeDefault" ||
			pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
			bad("runs as %+v", sc)
		}
		if sc := c.SecurityContext; sc.AllowPrivilegeEscalation == nil || *sc.AllowPrivilegeEscalation || !sc.ReadOnlyRootFilesystem || !slices.Equal(sc.Capabilities.Drop, []string{"ALL"}) {
			bad("may %+v", sc)
		}
		if pod.TerminationGracePeriodSeconds < 60 || c.StartupProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/healthz" ||
			c.Resources.Limits["memory"] == "" || c.Resources.Limits["cpu"] == "" {
			bad("probes %+v %+v, limits %v", c.StartupProbe, c.ReadinessProbe, c.Resources)
		}
		mounted := map[string]bool{}
		for _, m := range c.VolumeMounts {
			mounted[m.MountPath] = m.ReadOnly
			if !slices.ContainsFunc(pod.Volumes, func(v volume) bool {
				return v.Name == m.Name
			}) {
				bad("mounts %s, which is no volume", m.Name)
			}
		}
		for _, v := range s.Volumes {
			if ro, ok := mounted[v.Target]; !ok || ro != v.ReadOnly {
				bad("%s is mounted: %t, read-only: %t", v.Target, ok, ro)
			}
		}
	}
}
