package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"larstrom/pipeline/embedded/engine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("fetch", flag.ContinueOnError)
	cache := flags.String("cache", "", "directory to keep the library in (default $LARSTROM_CACHE, else larstrom in the user's cache)")
	goos := flags.String("os", runtime.GOOS, "operating system of the library")
	goarch := flags.String("arch", runtime.GOARCH, "architecture of the library")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	p, err := packageFor(*goos, *goarch)
	if err != nil {
		return err
	}
	if *cache == "" {
		if *cache, err = engine.CacheDir(); err != nil {
			return err
		}
	}
	name, err := fetch(ctx, p, *cache, engine.LibraryFileName(*goos, *goarch), npmPack)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, name)
	return err
}

// pinned is one package, as published.
type pinned struct {
	npm       string // name in the registry, with engine.LibraryVersion
	integrity string // of the package's file, as npm writes it
	member    string // of the archive: the library
	size      int64  // of the member
}

// packages are what exists at this version. Other platforms are named by the
// library's project but have no package there.
func packages() map[string]pinned {
	return map[string]pinned{
		"linux/amd64": {
			npm:       "@chdb/lib-linux-x64-gnu",
			integrity: "sha512-fPrLmRt5Moor9yGz4mazbrNje4t7X9KB2mTGkXFWRxRBs2iKy8yh6jx11xsa0Qr3iDFMU/yHqd+bVdYJXu3QaQ==",
			member:    "package/libchdb.so",
			size:      559044752,
		},
	}
}

func packageFor(goos, goarch string) (pinned, error) {
	all := packages()
	if p, ok := all[goos+"/"+goarch]; ok {
		return p, nil
	}
	var have []string
	for platform := range all {
		have = append(have, platform)
	}
	slices.Sort(have)
	return pinned{}, fmt.Errorf("there is no libchdb %s package for %s/%s (there is for %s); build one and set %s to it, or configure a ClickHouse server",
		engine.LibraryVersion, goos, goarch, strings.Join(have, ", "), engine.EnvLibrary)
}

// packer downloads a package into a directory and returns its file name.
type packer func(ctx context.Context, spec, dir string) (string, error)

// npmPack uses the ordinary client, and so the registry that it is set up for.
func npmPack(ctx context.Context, spec, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, "npm", "pack", "--json", "--pack-destination", dir, spec)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("npm pack %s: %w: %s", spec, err, strings.TrimSpace(stderr.String()))
	}
	var packed []struct {
		Filename string `json:"filename"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &packed); err != nil || len(packed) != 1 {
		return "", fmt.Errorf("npm pack %s: unexpected answer %.200q", spec, stdout.String())
	}
	// The name in the answer differs from that on disk for scoped packages in
	// some versions of npm; the directory is empty but for it.
	files, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("npm pack %s: want one file in %s, there are %d", spec, dir, len(files))
	}
	return files[0], nil
}

// fetch brings the library into the cache unless it is there, and returns its
// file name.
func fetch(ctx context.Context, p pinned, cache, fileName string, pack packer) (string, error) {
	target := filepath.Join(cache, fileName)
	if present(target, p.size) {
		return target, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("cache: %w", err)
	}
	unlock, err := lock(filepath.Join(cache, "fetch.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if present(target, p.size) { // another one fetched it meanwhile
		return target, nil
	}
	dir, err := os.MkdirTemp(cache, "fetch-*")
	if err != nil {
		return "", fmt.Errorf("cache: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	archive, err := pack(ctx, p.npm+"@"+engine.LibraryVersion, dir)
	if err != nil {
		return "", err
	}
	if err := verify(archive, p.integrity); err != nil {
		return "", err
	}
	unpacked := filepath.Join(dir, "library")
	if err := unpack(archive, p.member, unpacked, p.size); err != nil {
		return "", err
	}
	if err := os.Rename(unpacked, target); err != nil {
		return "", fmt.Errorf("cache: %w", err)
	}
	return target, syncDir(cache)
}

// present trusts the name, which only a whole, verified library gets; the size
// guards against a disk that lost its end.
func present(name string, size int64) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

func lock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("cache: lock %s: %w", name, err)
	}
	return func() { _ = f.Close() }, nil
}

// verify compares a file with an integrity string, "sha512-" and base64.
func verify(name, integrity string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer func() { _ = f.Close() }()
	hash := sha512.New()
	if _, err := io.Copy(hash, f); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(hash.Sum(nil)); got != integrity {
		return fmt.Errorf("the package that came is not the one that is pinned: %s, want %s; nothing was unpacked", got, integrity)
	}
	return nil
}

// unpack writes one member of the archive to a file and syncs it.
func unpack(archive, member, target string, size int64) error {
	f, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	defer func() { _ = f.Close() }()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", archive, err)
	}
	for members := tar.NewReader(zipped); ; {
		header, err := members.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("unpack %s: it has no %s", archive, member)
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", archive, err)
		}
		if header.Name != member {
			continue
		}
		if header.Size != size {
			return fmt.Errorf("unpack %s: %s has %d bytes, want %d", archive, member, header.Size, size)
		}
		out, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		_, err = io.Copy(out, members)
		if err == nil {
			err = out.Sync()
		}
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", archive, err)
		}
		return nil
	}
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	return nil
}
