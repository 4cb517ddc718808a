package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"larstrom/pipeline/embedded/engine"
	"larstrom/pipeline/intake"
)

// selfSigned writes a certificate of 127.0.0.1 and its key.
func selfSigned(t *testing.T, cert, key string, serial int64) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUploadToAServer: a sender with the token of a feed hands in a file over
// TLS and gets its receipt and its rejected rows; the certificate is renewed
// meanwhile.
func TestUploadToAServer(t *testing.T) {
	root := t.TempDir()
	made := larstrom(t, "", "token", "--feed", "ae", "--json")
	var token struct {
		Token struct {
			Token  string `json:"token"`
			SHA256 string `json:"token_sha256"`
		} `json:"token"`
	}
	if err := json.Unmarshal([]byte(made.Out), &token); err != nil {
		t.Fatalf("%+v: %v", made, err)
	}
	if h := sha256.Sum256([]byte(token.Token.Token)); hex.EncodeToString(h[:]) != token.Token.SHA256 {
		t.Errorf("the hash is not that of the token")
	}
	folder := filepath.Join(root, "catalog")
	if err := os.CopyFS(folder, os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	feed, err := os.ReadFile(filepath.Join(folder, "feed.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	feed = bytes.Replace(feed, []byte("\n    registry:"), []byte("\n    upload_tokens: ["+token.Token.SHA256+"]\n    registry:"), 1)
	if err := os.WriteFile(filepath.Join(folder, "feed.yaml"), feed, 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := filepath.Join(root, "cert.pem"), filepath.Join(root, "key.pem")
	selfSigned(t, cert, key, 1)
	t.Setenv("SSL_CERT_FILE", cert) // of the commands
	library, err := engine.FindLibrary()
	if err != nil {
		t.Fatalf("this test needs the engine: %v", err)
	}
	t.Setenv("LARSTROM_LIBCHDB", library)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(root, "cache"))
	data := filepath.Join(root, "data")
	process, listen := daemon(t, data, "--catalog", folder, "--tls-cert", cert, "--tls-key", key)
	server := "https://" + listen

	file := export(t, filepath.Join(root, "out"), "ae_attendances_1.csv")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, "2017-12-01,RF4,1,many,1,1\n"...)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	submit := func(token string, files ...string) result {
		t.Helper()
		return larstrom(t, token, append([]string{"submit", "--json", "--server", server}, files...)...)
	}
	receipt := func(r result) intake.Receipt {
		t.Helper()
		var out struct{ Receipts []intake.Receipt }
		if err := json.Unmarshal([]byte(r.Out), &out); err != nil || len(out.Receipts) != 1 {
			t.Fatalf("%+v: %v", r, err)
		}
		return out.Receipts[0]
	}
	first := submit(token.Token.Token, file)
	got := receipt(first)
	if first.Status != 0 || got.Status != intake.StatusAccepted || got.Rejected != 1 {
		t.Fatalf("%+v", first)
	}
	rows, err := os.ReadFile(got.RejectedRows)
	if err != nil || !strings.Contains(string(rows), "rule,column,hint") || !strings.Contains(string(rows), "many") {
		t.Errorf("the rejected rows %q: %v", rows, err)
	}
	if entries, err := os.ReadDir(filepath.Join(root, "cache", "larstrom", "uploads")); err != nil || len(entries) > 0 {
		t.Errorf("notes are left: %v %v", entries, err)
	}
	// Again: a note. With another feed's name: refused. With no token: told.
	if r := receipt(submit(token.Token.Token, file)); r.Status != intake.StatusRepeated {
		t.Errorf("again: %+v", r)
	}
	other := filepath.Join(root, "out", "other.csv")
	if err := os.WriteFile(other, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := submit(token.Token.Token, other); r.Status != 1 || !strings.Contains(r.Err, "ae_attendances") {
		t.Errorf("a name of no feed: %+v", r)
	}
	if r := submit("another", file); r.Status != 1 || !strings.Contains(r.Err, "token") {
		t.Errorf("a wrong token: %+v", r)
	}

	// The certificate is renewed under the running process.
	serial := func() int64 {
		conn, err := tls.Dial("tcp", listen, &tls.Config{InsecureSkipVerify: true}) // only looks at the certificate
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Fatalf("the certificate %d is served", n)
	}
	selfSigned(t, cert, key, 2)
	for deadline := time.Now().Add(20 * time.Second); serial() != 2; {
		if time.Now().After(deadline) {
			t.Fatal("the renewed certificate is not served")
		}
	}
	// curl's way: the whole file in one request.
	pool := x509.NewCertPool()
	pemBytes, err := os.ReadFile(cert)
	if err != nil || !pool.AppendCertsFromPEM(pemBytes) {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server+"/v1/files/ae_attendances_2.csv", bytes.NewReader(append(b, "2017-11-01,RF4,2,5,1,1\n"...)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Token.Token)
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var r intake.Receipt
	err = errors.Join(json.NewDecoder(res.Body).Decode(&r), res.Body.Close())
	if err != nil || res.StatusCode != http.StatusOK || r.Status != intake.StatusAccepted {
		t.Errorf("%s %+v %v", res.Status, r, err)
	}
	// Every feed has its numbers, also those that are 0.
	res, err = client.Get(server + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`larstrom_deliveries_total{feed="ae",outcome="rejected"} 0`, `larstrom_deliveries_total{feed="ae",outcome="accepted"} 2`,
		`larstrom_uploads_total{feed="ae",outcome="handed_in"} 3`, `larstrom_feed_late{feed="ae"} 0`} {
		if !strings.Contains(string(metrics), want+"\n") {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if err := process.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err != nil {
		t.Errorf("after SIGINT: %v, want status 0", err)
	}
	for _, args := range [][]string{{"--tls-cert", cert}, {"--tls-cert", filepath.Join(root, "none"), "--tls-key", key}} {
		if r := larstrom(t, "", append([]string{"up", "--data", data}, args...)...); r.Status == 0 || !strings.Contains(r.Err, "--tls-") {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

// TestPrivate: a personal token in clear text over a network is refused.
func TestPrivate(t *testing.T) {
	taken := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for _, x := range []struct {
		ip     net.IP
		proxy  bool
		tls    bool
		status int
	}{
		{net.IPv4(192, 0, 2, 1), false, false, 403}, {net.IPv4(192, 0, 2, 1), true, false, 200}, {net.IPv4(192, 0, 2, 1), false, true, 200},
		{net.IPv4(127, 0, 0, 1), false, false, 200}, {nil, false, false, 403},
	} {
		ctx := t.Context()
		if x.ip != nil {
			ctx = context.WithValue(ctx, http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: x.ip}))
		}
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/submit", nil)
		if x.tls {
			r.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		private(taken, x.proxy).ServeHTTP(w, r)
		if w.Code != x.status {
			t.Errorf("%+v: %d", x, w.Code)
		}
	}
}
