package deploy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"

	"larstrom/pipeline/embedded/engine"
)

// The embedded engine reads the server's own files of users, profiles, quotas
// and grants, and holds to them; but whoever opens it is its user "default". So
// the users are tried one session each: the file is the deployment's, with the
// one user in the place of "default".

// answer is what one statement of a session gave.
type answer struct {
	Result string
	Code   int // ClickHouse's; 0: none
	Error  string
}

// session runs statements in the engine as one of the users of users.d/larstrom.xml,
// on a data path of its own or one that others share. The user "" is one that may
// do everything, beside all the others.
type session struct {
	path string // data path
	env  map[string]string
}

func (s session) run(t *testing.T, user string, statements ...string) []answer {
	t.Helper()
	library, err := engine.FindLibrary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"config.xml":            "<clickhouse><users_config>" + dir + "/users.xml</users_config></clickhouse>",
		"config.d/larstrom.xml": read(t, "clickhouse/config.d/larstrom.xml"),
		// What the image has of its own.
		"users.xml": "<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default><no_password/><profile>default</profile>" +
			"<quota>default</quota><networks><ip>::/0</ip></networks><access_management>1</access_management></default></users></clickhouse>",
		"users.d/larstrom.xml": usersAs(t, user),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Without it the library takes the path for a new one each time.
	if err := os.MkdirAll(filepath.Join(s.path, "metadata"), 0o700); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	input, err := json.Marshal(statements)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "session", library, "--path="+s.path, "--config-file="+dir+"/config.xml")
	cmd.Stdin, cmd.Env = bytes.NewReader(input), os.Environ()
	for name, value := range s.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("session of user %q: %v\n%s", user, err, said.String())
	}
	var answers []answer
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(statements) {
		t.Fatalf("session of user %q: %d answers to %d statements: %v\n%s", user, len(answers), len(statements), err, said.String())
	}
	return answers
}

// usersAs is users.d/larstrom.xml with the user in the place of "default", without
// what binds its network and password; for "" everything is granted to "default".
func usersAs(t *testing.T, user string) string {
	t.Helper()
	text := read(t, "clickhouse/users.d/larstrom.xml")
	// The embedded engine leaves access_control_improvements out.
	text = strings.ReplaceAll(text, "<changeable_in_readonly/>", "")
	settings, users, ok := strings.Cut(text, "<users>")
	if !ok {
		t.Fatal("users.d/larstrom.xml has no users")
	}
	container := regexp.MustCompile(`(?s)<default replace="replace">.*?</default>`)
	if !container.MatchString(users) {
		t.Fatal("users.d/larstrom.xml does not replace the user default")
	}
	switch user {
	case "":
		users = container.ReplaceAllString(users, "")
		return settings + "<users>" + users
	case "default":
	default:
		users = container.ReplaceAllString(users, "")
		element := regexp.MustCompile(`(?s)<` + user + `>(.*?)</` + user + `>`)
		if !element.MatchString(users) {
			t.Fatalf("users.d/larstrom.xml has no user %s", user)
		}
		users = element.ReplaceAllString(users, `<default replace="replace">$1</default>`)
	}
	own := regexp.MustCompile(`(?s)<default replace="replace">.*?</default>`)
	users = own.ReplaceAllStringFunc(users, func(u string) string {
		u = regexp.MustCompile(`<password_sha256_hex[^>]*/>`).ReplaceAllString(u, "<no_password/>")
		return regexp.MustCompile(`(?s)<networks>.*?</networks>`).ReplaceAllString(u, "<networks><ip>::/0</ip></networks>")
	})
	return settings + "<users>" + users
}

// runSession is the child: library and arguments of the engine in args, a JSON
// array of statements on standard input, their answers on standard output.
func runSession(args []string) error {
	runtime.LockOSThread()
	var statements []string
	if err := json.NewDecoder(os.Stdin).Decode(&statements); err != nil {
		return err
	}
	handle, err := purego.Dlopen(args[0], purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return err
	}
	var (
		connect         func(argc int32, argv unsafe.Pointer) unsafe.Pointer
		closeConn       func(conn unsafe.Pointer)
		query           func(conn, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, m uintptr) unsafe.Pointer
		buffer, failure func(result unsafe.Pointer) unsafe.Pointer
		length          func(result unsafe.Pointer) uintptr
		destroy         func(result unsafe.Pointer)
		handlers        func(enabled int32)
	)
	for name, f := range map[string]any{"chdb_connect": &connect, "chdb_close_conn": &closeConn, "chdb_query_n": &query, "chdb_result_buffer": &buffer,
		"chdb_result_error": &failure, "chdb_result_length": &length, "chdb_destroy_query_result": &destroy, "chdb_set_signal_handlers_enabled": &handlers} {
		address, err := purego.Dlsym(handle, name)
		if err != nil {
			return err
		}
		purego.RegisterFunc(f, address)
	}
	handlers(0)
	arguments := append([]string{"clickhouse"}, args[1:]...)
	pointers := make([]unsafe.Pointer, len(arguments)+1)
	for i, a := range arguments {
		pointers[i] = text(a)
	}
	session := connect(int32(len(arguments)), unsafe.Pointer(&pointers[0]))
	if session == nil {
		return errors.New("the engine refused its configuration")
	}
	defer closeConn(session)
	code := regexp.MustCompile(`Code: (\d+)`)
	answers := make([]answer, len(statements))
	for i, s := range statements {
		r := query(*(*unsafe.Pointer)(session), text(s), uintptr(len(s)), text("TSV"), 3)
		if p := failure(r); p != nil {
			answers[i].Error = goText(p)
			if m := code.FindStringSubmatch(answers[i].Error); m != nil {
				answers[i].Code, _ = strconv.Atoi(m[1])
			}
			answers[i].Code = max(answers[i].Code, 1)
		} else if n := length(r); n > 0 {
			answers[i].Result = string(unsafe.Slice((*byte)(buffer(r)), n))
		}
		destroy(r)
	}
	runtime.KeepAlive(pointers)
	out, err := json.Marshal(answers)
	if err == nil {
		_, err = os.Stdout.Write(out)
	}
	return err
}

func text(s string) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(append([]byte(s), 0)))
}

func goText(p unsafe.Pointer) string {
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}

// wantAll fails for each statement that did not succeed.
func wantAll(t *testing.T, user string, statements []string, answers []answer) {
	t.Helper()
	for i, a := range answers {
		if a.Code != 0 {
			t.Errorf("%s: %s\n%s", user, short(statements[i]), a.Error)
		}
	}
}

func short(s string) string {
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return fmt.Sprintf("%q", s)
}
