package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"ipcredit/shared/fn"
	"ipcredit/shared/open"
)

// root is the top of the repository, seen from this package.
const root = ".."

// mostFunctions is where OpenFaaS CE stops.
const mostFunctions = 15

// stack is what of stack.yml is compared. Unknown top-level keys are skipped, as
// faas-cli does; the x- ones hold what functions share.
type stack struct {
	Provider      struct{ Name string }
	Configuration struct{ Copy []string }
	Functions     map[string]deployed
}

type deployed struct {
	Lang        string
	Handler     string
	Image       string
	Environment map[string]string
	Secrets     []string
	Limits      resources
	Requests    resources
	ReadOnly    bool `yaml:"readonly_root_filesystem"`
	Labels      map[string]string
	Annotations map[string]string
}

type resources struct{ Memory, CPU string }

// variable is faas-cli's substitution: ${NAME} or ${NAME:-default}.
var variable = regexp.MustCompile(`\$\{([A-Z0-9_]+)(?::-([^}]*))?\}`)

// readStack reads stack.yml as faas-cli does where no variable is set.
func readStack(t *testing.T) stack {
	t.Helper()
	text := variable.ReplaceAllString(read(t, "stack.yml"), "$2")
	if strings.Contains(text, "${") {
		t.Error("stack.yml: a substitution that faas-cli would read in its own way")
	}
	var s stack
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("stack.yml: %v", err)
	}
	return s
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestStackDeploysTheFunctionsOfTheMap(t *testing.T) {
	t.Parallel()
	s := readStack(t)
	if got, want := slices.Sorted(maps.Keys(s.Functions)), slices.Sorted(maps.Keys(functions)); !slices.Equal(got, want) {
		t.Errorf("stack.yml deploys %q, functions/main.go has %q", got, want)
	}
	if n := len(s.Functions); n > mostFunctions {
		t.Errorf("%d functions; OpenFaaS CE stops at %d", n, mostFunctions)
	}
	if s.Provider.Name != "openfaas" {
		t.Errorf("provider %q", s.Provider.Name)
	}
	if want := []string{"./go.mod", "./go.sum", "./shared"}; !slices.Equal(s.Configuration.Copy, want) {
		t.Errorf("configuration.copy is %q, the Dockerfile wants %q", s.Configuration.Copy, want)
	}
	var folders []string
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() != "testdata" {
			folders = append(folders, e.Name())
		}
	}
	if want := slices.Sorted(maps.Keys(functions)); !slices.Equal(folders, want) {
		t.Errorf("folders %q, functions %q", folders, want)
	}
}

func TestStackGivesEachFunctionWhatItOpens(t *testing.T) {
	t.Parallel()
	known := knownEnvironment()
	for name, d := range readStack(t).Functions {
		t.Run(name, func(t *testing.T) {
			f, ok := functions[name]
			if !ok {
				t.Skip("not in the map")
			}
			if f.needs.Function != name {
				t.Errorf("its Needs call it %q", f.needs.Function)
			}
			if f.needs.Admin {
				t.Error("a function never administers Redis")
			}
			if d.Lang != "golang-credit" || d.Handler != "./functions/"+name || d.Image != "ipcredit/"+name+":dev" {
				t.Errorf("lang %q, handler %q, image %q", d.Lang, d.Handler, d.Image)
			}
			if got, want := slices.Sorted(slices.Values(d.Secrets)), f.needs.AllSecrets(); !slices.Equal(got, want) {
				t.Errorf("mounts the secrets %q, opens %q", got, want)
			}
			for key := range d.Environment {
				if !known[key] {
					t.Errorf("environment %q is neither a setting of shared/open nor one of the watchdog", key)
				}
			}
			for _, key := range []string{"city", "public_url", "trusted_hops"} {
				if d.Environment[key] == "" {
					t.Errorf("%s is not set", key)
				}
			}
			for key, wanted := range map[string]bool{"redis_url": f.needs.Redis != open.None, "s3_url": f.needs.Objects != nil} {
				if (d.Environment[key] != "") != wanted {
					t.Errorf("%s is %q, but opened is %t", key, d.Environment[key], wanted)
				}
			}
			if at := strings.IndexByte(d.Environment["redis_url"]+d.Environment["s3_url"], '@'); at >= 0 {
				t.Error("an address holds a password: credentials are secrets")
			}
		})
	}
}

// knownEnvironment are the names a function's environment may have: ours, and
// those of of-watchdog.
func knownEnvironment() map[string]bool {
	known := map[string]bool{
		"read_timeout": true, "write_timeout": true, "exec_timeout": true, "healthcheck_interval": true,
		"max_inflight": true, "ready_path": true, "prefix_logs": true,
	}
	for _, s := range open.Settings() {
		known[s.Name] = true
	}
	// Fixed in the image: the watchdog looks for the function there.
	delete(known, "listen")
	return known
}

// TestStackTicksWhoWantsIt: the cron connector's annotations, exactly where the
// map says so.
func TestStackTicksWhoWantsIt(t *testing.T) {
	t.Parallel()
	for name, d := range readStack(t).Functions {
		topic, schedule := d.Annotations["topic"], d.Annotations["schedule"]
		if functions[name].ticks {
			if topic != "cron-function" || schedule != "* * * * *" {
				t.Errorf("%s: topic %q, schedule %q", name, topic, schedule)
			}
		} else if topic != "" || schedule != "" {
			t.Errorf("%s: is called by cron and has nothing to do then", name)
		}
		answersTick := false
		for _, f := range goFiles(t, "functions/"+name) {
			answersTick = answersTick || !f.test && strings.Contains(f.text, `"POST /{$}"`)
		}
		if answersTick != functions[name].ticks {
			t.Errorf("%s: the map says ticks: %t, but that it answers POST / is %t", name, functions[name].ticks, answersTick)
		}
	}
}

