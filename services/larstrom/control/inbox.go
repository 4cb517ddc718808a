package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/rawstore"
)

// inbox takes exports over HTTP: one file as the body, named by the query, or
// several as the parts of a form. Files of one request are handed in together:
// those that wait together are taken in the order of their as-of dates.
type inbox struct {
	dir string
	// seal encrypts files until they are handed in; nil: there are no keys. A
	// manifest has no rows and lies in clear.
	seal      *rawstore.Sealer
	submitter Submitter
	// base outlives the request: that the sender hangs up does not stop
	// half-way what has begun.
	base context.Context
	// allow says whether the request may hand in these files.
	allow func(r *http.Request, paths []string) error
}

// SourceOperators is the inbox of a portal: who hands in shows a personal token
// and is a source operator for the registries of the files. dir is a folder of
// its own for files on their way in, where seal encrypts them.
func SourceOperators(base context.Context, dir string, seal *rawstore.Sealer, c *catalog.Catalog, s Submitter) (http.Handler, error) {
	if err := emptyFolder(dir); err != nil {
		return nil, err
	}
	index := c.Index()
	operator := func(r *http.Request) (*catalog.Person, bool) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || token == "" {
			return nil, false
		}
		return index.PersonByToken(token)
	}
	box := &inbox{dir, seal, s, base, func(r *http.Request, paths []string) error {
		p, _ := operator(r)
		for _, path := range paths {
			feed, err := index.FeedFor(filepath.Base(path))
			if err != nil {
				return invalid("%v", err)
			}
			if p == nil || !slices.ContainsFunc(p.Roles, func(role catalog.Role) bool {
				return role.Role == roleOperator && (len(role.Registries) == 0 || slices.Contains(role.Registries, feed.Registry))
			}) {
				return &Error{http.StatusForbidden, codeForbidden, fmt.Sprintf("only a %s for registry %s hands in files of feed %s", roleOperator, feed.Registry, feed.ID)}
			}
		}
		return nil
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Nothing is written for somebody who may hand in nothing.
		p, known := operator(r)
		switch {
		case !known:
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, &Error{http.StatusUnauthorized, codeUnauthorized, "a personal token of the catalog is needed"})
		case !slices.ContainsFunc(p.Roles, func(role catalog.Role) bool { return role.Role == roleOperator }):
			refuse(w, &Error{http.StatusForbidden, codeForbidden, p.ID + " is no " + roleOperator})
		default:
			box.ServeHTTP(w, r)
		}
	}), nil
}

// roleOperator is the role of the catalog that hands in exports.
const roleOperator = "source_operator"

// emptyFolder makes the folder, without what a crash left in it.
func emptyFolder(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("folder for incoming files: %w", err)
	}
	return nil
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	again := false
	if v := r.URL.Query().Get("again"); v != "" {
		var err error
		if again, err = strconv.ParseBool(v); err != nil {
			refuse(w, invalid("again=%q: write true or false", v))
			return
		}
	}
	dir, err := os.MkdirTemp(b.dir, "")
	if err != nil {
		answer(w, nil, err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	paths, err := b.receive(r, dir)
	if err == nil {
		err = b.allow(r, paths)
	}
	if err != nil {
		answer(w, nil, err)
		return
	}
	receipts, err := b.submitter.Submit(b.base, paths, again)
	answer(w, receipts, err)
}

// Names of the parts of a form that hands in files. A manifest follows its file.
const (
	partFile     = "file"
	partManifest = "manifest"
)

// receive writes the files of a request into dir and returns those that are to
// be handed in, which do not include manifests beside their files.
func (b *inbox) receive(r *http.Request, dir string) (paths []string, err error) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		path, err := receiveFile(dir, 0, r.URL.Query().Get("name"), r.Body, b.seal)
		return []string{path}, err
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, invalid("the form cannot be read: %v", err)
	}
	for n := 0; ; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, invalid("the form cannot be read: %v", err)
		}
		switch part.FormName() {
		case partFile:
			n++
		case partManifest: // beside the file before it
		default:
			return nil, invalid("a part of the form is named %q; there are %s and %s", part.FormName(), partFile, partManifest)
		}
		seal := b.seal
		if part.FormName() == partManifest {
			seal = nil
		}
		path, err := receiveFile(dir, n, part.FileName(), part, seal)
		if err != nil {
			return nil, err
		}
		if part.FormName() == partFile {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return nil, invalid("the form has no part named %s", partFile)
	}
	return paths, nil
}

// receiveFile keeps the base name, from which the feed is told; a folder for
// each file keeps two of one name apart.
func receiveFile(dir string, n int, name string, body io.Reader, seal *rawstore.Sealer) (string, error) {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") {
		return "", invalid("the name %q is not that of a file without its folder", name)
	}
	dir = filepath.Join(dir, strconv.Itoa(n))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	lies := path
	if seal != nil {
		lies = rawstore.IncomingName(path)
	}
	f, err := os.OpenFile(lies, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return "", invalid("the file %q comes twice", name)
	}
	if err != nil {
		return "", err
	}
	err = copySealed(f, body, seal)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("receive %s: %w", name, err)
	}
	return path, nil
}

// copySealed writes the body to the file, encrypted where there is a seal.
func copySealed(f *os.File, body io.Reader, seal *rawstore.Sealer) error {
	if seal == nil {
		_, err := io.Copy(f, body)
		return err
	}
	n, err := seal.Begin(f)
	if err != nil {
		return err
	}
	to, err := seal.Append(f, 0, n)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(to, body, make([]byte, 1<<20)) // a frame a piece
	return err
}
