package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// LibraryVersion is the version of the packages @chdb/lib-* that this package is
// built and tested against.
const LibraryVersion = "26.5.3"

// Environment variables that say where the library is.
const (
	EnvLibrary = "LARSTROM_LIBCHDB" // file name of libchdb
	EnvCache   = "LARSTROM_CACHE"   // cache directory that fetch fills
)

// LibraryFileName is the versioned name under which fetch keeps the library.
func LibraryFileName(goos, goarch string) string {
	return fmt.Sprintf("libchdb-%s-%s-%s.so", LibraryVersion, goos, goarch)
}

// CacheDir is the directory that fetch fills: $LARSTROM_CACHE, or the folder
// larstrom in the user's cache directory.
func CacheDir() (string, error) {
	if dir := os.Getenv(EnvCache); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cache directory for libchdb: %w; set %s", err, EnvCache)
	}
	return filepath.Join(dir, "larstrom"), nil
}

// FindLibrary returns the file name of libchdb: $LARSTROM_LIBCHDB, else the one
// that fetch put into the cache, else one beside the executable (versioned or
// plain libchdb.so). Its error wraps ErrNoLibrary and lists where it looked.
func FindLibrary() (string, error) {
	if name := os.Getenv(EnvLibrary); name != "" {
		if isFile(name) {
			return filepath.Abs(name)
		}
		return "", fmt.Errorf("%s=%s: no such file: %w", EnvLibrary, name, ErrNoLibrary)
	}
	versioned := LibraryFileName(runtime.GOOS, runtime.GOARCH)
	var looked []string
	if dir, err := CacheDir(); err == nil {
		looked = append(looked, filepath.Join(dir, versioned))
	}
	if exe, err := os.Executable(); err == nil {
		if resolved, err := filepath.EvalSymlinks(exe); err == nil {
			exe = resolved
		}
		dir := filepath.Dir(exe)
		looked = append(looked, filepath.Join(dir, versioned), filepath.Join(dir, "libchdb.so"))
	}
	for _, name := range looked {
		if isFile(name) {
			return name, nil
		}
	}
	return "", fmt.Errorf("looked for %q: %w", looked, ErrNoLibrary)
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