func TestStackKeepsTimesShortAndInOrder(t *testing.T) {
	t.Parallel()
	for name, d := range readStack(t).Functions {
		t.Run(name, func(t *testing.T) {
			get := func(key string) time.Duration {
				v, err := time.ParseDuration(d.Environment[key])
				if err != nil {
					t.Errorf("%s: %v", key, err)
				}
				return v
			}
			reading, calling, writing := get("read_timeout"), get("exec_timeout"), get("write_timeout")
			if reading > calling {
				t.Errorf("a body may take %s to come, longer than the watchdog waits (%s)", reading, calling)
			}
			if writing <= calling {
				t.Errorf("an answer made in %s could not be written in %s", calling, writing)
			}
			if longest := 60 * time.Second; calling > longest || writing > longest+5*time.Second {
				t.Errorf("%s and %s: longer than the gateway waits by default", calling, writing)
			}
			if got := get("healthcheck_interval"); got != time.Second {
				t.Errorf("healthcheck_interval %s: a redeploy waits that long", got)
			}
		})
	}
}

func TestStackBoundsMemoryAndDisk(t *testing.T) {
	t.Parallel()
	for name, d := range readStack(t).Functions {
		t.Run(name, func(t *testing.T) {
			if !d.ReadOnly {
				t.Error("its root file system can be written")
			}
			limit, request := mebibytes(t, d.Limits.Memory), mebibytes(t, d.Requests.Memory)
			if request <= 0 || request > limit {
				t.Errorf("memory: request %d MiB, limit %d MiB", request, limit)
			}
			if thousandths(t, d.Requests.CPU) > thousandths(t, d.Limits.CPU) {
				t.Errorf("cpu: request %s, limit %s", d.Requests.CPU, d.Limits.CPU)
			}
			calls, err := strconv.Atoi(d.Environment["max_inflight"])
			if err != nil || calls < 1 {
				t.Fatalf("max_inflight %q", d.Environment["max_inflight"])
			}
			if bodies := calls * fn.MaxBody >> 20; bodies > limit*3/4 {
				t.Errorf("%d bodies of 8 MiB are %d MiB, more than three quarters of %d MiB", calls, bodies, limit)
			}
		})
	}
}

// mebibytes reads Kubernetes' form in MiB, which faasd reads too.
func mebibytes(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSuffix(s, "Mi"))
	if err != nil || !strings.HasSuffix(s, "Mi") {
		t.Errorf("memory %q is not a number of Mi", s)
	}
	return n
}

func thousandths(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSuffix(s, "m"))
	if err != nil || !strings.HasSuffix(s, "m") || n <= 0 {
		t.Errorf("cpu %q is not a number of thousandths", s)
	}
	return n
}

// dnsName is what Kubernetes takes for a name (RFC 1123): no underscore, no dot.
var dnsName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func TestNamesAreOnesKubernetesTakes(t *testing.T) {
	t.Parallel()
	label := regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$`)
	for name, d := range readStack(t).Functions {
		for _, s := range append(slices.Clone(d.Secrets), name) {
			if !dnsName.MatchString(s) {
				t.Errorf("%s: %q is not a DNS label", name, s)
			}
		}
		for key, value := range d.Labels {
			if !label.MatchString(value) {
				t.Errorf("%s: label %s has the value %q", name, key, value)
			}
		}
	}
	for _, s := range operator.AllSecrets() {
		if !dnsName.MatchString(s) {
			t.Errorf("operator: %q is not a DNS label", s)
		}
	}
}

// TestGitignoreHidesNothingOfOurs: faas-cli appends its three lines where one is
// missing, after !template, and the committed template would be hidden; and a
// line without a slash hides every folder of that name.
func TestGitignoreHidesNothingOfOurs(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(read(t, ".gitignore")), "\n")
	at := slices.Index(lines, "!template")
	for _, line := range []string{"template", "build", ".secrets"} {
		if i := slices.Index(lines, line); i < 0 || i > at {
			t.Errorf(".gitignore: the line %q must stand before !template", line)
		}
	}
	for _, folder := range []string{"functions", "shared"} {
		walk(t, folder, func(file, _ string) {
			for part := range strings.SplitSeq(file, "/") {
				if slices.Contains(lines, part) && !slices.Contains(lines, "!"+part) {
					t.Errorf(".gitignore: the line %q hides %s; with a slash in front it means the top only", part, file)
				}
			}
		})
	}
}

// TestReadmeTablesEverySetting compares the README with the code. What it prints
// can be pasted between the markers.
func TestReadmeTablesEverySetting(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	want.WriteString("| setting | default | what it does |\n|---|---|---|\n")
	for _, s := range open.Settings() {
		byDefault := "–"
		if s.Default != "" {
			byDefault = "`" + s.Default + "`"
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", s.Name, byDefault, strings.ReplaceAll(s.What, "|", `\|`))
	}
	_, rest, begun := strings.Cut(read(t, "README.md"), "<!-- settings -->")
	got, _, ended := strings.Cut(rest, "<!-- /settings -->")
	if !begun || !ended {
		t.Fatalf("README.md: no <!-- settings --> … <!-- /settings -->; between them belongs\n\n%s", want.String())
	}
	if strings.TrimSpace(got) != strings.TrimSpace(want.String()) {
		t.Errorf("README.md: the table of settings is not shared/open's:\n\n%s", want.String())
	}
}
