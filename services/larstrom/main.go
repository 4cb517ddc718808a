package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() { os.Exit(start(os.Args[1:])) }

// nameOf is how people call the program, as they have called it: what they are
// told to run next is then what works where they are.
func nameOf(args []string) string {
	if len(args) > 0 && filepath.Base(args[0]) == programName {
		return quoted(args[0])
	}
	return programName
}

const programName = "larstrom"

func start(args []string) int {
	// The first signal ends what is under way in the order of the data; the
	// second is no longer caught and ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop)
	return execute(ctx, args, &console{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, name: nameOf(os.Args)})
}

// Exit statuses.
const (
	exitDone  = 0
	exitData  = 1 // the data or the request
	exitUsage = 2
)

// execute runs one command line and returns its exit status.
func execute(ctx context.Context, args []string, c *console) int {
	var grammar cli
	status := -1
	parser, err := kong.New(&grammar,
		kong.Name(programName),
		kong.ValueFormatter(described),
		kong.Description("Quality-registry exports in, checked and released charts out."),
		kong.Writers(c.out, c.err),
		kong.Exit(func(code int) { status = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(c),
	)
	if err != nil {
		return c.fail(err, exitUsage)
	}
	if len(args) == 0 {
		if err := writeFirstWords(c.err, c.name); err != nil {
			return c.fail(err, exitUsage)
		}
		return exitUsage
	}
	k, err := parser.Parse(args)
	if status >= 0 { // --help has answered
		return status
	}
	if err != nil {
		return c.fail(fmt.Errorf("%w; `larstrom --help` shows the commands and `larstrom COMMAND --help` their flags", err), exitUsage)
	}
	c.level = grammar.LogLevel
	err = k.Run()
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errShown):
		return exitData
	case errors.As(err, &usage):
		return c.fail(err, exitUsage)
	case errors.As(err, new(*fs.PathError)) && errors.Is(err, fs.ErrNotExist) && !strings.Contains(err.Error(), ";"):
		return c.fail(fmt.Errorf("%w; name a file that is there", err), exitData)
	default:
		return c.fail(err, exitData)
	}
}

// writeFirstWords is for those who call the program without a word.
func writeFirstWords(w io.Writer, name string) error {
	return writeTable(w, []string{
		"Quality-registry exports in, checked and released charts out.", "",
		"  " + name + " simulate --out DIR --seed 1\ta synthetic region to try it with",
		"  " + name + " check FILE\twhat would be accepted and rejected of an export, and why",
		"  " + name + " up --data DIR --catalog DIR --drop DIR\trun it: exports in the drop folder become charts",
		"  " + name + " status --data DIR\twhat came, what is held, what is published",
		"  " + name + " flags list --data DIR\twhat is under question", "",
		name + " --help shows all commands, " + name + " COMMAND --help what one of them takes.",
	})
}

// described adds to a flag's help the default that its words leave out.
func described(v *kong.Value) string {
	help := v.Help
	if v.HasDefault && v.Default != "" && !v.IsBool() && !strings.Contains(help, v.Default) {
		help = strings.TrimSuffix(help, ".") + " (default: " + v.Default + ")."
	}
	d := *v
	d.Help = help
	return kong.DefaultHelpValueFormatter(&d)
}

// errShown ends a command with status 1 whose output has said why.
var errShown = errors.New("the output says why")

// usageError is a command line that its grammar alone could not refuse.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// console is what a command has of its surroundings.
type console struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	level    string
	name     string // of the program, as it was called
}

// fail reports err on one line (a catalog has a line for each problem).
func (c *console) fail(err error, status int) int {
	text := strings.TrimSpace(err.Error())
	if first, rest, more := strings.Cut(text, "\n"); more {
		text = first + "\n  " + strings.ReplaceAll(rest, "\n", "\n  ")
	}
	_, _ = fmt.Fprintln(c.err, "larstrom: "+text)
	return status
}
